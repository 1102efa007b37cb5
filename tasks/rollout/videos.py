"""The videos of questions: opened as the model sees them, and told apart by what they hold.

Pretext questions show stored clips with edits; a benchmark's questions show its files, or the clips
of one built here.
"""

import json
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

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
        self._root = Path(folder.folder)
        self._showing = showing_of(folder.conditions)
        self._contents = _FileContents(store)
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
        """SHA-256 of every file that is shown to `samples`, each once; none of what is missing."""
        paths = {
            path
            for sample in samples
            for view in sample.views
            if view.file
            for path in view.file.paths
        }
        return sorted({sha256_of_file(self._root / path) for path in paths})

    def _digest(self, sample: Sample) -> str:
        files = [view.file for view in sample.views if view.file]
        if not files:
            return self._built.digests([sample])[0]
        return digest_of(
            asdict(self._showing), *(self._contents.digest(self._root, file) for file in files)
        )

    @cached_property
    def _built(self) -> ClipVideos:
        """Altered frames of a benchmark that was built here."""
        return ClipVideos(data_root_of(self._root), built_clips(self._root))

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
            return show_file(self._root, file, self._showing)
        except (OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}" if file.paths else str(error)


class _FileContents:
    """Digests of files by content: one that was repaired or replaced under its name is another one.

    Every file is read once. Its digest is kept with what the file system says about it (place,
    size, times, inode), and it is read again when that changes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, str] = {}
        for key in store.list_keys(_CONTENTS):
            self._known |= json.loads(store.read_bytes(key))
        self._new: dict[str, str] = {}

    def digest(self, root: Path, file: VideoFile) -> str:
        """Of all pictures or the one video, and of the part that is shown."""
        paths = [root / path for path in file.paths]
        part = [file.fps, file.start_seconds, file.stop_seconds]
        try:
            status = digest_of([_status(path) for path in paths])
            if status not in self._known:
                self._known[status] = self._new[status] = digest_of(
                    [sha256_of_file(path) for path in paths]
                )
        except OSError as error:  # whoever shows it says so
            return f"{type(error).__name__} {error.errno}"
        return digest_of(self._known[status], part)

    def keep(self) -> None:
        """So that the next process need not read the files again."""
        if self._new:
            text = json.dumps(self._new, sort_keys=True).encode()
            # Named by what is in it, so shards that work at once do not overwrite each other's.
            self._store.write_bytes(f"{_CONTENTS}/{digest_of(sorted(self._new))}.json", text)
            self._new = {}


def _status(path: Path) -> list[str | int]:
    found = os.stat(path)
    return [str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
