"""What the doors of evaluate hand on."""

from dataclasses import dataclass

from tasks.core.types import Artifact


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
class BenchmarkScores:
    """What one policy scored on a benchmark."""

    scores: Artifact
    """`scores.json`: by type, with chance beside it."""
    predictions: Artifact
    """Rows of SampleScore."""
