"""What the videos of questions hold: a video that was repaired or replaced under its name is another one.

Every file is read once. What is found is kept with what the file system says about the file (place, size, times,
inode), and read again when that changes.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.digest import digest_of, sha256_of_file
from tasks.core.store import Store
from tasks.core.types import Sample, VideoFile

_KEPT = "answers/contents"


class VideoContents:
    """Digests of videos by content."""

    def __init__(self, store: Store, folders: Sequence[BenchmarkFolder]) -> None:
        self._store = store
        self._folders = {folder.name: Path(folder.folder) for folder in folders}
        self._known: dict[str, str] = {}
        for key in store.list_keys(_KEPT):
            self._known |= json.loads(store.read_bytes(key))
        self._new: dict[str, str] = {}

    def digest(self, sample: Sample) -> str:
        """Of the videos of `sample`, in order. Questions on clips of the store name those by content already."""
        files = [view.file for view in sample.views if view.file]
        return digest_of(*(self._of(self._folders[sample.pretext], file) for file in files))

    def keep(self) -> None:
        """So that the next process need not read the files again."""
        if self._new:
            text = json.dumps(self._new, sort_keys=True).encode()
            self._store.write_bytes(f"{_KEPT}/{digest_of(sorted(self._new))}.json", text)
            self._new = {}

    def _of(self, root: Path, file: VideoFile) -> str:
        paths = [root / path for path in file.paths]
        try:
            status = digest_of([_status(path) for path in paths])
            if status not in self._known:
                self._known[status] = self._new[status] = digest_of([sha256_of_file(path) for path in paths])
        except OSError as error:  # whoever shows it says so
            return f"{type(error).__name__} {error.errno}"
        return self._known[status]


def _status(path: Path) -> list[str | int]:
    found = os.stat(path)
    return [str(path), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
