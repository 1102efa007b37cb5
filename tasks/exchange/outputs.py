"""What import and export hand on."""

from dataclasses import dataclass, field

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True)
class ImportedSet:
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


@dataclass(frozen=True)
class ExportedSet:
    """A data set that other projects can read."""

    file: str
    """The rows; videos, README and manifest lie beside it."""
    num_rows: int
    num_videos: int
    """Files (mp4) or folders of frames; a video that several questions show is there once."""
    left_out: dict[str, int] = field(default_factory=dict)
    """Samples that could not be rendered, by reason."""
