"""Where the videos of a benchmark lie: first in the folders that its authors use, then anywhere below the root."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from tasks.core.types import VideoFile

_ENDINGS = (".mp4", ".MP4", ".mkv", ".webm", ".avi", ".mov")
"""Of videos; names may hold other dots (Ab1-cd_60.0_210.0), so nothing else is taken for an ending."""


class VideoFolder:
    """Finds videos by name; the tree below `root` is listed once, when the first one is not where it should be.

    Links are followed, because large videos often lie on another disk; a name that climbs out of the root is not.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(
        self,
        name: str,
        folders: Iterable[str] = (),
        *,
        start_seconds: float | None = None,
        stop_seconds: float | None = None,
    ) -> VideoFile:
        """The video `name`, with or without its ending, tried in each of `folders`, then searched."""
        if not _is_inside(name):
            return VideoFile(paths=(), missing=f"the name {name!r:.100} leads out of the folder")
        candidates = _candidates(name)
        for folder in [*folders, ""]:
            for candidate in candidates:
                path = PurePosixPath(folder) / candidate
                if (self.root / path).is_file():
                    return VideoFile(paths=(str(path),), start_seconds=start_seconds, stop_seconds=stop_seconds)
        return self._search(name, candidates, start_seconds, stop_seconds)

    def find_frames(self, name: str, folders: Iterable[str]) -> tuple[str, ...]:
        """The pictures in the folder `name` below one of `folders`, in the order of their numbers; empty if none."""
        if not _is_inside(name):
            return ()
        for folder in folders:
            inside = PurePosixPath(folder) / name
            if (self.root / inside).is_dir():
                pictures = (p for p in (self.root / inside).iterdir() if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
                return tuple(str(inside / path.name) for path in sorted(pictures, key=_number))
        return ()

    def find_listed(self, paths: Sequence[str], fps: float) -> VideoFile:
        """A list of pictures as a data set names them, e.g. absolute on its author's disk: their beginning is left
        out as far as needed for the first to be found.
        """
        for skipped in range(len(PurePosixPath(paths[0]).parts) if paths else 0):
            inside = ["/".join(PurePosixPath(path).parts[skipped:]) for path in paths]
            if _is_inside(inside[0]) and (self.root / inside[0]).is_file():
                lost = [path for path in inside if not _is_inside(path) or not (self.root / path).is_file()]
                if lost:
                    return VideoFile(paths=(), missing=f"{len(lost)} of {len(paths)} pictures, e.g. {lost[0]!r:.100}")
                return VideoFile(paths=tuple(inside), is_frames=True, fps=fps)
        return VideoFile(paths=(), missing=f"no picture {paths[0]!r:.100}" if paths else "no pictures are listed")

    def _search(
        self, name: str, candidates: list[str], start_seconds: float | None, stop_seconds: float | None
    ) -> VideoFile:
        for candidate in candidates:
            found = self._by_name.get(PurePosixPath(candidate).name, [])
            if len(found) > 1:
                listed = ", ".join(found[:3])
                return VideoFile(paths=(), missing=f"{len(found)} files are called {candidate!r}: {listed}")
            if found:
                return VideoFile(paths=(found[0],), start_seconds=start_seconds, stop_seconds=stop_seconds)
        return VideoFile(paths=(), missing=f"no video {name!r:.100}")

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for path in _walk(self.root):
            found[path.name].append(path.relative_to(self.root).as_posix())
        return {name: sorted(paths) for name, paths in found.items()}


def stem_of(name: str) -> str:
    """`name` without a video's ending."""
    return next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts


def _candidates(name: str) -> list[str]:
    stem = stem_of(name)
    return ([] if stem == name else [name]) + [stem + ending for ending in _ENDINGS]


def _number(path: Path) -> tuple[int, str]:
    digits = "".join(filter(str.isdigit, path.stem))
    return int(digits or 0), path.name


def _walk(root: Path) -> Iterator[Path]:
    seen: set[str] = set()
    for folder, subfolders, files in os.walk(root, followlinks=True):
        if os.path.realpath(folder) in seen:
            subfolders.clear()  # A link back up would go round for ever.
            continue
        seen.add(os.path.realpath(folder))
        subfolders.sort()
        yield from (Path(folder) / name for name in files if name.endswith(_ENDINGS))
