"""Object stores and the web, through fsspec: what is there, whether it changed, and its bytes."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import fsspec

from tasks.core.errors import causes
from tasks.core.objects import Facts, as_os_errors, facts_in, files_among
from tasks.ingest.locate import Remote
from tasks.ingest.reasons import Reason, SourceError
from tasks.ingest.web import SCHEMES, InsideError, web_files

_CHUNK_BYTES = 4 * 2**20


class RemoteListing(NamedTuple):
    """What lies at a URI."""

    root: str
    uris: list[str]
    is_one: bool = False
    """`uris` holds the object itself, not what lies below it."""


def list_below(uri: str) -> RemoteListing:
    """The objects below a folder or that match a glob, or the object itself.

    On the web there are only objects.
    """
    scheme = uri.partition("://")[0]
    if scheme in SCHEMES:
        return RemoteListing(uri.rpartition("/")[0], [uri], is_one=True)
    files = fsspec.filesystem(scheme)
    files.invalidate_cache()  # A long-lived process may have listed it before.
    path = files._strip_protocol(uri).rstrip("/")
    if fsspec.core.has_magic(path):
        root = path[: min(path.index(sign) for sign in "*?[" if sign in path)].rpartition("/")[0]
        objects = files.glob(path, detail=True)
    elif files.isfile(path):
        itself = files.unstrip_protocol(path)
        return RemoteListing(itself.rpartition("/")[0], [itself], is_one=True)
    else:
        root, objects = path, files.find(path, detail=True)
    names = [name for name in files_among(objects) if not _is_hidden(name, root)]
    return RemoteListing(
        files.unstrip_protocol(root), [files.unstrip_protocol(name) for name in names]
    )


def read_start(place: Remote, num_bytes: int) -> bytes:
    """The first bytes of an object.

    Raises:
        SourceError: it, or where it leads, lies inside.
    """
    start = b""
    # A read from the network may give less than was asked for.
    for chunk in _chunks(place, num_bytes):
        start += chunk
        if len(start) >= num_bytes:
            break
    return start[:num_bytes]


def facts_of(place: Remote) -> Facts:
    """
    Raises:
        SourceError: it, or where it leads, lies inside.
        OSError: it is not there.
    """
    with _explained():
        info: dict[str, Any] = _file_system(place).info(place.uri)
    return facts_in(info)


def fetch(place: Remote, target: Path, *, max_mib: int) -> str:
    """Copy the object to `target`; returns its SHA-256.

    Raises:
        SourceError: it is larger than `max_mib`, or it, or where it leads, lies inside.
    """
    total, num_bytes = hashlib.sha256(), 0
    size = facts_of(place).num_bytes or 0
    with target.open("wb") as file:
        for chunk in _chunks(place, _CHUNK_BYTES):
            num_bytes += len(chunk)
            # A server may promise less than it sends, or nothing.
            if max(size, num_bytes) > max_mib * 2**20:
                raise SourceError(
                    Reason.FILE_TOO_LARGE,
                    f"at least {max(size, num_bytes)} bytes, limit {max_mib} MiB",
                )
            total.update(chunk)
            file.write(chunk)
    return total.hexdigest()


def _chunks(place: Remote, num_bytes: int) -> Iterator[bytes]:
    # Without blocks, a web server need not know ranges.
    options = {"block_size": 0} if _is_web(place) else {}
    with _explained(), _file_system(place).open(place.uri, "rb", **options) as file:
        while chunk := file.read(num_bytes):
            yield chunk


@contextmanager
def _explained() -> Iterator[None]:
    """
    Raises:
        SourceError: it leads inside.
        OSError: anything else that went wrong.
    """
    try:
        with as_os_errors():
            yield
    except OSError as error:
        inside = next((cause for cause in causes(error) if isinstance(cause, InsideError)), None)
        if inside is not None:
            raise SourceError(Reason.OUTSIDE, str(inside)) from error
        raise


def _file_system(place: Remote) -> Any:
    return (
        web_files(place.roots)
        if _is_web(place)
        else fsspec.filesystem(place.uri.partition("://")[0])
    )


def _is_web(place: Remote) -> bool:
    return place.uri.partition("://")[0] in SCHEMES


def _is_hidden(name: str, root: str) -> bool:
    # Below the root alone: what the user named may itself lie in a hidden folder.
    return any(part.startswith(".") for part in PurePosixPath(name.removeprefix(root)).parts)
