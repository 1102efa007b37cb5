"""The typed answers a question can have. Standard library only: this package is the leaf of the
house.

An answer is one of the six types below, or any frozen dataclass made of them (`rewards.schema`).
"""

from dataclasses import dataclass
from enum import StrEnum


class AnswerKind(StrEnum):
    """Which typed answer a text stands for."""

    INTERVAL = "interval"
    COUNTS = "counts"
    PERMUTATION = "permutation"
    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"


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


@dataclass(frozen=True)
class Choice:
    """One of the options that the question lists, by its letter."""

    letter: str
    """A to Z."""


@dataclass(frozen=True)
class Number:
    """A finite quantity, in the unit that the question names."""

    value: float


@dataclass(frozen=True)
class Text:
    """Free words; never empty."""

    words: str


Answer = Interval | Counts | Permutation | Choice | Number | Text

KIND_OF: dict[type, AnswerKind] = {
    Interval: AnswerKind.INTERVAL,
    Counts: AnswerKind.COUNTS,
    Permutation: AnswerKind.PERMUTATION,
    Choice: AnswerKind.CHOICE,
    Number: AnswerKind.NUMBER,
    Text: AnswerKind.TEXT,
}
