"""Where the videos of a benchmark lie. A file is a benchmark's video only under its whole name.

The whole name is the folder that the authors put it in and the name in the annotations, component
by component; what lies above it does not matter. A file that is called the same in another folder
is another video, and two files that both fit are ambiguous: either way the question counts as
missing, and the reason says what was found. Downloaders that choose names of their own say beside
the video which link it came from (`tasks.benchmarks.downloads`).
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tasks.benchmarks.downloads import download_ids
from tasks.core.types import Sample, VideoFile

_ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".flv", ".wmv", ".mpg", ".mpeg")
"""Of videos; names may hold other dots (Ab1-cd_60.0_210.0), so nothing else is taken for an
ending."""
_PICTURES = (".jpg", ".jpeg", ".png")
_LEAST_PARTS = 2
"""Of a picture's name: its folder is the video."""


class _Tree(NamedTuple):
    """What lies below the root, as paths from there."""

    videos: dict[str, list[PurePosixPath]]
    """By name without ending."""
    folders: dict[str, list[PurePosixPath]]
    """By name."""
    texts: frozenset[PurePosixPath]
    """Every .json file."""


class VideoFolder:
    """Finds videos by name; the tree below `root` is listed once.

    Links are followed, because large videos often lie on another disk; a name that climbs out of
    the root is not.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[str, str] = {}

    def find(
        self,
        name: str,
        folders: Iterable[str] = (),
        *,
        better: Iterable[str] = (),
        at_top: bool = True,
        later: str = "",
        link_id: str = "",
        also: Iterable[str] = (),
    ) -> VideoFile:
        """The video `name`, with this ending or another one of a video.

        Args:
            name: as annotated; may hold folders.
            folders: where it may lie, all of the same rank.
            better: folders with the same videos that are looked into before, one after the other.
            at_top: whether it may also lie in the root itself (a name that holds folders: below
                any folder).
            later: a folder of files that the authors added: it counts if the rest has none.
            link_id: what the site that it comes from calls it, if files with other names may be it.
            also: names that the same video has elsewhere, if it is not there under the first.
        """
        if not _is_inside(name):
            return VideoFile(paths=(), missing=f"the name {name!r:.100} leads out of the folder")
        better, places = list(better), [*folders, ""] if at_top else list(folders)
        for called in (name, *also):
            for rank in [*([folder] for folder in better), places]:
                found = self._distinct(self._under(called, rank), later)
                if found:
                    return _only(called, found)
        linked = self._distinct(self._by_link.get(link_id, []) if link_id else [], "")
        return _only(name, linked) if linked else self._missing(name, [*better, *places])

    def find_frames(self, name: str, folder: str, later: str = "") -> VideoFile:
        """The pictures in the folder `name` of `folder`, in the order of their numbers; they have
        no rate yet."""
        if not _is_inside(name):
            return VideoFile(paths=(), missing=f"the name {name!r:.100} leads out of the folder")
        wanted = PurePosixPath(folder) / name
        fitting = [
            path for path in self._tree.folders.get(wanted.name, []) if _ends_in(path, wanted)
        ]
        found = self._distinct(fitting, later)
        if len(found) != 1:
            return (
                _only(name, found)
                if found
                else VideoFile(paths=(), missing=f"no folder {str(wanted)!r:.100}")
            )
        pictures = (p for p in (self.root / found[0]).iterdir() if p.suffix.lower() in _PICTURES)
        return VideoFile(
            paths=tuple(str(found[0] / p.name) for p in sorted(pictures, key=_number)),
            is_frames=True,
        )

    def find_listed(self, paths: Sequence[str], fps: float) -> VideoFile:
        """A list of pictures as a data set names them, e.g. absolute on its author's disk: their
        beginning is left out as far as needed for the first to be found, but never the folder that
        they lie in.
        """
        parts = PurePosixPath(paths[0]).parts if paths else ()
        for skipped in range(max(0, len(parts) - _LEAST_PARTS) + 1 if parts else 0):
            inside = ["/".join(PurePosixPath(path).parts[skipped:]) for path in paths]
            if _is_inside(inside[0]) and (self.root / inside[0]).is_file():
                return self._all_listed(paths, inside, fps)
        return VideoFile(
            paths=(), missing=f"no picture {paths[0]!r:.100}" if paths else "no pictures are listed"
        )

    def _all_listed(self, paths: Sequence[str], inside: Sequence[str], fps: float) -> VideoFile:
        lost = [path for path in inside if not _is_inside(path) or not (self.root / path).is_file()]
        if lost:
            return VideoFile(
                paths=(), missing=f"{len(lost)} of {len(paths)} pictures, e.g. {lost[0]!r:.100}"
            )
        for path, mine in zip(paths, inside, strict=True):
            # Lists that differ only in the part left out would show one video for two.
            if self._listed.setdefault(mine, path) != path:
                missing = (
                    f"{mine!r:.100} stands for both {self._listed[mine]!r:.200} and {path!r:.200}"
                )
                return VideoFile(paths=(), missing=missing)
        return VideoFile(paths=tuple(inside), is_frames=True, fps=fps)

    def _under(self, name: str, folders: Sequence[str]) -> list[PurePosixPath]:
        """Files that are called `name` in one of the folders; with the very ending of `name`, if
        one has it. Folders in other case count if none is called as written; ids of YouTube differ
        by case alone, so names of files do not.
        """
        known = self._tree.videos.get(stem_of(PurePosixPath(name).name), [])
        wanted = [PurePosixPath(folder) / name for folder in folders]
        fitting = [path for path in known if any(_ends_in(path, whole) for whole in wanted)] or [
            path
            for path in known
            if any(_ends_in(_folded(path), _folded(whole)) for whole in wanted)
        ]
        return [path for path in fitting if path.name == PurePosixPath(name).name] or fitting

    def _distinct(self, paths: Sequence[PurePosixPath], later: str) -> list[PurePosixPath]:
        """One path for each file, however many links lead to it."""
        first = [path for path in paths if later not in path.parts] or paths
        by_file: dict[tuple[int, int], PurePosixPath] = {}
        for path in first:
            try:
                status = (self.root / path).stat()
            except OSError:  # a link to nothing
                continue
            by_file.setdefault((status.st_dev, status.st_ino), path)
        return list(by_file.values())

    def _missing(self, name: str, places: Sequence[str]) -> VideoFile:
        reason = f"no video {name!r:.100}"
        alike = self._tree.videos.get(stem_of(PurePosixPath(name).name), [])
        if alike:
            said = ", ".join(f"{place}/" if place else "the top" for place in places)
            reason += f": {str(alike[0])!r:.200} has this name, but counts only in {said}"
        return VideoFile(paths=(), missing=reason)

    @cached_property
    def _tree(self) -> _Tree:
        videos: defaultdict[str, list[PurePosixPath]] = defaultdict(list)
        folders: defaultdict[str, list[PurePosixPath]] = defaultdict(list)
        texts = []
        for folder, names in _walk(self.root):
            folders[folder.name].append(folder)
            for name in names:
                if name.lower().endswith(_ENDINGS):
                    videos[stem_of(name)].append(folder / name)
                elif name.endswith(".json"):
                    texts.append(folder / name)
        return _Tree(videos, folders, frozenset(texts))

    @cached_property
    def _by_link(self) -> dict[str, list[PurePosixPath]]:
        """Videos by what the site that they were downloaded from calls them."""
        found: defaultdict[str, list[PurePosixPath]] = defaultdict(list)
        for path in (path for paths in self._tree.videos.values() for path in paths):
            for link_id in download_ids(
                self.root, path.with_name(stem_of(path.name)), self._tree.texts
            ):
                found[link_id].append(path)
        return found


def stem_of(name: str) -> str:
    """`name` without a video's ending."""
    return next(
        (name[: -len(ending)] for ending in _ENDINGS if name.lower().endswith(ending)), name
    )


def _only(name: str, found: Sequence[PurePosixPath]) -> VideoFile:
    if len(found) == 1:
        return VideoFile(paths=(str(found[0]),))
    listed = ", ".join(repr(str(path)) for path in found[:3])
    return VideoFile(
        paths=(), missing=f"ambiguous: {len(found)} files fit {name!r:.100}: {listed}"[:600]
    )


def _ends_in(path: PurePosixPath, wanted: PurePosixPath) -> bool:
    """Whether the folders of `path` end in those of `wanted`; a name without folders has to lie at
    the top."""
    folders = wanted.parts[:-1]
    own = path.parts[:-1]
    return (
        own[len(own) - len(folders) :] == folders
        if folders and len(own) >= len(folders)
        else own == folders
    )


def _folded(path: PurePosixPath) -> PurePosixPath:
    return PurePosixPath(str(path.parent).lower()) / path.name


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        bool(path.name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts
    )


def _number(path: Path) -> tuple[int, str]:
    # By number, because as names 10 comes before 9.
    digits = "".join(filter(str.isdigit, path.stem))
    return int(digits or 0), path.name


def _walk(root: Path) -> Iterator[tuple[PurePosixPath, list[str]]]:
    """Every folder from `root` on with its files, in order; a link back up, which would go round
    for ever, is left."""
    above: dict[str, frozenset[str]] = {}
    for folder, subfolders, files in os.walk(root, followlinks=True):
        real, parents = os.path.realpath(folder), above.get(os.path.dirname(folder), frozenset())
        if real in parents:
            subfolders.clear()
            continue
        above[folder] = parents | {real}
        subfolders.sort()
        yield PurePosixPath(Path(folder).relative_to(root).as_posix()), sorted(files)


def missing_of(sample: Sample) -> str:
    """Why a video of the question was not found; empty if all were."""
    return next(
        (view.file.missing for view in sample.views if view.file and not view.file.paths), ""
    )
