"""What the doors of evaluate hand on."""

from dataclasses import dataclass

from tasks.core.types import Artifact
from tasks.evaluate.benchmarks.conditions import Conditions


@dataclass(frozen=True)
class Candidate:
    """A policy to score, under the name it has in the comparison."""

    name: str
    policy: Artifact


@dataclass(frozen=True)
class Benchmark:
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
    """Key of `tasks.evaluate.benchmarks.catalogue.BENCHMARKS`."""
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
    """Of a model behind a server: what its answers belong to (`tasks.evaluate.served.remember`); empty for others."""


@dataclass(frozen=True)
class AnsweredShard:
    """The answers to one shard."""

    answers: Artifact
    """Rows of Answer."""
    num_asked: int
    """Questions that had no answer yet."""
    num_decoded: int
    """Videos that were opened for them."""
    seconds: float


@dataclass(frozen=True)
class BenchmarkTable:
    """One model on all benchmarks."""

    results: dict[str, Artifact]
    """`result.json` by benchmark."""
    table: Artifact
    """Markdown, beside the paper's rows."""
