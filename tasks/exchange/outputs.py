"""What export hands on."""

from dataclasses import dataclass, field


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
