"""The videos of questions as the model sees them; questions on one video share it."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from tasks.core.types import Sample, VideoFile
from tasks.evaluate.outputs import BenchmarkFolder
from tasks.video.official_video import Showing, show_file
from tasks.video.render import ShownVideo

_KEPT = 9
"""Videos held at once: as many as one question may show (64 frames of 512x512 are 50 MB)."""


class Shower:
    """Opens a video once for all questions on it, if they come one after the other."""

    def __init__(self, folders: Sequence[BenchmarkFolder]) -> None:
        self._folders = {folder.name: folder for folder in folders}
        self._kept: OrderedDict[tuple[str, VideoFile], ShownVideo | str] = OrderedDict()
        self.num_decoded = 0

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """The videos of `sample`, in order.

        Raises:
            ValueError: one is missing or cannot be shown; asking again does not open it again.
        """
        return tuple(self._shown(sample.pretext, view.file) for view in sample.views if view.file)

    def _shown(self, benchmark: str, file: VideoFile) -> ShownVideo:
        key = benchmark, file
        if key not in self._kept:
            self._kept[key] = self._open(benchmark, file)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        found = self._kept[key]
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def _open(self, benchmark: str, file: VideoFile) -> ShownVideo | str:
        """The video, or why there is none."""
        folder = self._folders[benchmark]
        conditions = folder.conditions
        self.num_decoded += bool(file.paths)
        try:
            return show_file(
                Path(folder.folder),
                file,
                Showing(
                    fps=conditions.fps,
                    max_frames=conditions.max_frames,
                    min_area_px=conditions.min_area_px,
                    max_area_px=conditions.max_area_px,
                ),
            )
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}" if file.paths else str(error)
