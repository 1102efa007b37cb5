"""The typed answers a question can have. Standard library only: this package is the leaf of the house."""

from dataclasses import dataclass
from enum import StrEnum


class AnswerKind(StrEnum):
    """Which typed answer a text stands for."""

    INTERVAL = "interval"
    COUNTS = "counts"
    PERMUTATION = "permutation"


@dataclass(frozen=True)
class Interval:
    """A time span in seconds, start <= end."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Counts:
    """How many of each thing, in the order the question asks for."""

    values: tuple[int, ...]


@dataclass(frozen=True)
class Permutation:
    """An order of 1..n: the k-th entry is the shown position of the k-th original clip."""

    positions: tuple[int, ...]


Answer = Interval | Counts | Permutation
