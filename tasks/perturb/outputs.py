"""What the doors of perturb hand on."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True)
class PlannedShard:
    """The samples of some clips."""

    samples: Artifact
    counts: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class SampleSet:
    """All samples: training pool, held-out pool and VIUBench."""

    samples: Artifact
    report: StageReport


@dataclass(frozen=True)
class BenchmarkPlan:
    """VIUBench on clips that are all held out."""

    clips: Artifact
    """Rows of Clip."""
    samples: Artifact
    """Rows of Sample."""
    report: StageReport
