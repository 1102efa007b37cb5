"""The files of a benchmark, wherever its folder lies: on this machine, or in an object store."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import fsspec

from tasks.benchmarks.mirror import Mirror, unreadable
from tasks.core.errors import InputError
from tasks.core.no_room import has_no_room
from tasks.core.objects import as_os_errors, is_uri

_EXPECTED = (
    "expected the official files of a benchmark, a universal layout, or a VIUBench built here, in "
    "a folder or at a URI such as s3://bucket/Video-MME"
)
_WEB = ("http", "https")


@runtime_checkable
class BenchmarkFiles(Protocol):
    """A benchmark's folder as its readers need it; nothing is opened before it is asked for."""

    @property
    def folder(self) -> str:
        """Where it lies: an absolute path, or a URI."""
        ...

    def root(self) -> Path:
        """A folder of this machine with all the names, and what annotations hold; what videos hold
        is there while `hold` lasts.

        Raises:
            InputError: there is no such folder, or it cannot be read.
        """
        ...

    def hold(self, paths: Sequence[str]) -> AbstractContextManager[None]:
        """While it lasts, the videos at `paths` below `root` can be read.

        Raises:
            OSError: one of them cannot; a ConnectionError: nothing can, for now.
        """
        ...

    def mark(self, path: str) -> list[str | int]:
        """Changes whenever what the file at `path` below `root` holds does.

        Raises:
            OSError: it is not there.
        """
        ...

    def as_given(self, text: str) -> str:
        """`text`, e.g. of an error, with the user's name of the folder for `root`."""
        ...


class LocalFiles:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = str(root)

    def root(self) -> Path:
        """See `BenchmarkFiles`."""
        return self._root

    @contextmanager
    def hold(self, paths: Sequence[str]) -> Iterator[None]:
        """See `BenchmarkFiles`: they are there anyway."""
        yield

    def mark(self, path: str) -> list[str | int]:
        """See `BenchmarkFiles`."""
        whole = self._root / path
        found = os.stat(whole)
        return [str(whole), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]

    def as_given(self, text: str) -> str:
        """See `BenchmarkFiles`."""
        return text


def open_files(folder: str | Path) -> BenchmarkFiles:
    """Those of a folder or URI."""
    return mirror_of(str(folder)) if is_uri(str(folder)) else LocalFiles(Path(folder))


def check_own(error: Exception) -> None:
    """Raise what is no fault of the one file that was to be read: a store that does not answer, a
    disk that is full."""
    if isinstance(error, ConnectionError) or has_no_room(error):
        raise error


def find_folder(given: str, where: str) -> str:
    """The folder that a user names, as other processes find it: an absolute path, or a URI.

    Raises:
        InputError: there is none; `where` says which of the user's words named it.
    """
    place = given.removeprefix("file://")
    if not is_uri(place):
        folder = Path(place).expanduser()
        if not folder.is_dir():
            raise InputError(f"{where}: there is no folder {str(folder)!r}; {_EXPECTED}")
        return str(folder.resolve())
    if not _list(place, where):
        raise InputError(f"{where}: {place} is empty; {_EXPECTED}")
    return place.rstrip("/")


def subfolders(given: str, where: str) -> dict[str, str]:
    """The folders right below a folder or URI, by name; none if there is no such folder here.

    Raises:
        InputError: a URI cannot be listed.
    """
    place = given.removeprefix("file://")
    if is_uri(place):
        return {name: f"{place.rstrip('/')}/{name}" for name in _list(place, where)}
    folder = Path(place).expanduser()
    below = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return {path.name: str(path.resolve()) for path in below}


def _list(uri: str, where: str) -> list[str]:
    """The names right below."""
    if uri.partition("://")[0] in _WEB:
        raise InputError(f"{where}: {uri} is on the web, which lists no folders; {_EXPECTED}")
    try:
        with as_os_errors():
            files, top = fsspec.core.url_to_fs(uri)
            # A long-lived process may have listed it before.
            files.invalidate_cache()
            found = [str(path).rstrip("/") for path in files.ls(top, detail=False)]
    except FileNotFoundError as error:
        raise InputError(f"{where}: there is no folder {uri!r} ({error}); {_EXPECTED}") from error
    except OSError as error:
        raise unreadable(f"{where}: {uri}", error) from error
    if found == [top]:
        raise InputError(f"{where}: {uri} is one object; {_EXPECTED}")
    return sorted(path.rpartition("/")[2] for path in found)


@cache
def mirror_of(uri: str) -> Mirror:
    """One a process: all that are asked see the folder as it was when it was listed, and what was
    fetched for one is there for the next."""
    return Mirror(uri)
