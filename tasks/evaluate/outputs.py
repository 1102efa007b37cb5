"""What the doors of evaluate hand on."""

from dataclasses import dataclass

from tasks.core.types import Artifact


@dataclass(frozen=True)
class Candidate:
    """A policy to score, under the name it has in the comparison."""

    name: str
    policy: Artifact


@dataclass(frozen=True)
class AnsweredShard:
    """The answers to one shard."""

    answers: Artifact
    """Rows of Reply."""
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
