"""What to export, and how."""

from dataclasses import dataclass

from tasks.core.checks import check, one_of
from tasks.core.types import Split
from tasks.exchange.files import LAYOUTS


@dataclass(frozen=True, kw_only=True)
class ExportPlan:
    """What to export, and how."""

    samples: str
    """Key of a manifest of samples."""
    clips: str
    """Key of the manifest of their clips."""
    layout: str
    """A key of `tasks.exchange.files.LAYOUTS`."""
    split: str = Split.TRAIN.value
    videos: str = "mp4"
    """`mp4`, or `frames` for one PNG picture a frame."""
    prefix: str = ""
    """Put before every path in the rows; empty keeps them relative to the data set's folder."""

    def __post_init__(self) -> None:
        check(self, one_of(*LAYOUTS), "layout")
        check(self, one_of(*Split), "split")
        check(self, one_of("mp4", "frames"), "videos")
