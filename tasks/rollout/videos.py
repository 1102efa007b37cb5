"""The videos of questions: opened as the model sees them, and told apart by what they hold.

Pretext questions show stored clips with edits; a benchmark's questions show its files, or the clips
of one built here.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

from tqdm import tqdm

from tasks.benchmarks.file_facts import FileFacts
from tasks.benchmarks.files import BenchmarkFiles, check_own, open_files
from tasks.benchmarks.prompt_tokens import showing_of
from tasks.benchmarks.records import BenchmarkFolder
from tasks.benchmarks.viubench.folder import built_clips, data_root_of
from tasks.core.digest import digest_of, sha256_of_file
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, VideoFile
from tasks.video.official import show_file
from tasks.video.render import ShownVideo, render_sample

_MOST_HELD = 9
"""Videos held at once: as many as one question may show (64 frames of 512x512 are 50 MB)."""
_CONTENTS = "answers/contents"


@runtime_checkable
class VideoSource(Protocol):
    """Where the videos of questions come from."""

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """The videos of `sample`, in order.

        Raises:
            ValueError: one is missing or cannot be shown.
        """
        ...

    def digests(self, samples: Sequence[Sample]) -> list[str]:
        """Of everything that `show` depends on besides the sample itself, for each of `samples`."""
        ...


@dataclass(frozen=True)
class ClipVideos:
    """Clips of the frame store, by clip id."""

    store: Store
    clips: Mapping[str, Clip]

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """See `VideoSource`."""
        try:
            return render_sample(self.store, sample, self.clips)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error

    def digests(self, samples: Sequence[Sample]) -> list[str]:
        """See `VideoSource`: a frame archive is named by its content."""
        return [
            digest_of([self._facts(view.clip_id) for view in sample.views]) for sample in samples
        ]

    def _facts(self, clip_id: str) -> list[object]:
        clip = self.clips.get(clip_id)
        return [clip.frames_key, clip.timestamps_seconds] if clip else [clip_id]


class BenchmarkVideos:
    """Videos of one benchmark: its files, each opened once for all questions on it that come in a
    row, or the clips of one built here."""

    def __init__(self, store: Store, folder: BenchmarkFolder) -> None:
        """`store` remembers what files hold."""
        self._folder = folder.folder
        self._files = open_files(folder.folder)
        self._showing = showing_of(folder.conditions)
        self._contents = _FileContents(store, self._files)
        self._held: OrderedDict[VideoFile, ShownVideo | str] = OrderedDict()
        self.num_decoded = 0

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """See `VideoSource`; a file that cannot be shown is not opened a second time."""
        files = [view.file for view in sample.views if view.file]
        return tuple(map(self._shown, files)) if files else self._built.show(sample)

    def digests(self, samples: Sequence[Sample]) -> list[str]:
        """See `VideoSource`: of the files' bytes (remembered) and of how they are shown."""
        found = [self._digest(sample) for sample in samples]
        self._contents.keep()
        return found

    def contents(self, samples: Sequence[Sample]) -> list[str]:
        """SHA-256 of every video file that is shown to `samples`, each once (remembered); none of
        what is missing, nor of pictures, which no video is made of.

        Raises:
            OSError: one cannot be read.
        """
        files = (view.file for sample in samples for view in sample.views)
        paths = {path for file in files if file and not file.is_frames for path in file.paths}
        progress = tqdm(sorted(paths), desc="contents", unit="video")
        found = {self._contents.sha256(path) for path in progress}
        self._contents.keep()
        return sorted(found)

    def _digest(self, sample: Sample) -> str:
        files = [view.file for view in sample.views if view.file]
        if not files:
            return self._built.digests([sample])[0]
        return digest_of(asdict(self._showing), *map(self._contents.digest, files))

    @cached_property
    def _built(self) -> ClipVideos:
        """Altered frames of a benchmark that was built here."""
        return ClipVideos(data_root_of(self._folder), built_clips(self._folder))

    def _shown(self, file: VideoFile) -> ShownVideo:
        if file not in self._held:
            self._held[file] = self._open(file)
            while len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(file)
        video = self._held[file]
        if isinstance(video, str):
            raise ValueError(video)
        return video

    def _open(self, file: VideoFile) -> ShownVideo | str:
        """The video, or why there is none."""
        self.num_decoded += bool(file.paths)
        try:
            with self._files.hold(file.paths):
                return show_file(self._files.root(), file, self._showing)
        except (OSError, ValueError) as error:
            check_own(error)
            return f"{type(error).__name__}: {error}" if file.paths else str(error)


class _FileContents:
    """Digests of files by content: one that was repaired or replaced under its name is another one.
    Every file is read once."""

    def __init__(self, store: Store, files: BenchmarkFiles) -> None:
        self._files = files
        self._facts = FileFacts[str](store, _CONTENTS)
        self.keep = self._facts.keep

    def digest(self, file: VideoFile) -> str:
        """Of all pictures or the one video, and of the part that is shown."""
        part = [file.fps, file.start_seconds, file.stop_seconds]
        try:
            marks = digest_of([self._files.mark(path) for path in file.paths])
            return digest_of(self._facts.find(marks, lambda: self._digest(file)), part)
        except OSError as error:  # whoever shows it says so
            check_own(error)
            return f"{type(error).__name__} {error.errno}"

    def sha256(self, path: str) -> str:
        """Of one file."""
        mark = digest_of("sha256", self._files.mark(path))
        return self._facts.find(mark, lambda: self._read([path])[0])

    def _digest(self, file: VideoFile) -> str:
        # Of pictures there are too many to keep one for each.
        if file.is_frames:
            return digest_of(self._read(file.paths))
        return digest_of([self.sha256(path) for path in file.paths])

    def _read(self, paths: Sequence[str]) -> list[str]:
        with self._files.hold(paths):
            return [sha256_of_file(self._files.root() / path) for path in paths]
