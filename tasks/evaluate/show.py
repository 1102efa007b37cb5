"""The videos of questions as the model sees them; questions on one video share it."""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from tasks.benchmarks.records import BenchmarkFolder
from tasks.benchmarks.viubench.folder import built_clips, data_root_of
from tasks.core.types import Clip, Sample, VideoFile
from tasks.video.official import Showing, show_file
from tasks.video.render import ShownVideo, render_sample

_KEPT = 9
"""Videos held at once: as many as one question may show (64 frames of 512x512 are 50 MB)."""


class Shower:
    """Opens a video once for all questions on it, if they come one after the other."""

    def __init__(self, folders: Sequence[BenchmarkFolder]) -> None:
        self._folders = {folder.name: folder for folder in folders}
        self._kept: OrderedDict[tuple[str, VideoFile], ShownVideo | str] = OrderedDict()
        self._clips: dict[str, dict[str, Clip]] = {}
        self.num_decoded = 0

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """The videos of `sample`, in order.

        Raises:
            ValueError: one is missing or cannot be shown; asking again does not open it again.
        """
        files = [view.file for view in sample.views if view.file]
        return tuple(self._shown(sample.pretext, file) for file in files) if files else self._rendered(sample)

    def _rendered(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """Altered frames of a benchmark that was built here."""
        folder = Path(self._folders[sample.pretext].folder)
        if sample.pretext not in self._clips:
            self._clips[sample.pretext] = built_clips(folder)
        try:
            return render_sample(data_root_of(folder), sample, self._clips[sample.pretext])
        except (OSError, KeyError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

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
