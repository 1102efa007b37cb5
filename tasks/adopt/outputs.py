"""What the adopt stage hands on."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True)
class AdoptedSet:
    """Somebody else's data set as clips and samples, and the rows that could not be used."""

    clips: Artifact
    """Rows of Clip."""
    samples: Artifact
    """Rows of Sample; their views are unedited."""
    rejected: Artifact
    """Rows of Rejection: file and row number, reason, and the field with what was wrong."""
    origins: Artifact
    """Rows of Origin, one for each sample."""
    report: StageReport
