"""What the calibrate stage hands on."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True)
class MeasuredShard:
    """One shard's share of the measurement."""

    samples: Artifact
    """Rows of Sample: what was to be measured."""
    measurements: Artifact
    """Rows of Measurement."""
    rollouts: Artifact
    """Rows of Rollout."""
    num_failed: int
    """Samples that could not be rendered, so have no measurement."""
    seconds: float


@dataclass(frozen=True)
class Selection:
    """The samples worth training on, and the measured difficulty."""

    samples: Artifact
    """Rows of Sample: those whose group has spread."""
    cells: Artifact
    """Rows of Cell, before selection."""
    measurements: Artifact
    """Rows of Measurement, one for each measured sample."""
    report: StageReport
