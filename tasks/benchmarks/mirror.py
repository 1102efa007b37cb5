"""A benchmark's folder in an object store, as a folder of this machine.

It is listed once. Annotations are fetched then, because adapters may read any of them. A video or
picture is an empty file of its name until somebody holds it; then it is fetched, and stays as long
as there is room: 900 videos of an hour are more than a pod's disk.
"""

import logging
import os
import shutil
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import fsspec
from fsspec.callbacks import Callback
from tqdm import tqdm

from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.no_room import has_no_room
from tasks.core.objects import Facts, as_os_errors, facts_in, files_among
from tasks.core.store import temporary_folder

logger = logging.getLogger(__name__)

_ANNOTATIONS = (".json", ".jsonl", ".parquet", ".csv", ".tsv", ".txt")
"""What adapters read; all else is shown, or nobody looks into it (an archive, a README)."""
_MOST_ANNOTATION_BYTES = 2 * 2**30
"""Of questions and what downloaders leave beside videos; more is another data set, or several."""
_MOST_VIDEO_BYTES = 16 * 2**30
"""Of what stays here: more than a batch of 32 questions shows, and less than a pod's disk."""
_DISK_SHARE = 0.5
"""Of what is free, at most: others write here too."""
_MOST_NAME_BYTES = 255
"""Of a file's name on Linux."""
_AT_ONCE = 16
"""Requests: a question may show 48 pictures, and a store takes some 30 ms for each."""


class _Place(NamedTuple):
    files: Any
    """The file system."""
    top: str
    """The folder, as it calls it."""


class _Object(NamedTuple):
    name: str
    """As its store calls it."""
    facts: Facts

    @property
    def num_bytes(self) -> int:
        return self.facts.num_bytes or 0


class _ChangedError(OSError):
    """An object is not the one that was listed."""


class Mirror:
    """Implements `tasks.benchmarks.files.BenchmarkFiles`, for one thread at a time."""

    def __init__(
        self,
        uri: str,
        *,
        most_bytes: int = _MOST_VIDEO_BYTES,
        most_annotation_bytes: int = _MOST_ANNOTATION_BYTES,
    ) -> None:
        """At most `most_bytes` of videos stay here, besides those that are in use."""
        self.folder = uri
        self._most_bytes, self._most_annotation_bytes = most_bytes, most_annotation_bytes
        self._held: OrderedDict[str, int] = OrderedDict()
        """Bytes of what was fetched, by path, in the order of last use."""
        self._in_use: frozenset[str] = frozenset()
        # Of an object that has no version: nothing is known of it in another process.
        self._unknown = uuid.uuid4().hex

    def root(self) -> Path:
        """See `BenchmarkFiles`."""
        return self._tree

    @cached_property
    def _tree(self) -> Path:
        texts = [path for path in self._objects if path.lower().endswith(_ANNOTATIONS)]
        size = sum(self._objects[path].num_bytes for path in texts)
        if size > self._most_annotation_bytes:
            raise InputError(
                f"{self.folder} holds {len(texts)} annotation files of {size / 2**30:.1f} GiB, "
                f"expected at most {self._most_annotation_bytes / 2**30:.1f}; give the folder of "
                "one benchmark"
            )
        tree = self._top
        for path in self._objects:
            target = tree / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        with _explained(self.folder):
            for path in self._fetch(texts):
                os.replace(self._part(path), tree / path)
        free_bytes = shutil.disk_usage(tree).free
        self._most_bytes = min(self._most_bytes, int(free_bytes * _DISK_SHARE))
        return tree

    @contextmanager
    def hold(self, paths: Sequence[str]) -> Iterator[None]:
        """See `BenchmarkFiles`: what is not here yet is fetched."""
        before, self._in_use = self._in_use, self._in_use.union(paths)
        try:
            self._bring(paths)
            yield
        finally:
            self._in_use = before
            # What alone is larger than all the room does not stay.
            self._make_room(0)

    def mark(self, path: str) -> list[str | int]:
        """See `BenchmarkFiles`: what the listing said, so nothing is fetched for it."""
        facts = self._find(path).facts
        version = facts.etag or facts.version or self._unknown
        return [f"{self.folder}/{path}", facts.num_bytes or 0, version]

    def as_given(self, text: str) -> str:
        """See `BenchmarkFiles`."""
        return text.replace(str(self._top), self.folder)

    def _bring(self, paths: Sequence[str]) -> None:
        """
        Raises:
            OSError: one of the objects is gone, changed or forbidden: the next one may be there.
            ConnectionError: the store does not answer: whoever goes on would count all as missing.
        """
        try:
            root = self.root()
        except InputError as error:
            # Whoever shows a question takes a ValueError for the fault of that question alone.
            raise ConnectionError(error.message) from error
        wanted = []
        for path in dict.fromkeys(paths):
            if path in self._held:
                self._held.move_to_end(path)
            else:
                wanted.append(path)
        self._make_room(sum(self._find(path).num_bytes for path in wanted))
        try:
            for path in self._fetch(wanted):
                os.replace(self._part(path), root / path)
                self._held[path] = self._objects[path].num_bytes
        except (FileNotFoundError, PermissionError, _ChangedError):
            raise
        except OSError as error:
            if has_no_room(error):
                raise
            raise ConnectionError(f"{self.folder} cannot be read: {error}") from error

    def _make_room(self, num_bytes: int) -> None:
        """Take away what was not used for longest, until so many bytes more find room."""
        total = sum(self._held.values()) + num_bytes
        for path in [path for path in self._held if path not in self._in_use]:
            if total <= self._most_bytes:
                return
            total -= self._held.pop(path)
            os.truncate(self._tree / path, 0)

    def _fetch(self, paths: Sequence[str]) -> Iterator[str]:
        """Each of `paths` once it lies whole in its part, in order."""
        if not paths:
            return
        size = sum(self._objects[path].num_bytes for path in paths)
        label = f"fetch {PurePosixPath(self.folder).name}"
        try:
            with (
                tqdm(total=size, desc=label, unit="B", unit_scale=True, leave=False) as progress,
                ThreadPoolExecutor(_AT_ONCE) as pool,
            ):
                jobs = [pool.submit(self._fetch_one, path, progress) for path in paths]
                for path, job in zip(paths, jobs, strict=True):
                    job.result()
                    yield path
        finally:  # of those that came behind one that failed
            for path in paths:
                self._part(path).unlink(missing_ok=True)

    def _fetch_one(self, path: str, progress: "tqdm[Any]") -> None:
        files, listed, part = self._place.files, self._objects[path], self._part(path)
        with as_os_errors():
            files.get_file(listed.name, str(part), callback=_Progress(progress))
            # Asked afterwards, so that no change in between stays unseen.
            now = facts_in(files.info(listed.name))
        sizes = {part.stat().st_size, *filter(None, (now.num_bytes, listed.facts.num_bytes))}
        etags = set(filter(None, (now.etag, listed.facts.etag)))
        if len(sizes) > 1 or len(etags) > 1:
            raise _ChangedError(
                f"{self.folder}/{path} is not what it was when the folder was listed; the next run "
                "takes it as it is then"
            )

    def _part(self, path: str) -> Path:
        """Where a file is fetched to: half of one never lies in the tree."""
        return self._scratch / f"{digest_of(path)}.part"

    def _find(self, path: str) -> _Object:
        # In the listing alone: a path may come out of a table, and must not lead out of the tree.
        if path not in self._objects:
            raise FileNotFoundError(f"no {path!r:.200} in {self.folder}")
        return self._objects[path]

    @property
    def _top(self) -> Path:
        return self._scratch / "tree"

    @cached_property
    def _scratch(self) -> Path:
        return temporary_folder()

    @cached_property
    def _place(self) -> _Place:
        return _Place(*fsspec.core.url_to_fs(self.folder))

    @cached_property
    def _objects(self) -> dict[str, _Object]:
        """What lies below the folder, by path."""
        logger.info("listing %s", self.folder)
        with _explained(self.folder), as_os_errors():
            files, top = self._place
            # Before, because another one may have listed it; afterwards, so that `info` asks anew.
            files.invalidate_cache()
            found: Mapping[str, Any] = files.find(top, detail=True)
            files.invalidate_cache()
        names = {name.removeprefix(top).lstrip("/"): name for name in files_among(found)}
        folders = {str(parent) for path in names for parent in PurePosixPath(path).parents}
        paths = [path for path in names if _is_plain(path) and path not in folders]
        if not paths:
            raise InputError(f"{self.folder} holds no file; expected those of a benchmark")
        if len(paths) < len(names):
            lost = next(path for path in names if path not in set(paths))
            logger.warning(
                "%s: %d objects are left out, because no file can be called so, e.g. %r",
                *(self.folder, len(names) - len(paths), lost),
            )
        return {path: _Object(names[path], facts_in(found[names[path]])) for path in paths}


class _Progress(Callback):  # type: ignore[misc]
    def __init__(self, bar: "tqdm[Any]") -> None:
        super().__init__()
        self._bar = bar

    def relative_update(self, inc: int = 1) -> None:
        self._bar.update(inc)


def unreadable(folder: str, error: OSError) -> InputError:
    """One line about a folder that a store does not show."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        f"{folder} cannot be read ({reason:.300}); check the address and your credentials"
    )


@contextmanager
def _explained(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if has_no_room(error):
            raise
        raise unreadable(folder, error) from error


def _is_plain(path: str) -> bool:
    """Whether a file below a folder can be called so."""
    parts = path.split("/")
    return (
        not {"", ".", ".."}.intersection(parts)
        and "\0" not in path
        and max(len(part.encode(errors="replace")) for part in parts) <= _MOST_NAME_BYTES
    )
