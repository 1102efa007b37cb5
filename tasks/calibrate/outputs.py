"""What the calibrate stage hands on."""

from dataclasses import dataclass

from tasks.core.types import Artifact


@dataclass(frozen=True)
class Pool:
    """One shard of the training samples, and how many of them may be measured."""

    samples: Artifact
    """Rows of Sample."""
    num_groups: int


@dataclass(frozen=True)
class MeasuredShard:
    """One shard's share of the measurement."""

    samples: Artifact
    """Rows of Sample: the pool, measured or not."""
    measurements: Artifact
    """Rows of Measurement."""
    num_failed: int
    """Samples that could not be rendered, so have no measurement."""
    seconds: float
