"""Object stores and the web, through fsspec: what is there, whether it changed, and fetching one object."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import fsspec

from tasks.ingest.locate import Refused
from tasks.ingest.reasons import Reason

_CHUNK_BYTES = 4 * 2**20
_VERSION_FIELDS = (
    "ETag",
    "etag",
    "md5Hash",
    "Content-MD5",
    "Digest",
    "LastModified",
    "Last-Modified",
    "created",
    "mtime",
)
"""What file systems call that which changes with an object's content."""
_WEB = ("http", "https")


class Found(NamedTuple):
    """What lies at a URI."""

    root: str
    uris: list[str]
    is_one: bool = False
    """`uris` holds the object itself, not what lies below it."""


def list_below(uri: str) -> Found:
    """The objects below a folder or that match a glob, or the object itself; on the web there are only objects."""
    scheme = uri.partition("://")[0]
    if scheme in _WEB:
        return Found(uri.rpartition("/")[0], [uri], is_one=True)
    files = fsspec.filesystem(scheme)
    files.invalidate_cache()  # A long-lived process may have listed it before.
    path = files._strip_protocol(uri).rstrip("/")
    if fsspec.core.has_magic(path):
        root = path[: min(path.index(sign) for sign in "*?[" if sign in path)].rpartition("/")[0]
        found = files.glob(path, detail=True)
    elif files.isfile(path):
        itself = files.unstrip_protocol(path)
        return Found(itself.rpartition("/")[0], [itself], is_one=True)
    else:
        root, found = path, files.find(path, detail=True)
    names = sorted(name for name, info in found.items() if info["type"] == "file" and not _is_hidden(name, root))
    return Found(files.unstrip_protocol(root), [files.unstrip_protocol(name) for name in names])


def read_start(uri: str, num_bytes: int) -> bytes:
    """The first bytes of an object."""
    start = b""
    for chunk in _chunks(uri, num_bytes):
        start += chunk
        if len(start) >= num_bytes:
            break
    return start[:num_bytes]


def version_of(uri: str) -> str | None:
    """Changes whenever the object does; None if its server does not say."""
    files = _file_system(uri)
    info: dict[str, Any] = files.info(uri)
    marks = [str(info[name]) for name in _VERSION_FIELDS if info.get(name)]
    return "|".join([str(info.get("size")), *marks]) if marks else None


def fetch(uri: str, target: Path, *, max_mib: int) -> str:
    """Copy the object to `target`; returns its SHA-256.

    Raises:
        Refused: it is larger than `max_mib`.
    """
    total, num_bytes = hashlib.sha256(), 0
    size = _file_system(uri).info(uri).get("size") or 0
    with target.open("wb") as file:
        for chunk in _chunks(uri, _CHUNK_BYTES):
            num_bytes += len(chunk)
            # A server may promise less than it sends, or nothing.
            if max(size, num_bytes) > max_mib * 2**20:
                raise Refused(Reason.FILE_TOO_LARGE, f"at least {max(size, num_bytes)} bytes, limit {max_mib} MiB")
            total.update(chunk)
            file.write(chunk)
    return total.hexdigest()


def _chunks(uri: str, num_bytes: int) -> Iterator[bytes]:
    files = _file_system(uri)
    # Without blocks, a web server need not know ranges.
    options = {"block_size": 0} if uri.partition("://")[0] in _WEB else {}
    with files.open(uri, "rb", **options) as file:
        while chunk := file.read(num_bytes):
            yield chunk


def _file_system(uri: str) -> Any:
    return fsspec.filesystem(uri.partition("://")[0])


def _is_hidden(name: str, root: str) -> bool:
    return any(part.startswith(".") for part in PurePosixPath(name.removeprefix(root)).parts)
