"""What the doors of perturb hand on."""

from dataclasses import dataclass

from tasks.core.types import Artifact


@dataclass(frozen=True)
class PlannedShard:
    """The samples of some clips."""

    samples: Artifact
    counts: dict[str, float]
    seconds: float
