"""The data root: named blobs and folders under one path or object-store URI, each written atomically.

Whoever finds a key can trust its content: a writer that dies leaves only a `.tmp-` leftover beside it.
Keys are relative; one that climbs out of the root is refused, because keys also come from manifests.
"""

import os
import shutil
import tempfile
import uuid
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

_UNFINISHED = ".tmp-"


def absolute_root(root: str) -> str:
    """`root` as it can be passed to other processes: a path becomes absolute, a URI stays."""
    return root if "://" in root else os.path.abspath(os.path.expanduser(root))


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
            raise ValueError(f"store key must be relative and stay inside the data root, got {key!r}")
        return f"{self._root}/{key}"

    def exists(self, key: str) -> bool:
        return bool(self._fs.exists(self.path(key)))

    def read_bytes(self, key: str) -> bytes:
        data: bytes = self._fs.cat_file(self.path(key))
        return data

    def list_keys(self, folder: str) -> list[str]:
        """What lies right below `folder`, sorted; none if there is no such folder."""
        if not self.exists(folder):
            return []
        names = [str(path).rsplit("/", 1)[-1] for path in self._fs.ls(self.path(folder), detail=False, refresh=True)]
        return [f"{folder}/{name}" for name in sorted(names) if _UNFINISHED not in name]

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
        temporary = f"{path}{_UNFINISHED}{uuid.uuid4().hex}"
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:  # a full disk should not stay full of this
            Path(temporary).unlink(missing_ok=True)
            raise

    def write_folder(self, key: str, source: Path) -> None:
        """Move the finished folder `source` to `key`; an object store gets a copy, its marker last.

        While a folder takes the place of another, there is none: old and new are never mixed.
        """
        path = self.path(key)
        if not self.is_local:
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
        replaced = f"{path}{_UNFINISHED}{uuid.uuid4().hex}"
        if os.path.exists(path):
            os.replace(path, replaced)
        os.replace(source, path)
        shutil.rmtree(replaced, ignore_errors=True)

    def has_folder(self, key: str) -> bool:
        """Whether the folder was finished."""
        return self.exists(f"{key}/_DONE")

    def local_folder(self, key: str) -> Path:
        """The folder as a local path, downloaded first if the root is remote."""
        if self.is_local:
            return Path(self.path(key))
        target = Path(tempfile.mkdtemp(prefix="videossr-")) / PurePosixPath(key).name
        self._fs.get(self.path(key), str(target), recursive=True)
        return target

    def delete(self, key: str) -> None:
        """Remove a blob or folder; nothing happens if there is none."""
        if self.exists(key):
            self._fs.rm(self.path(key), recursive=True)

    def scratch_folder(self) -> Path:
        """A fresh folder to build an output in; on the root's own disk when local, so that moving it is atomic."""
        if not self.is_local:
            return Path(tempfile.mkdtemp(prefix="videossr-"))
        os.makedirs(f"{self._root}/scratch", exist_ok=True)
        return Path(tempfile.mkdtemp(dir=f"{self._root}/scratch"))


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
