"""Benchmarks as stages hand them on: where they lie, what will be asked, in which shards."""

from dataclasses import dataclass

from tasks.benchmarks.conditions import Conditions
from tasks.core.types import Artifact


@dataclass(frozen=True)
class BuiltBenchmark:
    """A VIUBench in the store, with its card."""

    key: str
    """Of its folder."""
    version: str
    items: Artifact
    """Rows of Sample."""
    clips: Artifact
    """Rows of Clip."""


@dataclass(frozen=True)
class BenchmarkFolder:
    """A published benchmark on the user's disk, and how it will be asked."""

    name: str
    """Key of `tasks.benchmarks.catalogue.BENCHMARKS`."""
    folder: str
    """Absolute."""
    conditions: Conditions


@dataclass(frozen=True)
class QuestionShard:
    """A part of all questions; those about one video are in one shard."""

    number: int
    questions: Artifact
    """Rows of Sample."""


@dataclass(frozen=True)
class Questions:
    """What a model will be asked."""

    folders: list[BenchmarkFolder]
    num_available: dict[str, int]
    """By benchmark."""
    num_selected: dict[str, int]
    """Fewer with a limit."""
    shards: list[QuestionShard]
    served: str = ""
    """Of a model behind a server: what its answers belong to; empty for others."""
