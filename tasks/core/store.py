"""The data root: named blobs and folders under one path or object-store URI, each written
atomically.

Whoever finds a key can trust its content: a writer that dies leaves leftovers in `scratch/` alone,
which the next start removes. Keys are relative; one that climbs out of the root is refused, because
keys also come from manifests.
"""

import atexit
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from tasks.core.errors import InputError
from tasks.core.owner import is_gone, process_mark

MadeT = TypeVar("MadeT")
_UNFINISHED = ".tmp-"
_SCRATCH = "scratch"
_SCRATCH_SECONDS = 7 * 24 * 3600
"""Scratch of another machine, whose processes cannot be looked at, is kept this long after its last
change."""
_SCRATCH_ATTEMPTS = 1000
_local_copies: dict[tuple[str, str], Path] = {}
"""Folders of remote roots that this process downloaded: one copy each, removed when it ends."""


def absolute_root(root: str) -> str:
    """`root` as it can be passed to other processes: a path becomes absolute, a URI stays.

    Raises:
        InputError: it names nothing: that would be the current folder, which nobody means.
    """
    if not root.strip():
        raise InputError(f"data_root: got {root!r}, expected a folder or the address of a bucket")
    return root if "://" in root else os.path.abspath(os.path.expanduser(root))


def locate(store: "Store", key: str) -> "tuple[Store, str]":
    """The store and the key there of what a registry names: below `store`, or anywhere by a whole
    path or URI.

    Not for keys out of manifests, which must stay inside their data root.
    """
    if not key.startswith("/") and "://" not in key:
        return store, key
    root, _, name = key.rstrip("/").rpartition("/")
    return Store(root or "/"), name


class Store:
    """Blobs and folders under `root` (a path, or a URI that fsspec knows)."""

    def __init__(self, root: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(root)
        self.is_local = isinstance(self._fs, LocalFileSystem)

    def path(self, key: str) -> str:
        """Where `key` lies, in the file system's own terms.

        Raises:
            ValueError: the key is absolute or leaves the root.
        """
        parts = PurePosixPath(key).parts
        if not parts or key.startswith("/") or ".." in parts:
            raise ValueError(
                f"store key must be relative and stay inside the data root, got {key!r}"
            )
        return f"{self._root}/{key}"

    def exists(self, key: str) -> bool:
        return bool(self._fs.exists(self.path(key)))

    def read_bytes(self, key: str) -> bytes:
        data: bytes = self._fs.cat_file(self.path(key))
        return data

    def list_keys(self, folder: str) -> list[str]:
        """What lies right below `folder`, sorted; none if there is no such folder.

        Names with a dot in front are not ours: file managers (`.DS_Store`) and NFS (`.nfs...`)
        leave them.
        """
        if not self.exists(folder):
            return []
        # fsspec keeps listings of object stores: without `refresh` a file of another process stays
        # unseen.
        names = [
            str(path).rsplit("/", 1)[-1]
            for path in self._fs.ls(self.path(folder), detail=False, refresh=True)
        ]
        return [
            f"{folder}/{name}"
            for name in sorted(names)
            if _UNFINISHED not in name and not name.startswith(".")
        ]

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write a blob: afterwards it is there whole or not at all.

        Raises:
            OSError: it could not be written, whatever the file system's own errors are.
        """
        path = self.path(key)
        if not self.is_local:
            try:
                self._fs.pipe_file(path, data)
            except Exception as error:
                raise OSError(f"{path} could not be written: {error}") from error
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = self._write_aside(path, data)
        try:
            os.replace(temporary, path)
        finally:
            self.leave_scratch(temporary)

    def create(self, key: str, data: bytes) -> bool:
        """Write a blob if there is none yet, and say whether: of several who try at once it is true
        for one.

        Raises:
            OSError: it could not be written.
        """
        path = self.path(key)
        if not self.is_local:
            try:
                self._fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except Exception as error:
                if _is_precondition_failed(error):
                    return False
                raise OSError(f"{path} could not be written: {error}") from error
            return True
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = self._write_aside(path, data)
        try:
            os.link(temporary, path)  # fails if `path` is there, and never shows half of the data
        except FileExistsError:
            return False
        finally:
            self.leave_scratch(temporary)
        return True

    def _write_aside(self, path: str, data: bytes) -> Path:
        """The data that is meant for `path` in a file of scratch, on the disk for good."""
        temporary, number = self._in_scratch(
            lambda name: os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        )
        try:
            with open(number, "wb") as file:
                file.write(data)
                file.flush()
                # Or a crash of the machine could leave the new name with nothing in it.
                os.fsync(file.fileno())
        except BaseException as error:  # a full disk should not stay full of this
            self.leave_scratch(temporary)
            if isinstance(error, OSError) and error.errno is not None and not error.filename:
                raise OSError(
                    error.errno, os.strerror(error.errno), path
                ) from error  # writing tells no name
            raise
        return temporary

    def write_folder(self, key: str, source: Path) -> None:
        """Move the finished folder `source` to `key`; an object store gets a copy, its marker last.

        While a folder takes the place of another, there is none: old and new are never mixed.
        """
        path = self.path(key)
        if not self.is_local:
            self._forget_copy(key)
            # The marker first: whoever is killed in between leaves no folder that looks finished.
            # And no target may be left, or fsspec would put the folder into it.
            self.delete(f"{key}/_DONE")
            self.delete(key)
            self._fs.put(str(source), path, recursive=True)
            self._fs.pipe_file(f"{path}/_DONE", b"")
            shutil.rmtree(source)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        (source / "_DONE").touch()
        for file in filter(Path.is_file, source.rglob("*")):
            _flush_to_disk(file)
        replaced = (
            self._in_scratch(lambda name: os.replace(path, name))[0]
            if os.path.exists(path)
            else None
        )
        os.replace(source, path)
        self.leave_scratch(replaced or source)

    def has_folder(self, key: str) -> bool:
        """Whether the folder was finished."""
        return self.exists(f"{key}/_DONE")

    def local_folder(self, key: str) -> Path:
        """The folder as a local path; of a remote root it is downloaded, once a process."""
        if self.is_local:
            return Path(self.path(key))
        path = self.path(key)
        known = _local_copies.get((self._root, key))
        if known is not None and known.is_dir():
            return known
        folder = temporary_folder()
        target = folder / PurePosixPath(key).name
        try:
            self._fs.get(path, str(target), recursive=True)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _local_copies[self._root, key] = target
        return target

    def _forget_copy(self, key: str) -> None:
        copy = _local_copies.pop((self._root, key), None)
        if copy is not None:
            shutil.rmtree(copy.parent, ignore_errors=True)

    def delete(self, key: str) -> None:
        """Remove a blob or folder; nothing happens if there is none."""
        if self.exists(key):
            self._fs.rm(self.path(key), recursive=True)

    def delete_blobs(self, keys: Sequence[str]) -> None:
        """Remove many blobs, some of which may be gone already: an object store takes a thousand at
        a time."""
        if self.is_local:
            for key in keys:
                Path(self.path(key)).unlink(missing_ok=True)
        elif keys:
            self._fs.rm([self.path(key) for key in keys])

    def scratch_folder(self) -> Path:
        """A fresh folder to build an output in; on the root's own disk when local, so that moving
        it is atomic."""
        if not self.is_local:
            return temporary_folder()
        return self._in_scratch(os.mkdir)[0]

    def _in_scratch(self, make: Callable[[Path], MadeT]) -> tuple[Path, MadeT]:
        """A new name in the scratch of a local root, with what `make` makes there."""
        name = Path(self._root, _SCRATCH, f"{process_mark()}-{uuid.uuid4().hex}")
        for attempt in range(_SCRATCH_ATTEMPTS):
            try:
                # Another writer may just leave the scratch empty and take it away: the folder
                # "exists" and is none, or
                # it is gone before anything lies in it.
                name.parent.mkdir(parents=True, exist_ok=True)
                return name, make(name)
            except (FileExistsError, FileNotFoundError):
                if attempt == _SCRATCH_ATTEMPTS - 1:
                    raise
        raise AssertionError

    def leave_scratch(self, name: Path) -> None:
        """Remove what is left under the name, and scratch if nothing else is in it: a root may be a
        person's folder."""
        if name.is_dir():
            shutil.rmtree(name, ignore_errors=True)
        else:
            name.unlink(missing_ok=True)
        with suppress(OSError):
            Path(self._root, _SCRATCH).rmdir()

    def clean_scratch(self) -> int:
        """Remove what processes that were killed left behind, here and in this machine's temporary
        folder: how many."""
        left = [
            path
            for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*")
            if is_gone(path.name[len(_PREFIX) :])
        ]
        if self.is_local:
            left += [path for path in Path(self._root, _SCRATCH).glob("*") if _is_left(path)]
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return len(left)


_PREFIX = "videossr-"


def temporary_folder() -> Path:
    """A folder of this machine that is removed when the process ends; if it is killed, by
    `clean_scratch` of a later one."""
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{process_mark()}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _is_left(path: Path) -> bool:
    try:
        return is_gone(path.name) or time.time() - path.stat().st_mtime > _SCRATCH_SECONDS
    except FileNotFoundError:
        return False


def _is_precondition_failed(error: Exception) -> bool:
    """What object stores say when a blob that must be new is there: HTTP 412, or 409 while another
    is writing it."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    status = (
        response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(response, dict)
        else None
    )
    return status in (409, 412) or getattr(error, "code", None) in (409, 412)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
