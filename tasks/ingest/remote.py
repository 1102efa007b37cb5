"""Object stores and the web, through fsspec: what is there, whether it changed, and its bytes."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import fsspec

from tasks.ingest.locate import Remote
from tasks.ingest.reasons import Reason, SourceError
from tasks.ingest.web import SCHEMES, InsideError, web_files

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
_TIME_FIELDS = (
    "LastModified",
    "last_modified",
    "Last-Modified",
    "updated",
    "mtime",
    "modified",
    "created",
)
"""What they call the time of its last change; Google's `created` is older than its `updated`."""
_FOLDER_MARKS = ("/", "_$folder$")
"""How the name ends of an empty object by which consoles and Hadoop say that there is a folder;
others name it as the folder itself is called."""


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
    folders = {name.rpartition("/")[0] for name in objects}
    names = sorted(
        name
        for name, info in objects.items()
        if info["type"] == "file"
        and not (info.get("size") == 0 and (marks_folder(name) or name in folders))
        and not _is_hidden(name, root)
    )
    return RemoteListing(
        files.unstrip_protocol(root), [files.unstrip_protocol(name) for name in names]
    )


def marks_folder(name: str) -> bool:
    """Whether an empty object of this name only says that there is a folder."""
    return name.endswith(_FOLDER_MARKS)


class Facts(NamedTuple):
    """What a server says of an object."""

    version: str | None
    """Changes whenever the object does; None if its server does not say."""
    num_bytes: int | None
    changed_seconds: float | None
    """When it changed last, since 1970."""


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
    marks = [str(info[name]) for name in _VERSION_FIELDS if info.get(name)]
    version = "|".join([str(info.get("size")), *marks]) if marks else None
    return Facts(version, info.get("size"), next(filter(None, map(_seconds, _times(info))), None))


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
    """fsspec reports much of what happens on the web as a missing file, and hands on the rest as it
    comes.

    Raises:
        SourceError: it leads inside.
        OSError: anything else, with what it was: a broken transfer, missing credentials, no such
            address.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, InsideError):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            raise SourceError(Reason.OUTSIDE, str(cause)) from error
        if isinstance(error, FileNotFoundError) and error.__cause__:
            raise FileNotFoundError(f"{error.__cause__}") from error
        if isinstance(error, OSError):
            raise
        raise OSError(f"{type(error).__name__}: {error}") from error


def _file_system(place: Remote) -> Any:
    return (
        web_files(place.roots)
        if _is_web(place)
        else fsspec.filesystem(place.uri.partition("://")[0])
    )


def _is_web(place: Remote) -> bool:
    return place.uri.partition("://")[0] in SCHEMES


def _times(info: Mapping[str, Any]) -> Iterator[Any]:
    return (info[name] for name in _TIME_FIELDS if info.get(name))


def _seconds(time: object) -> float | None:
    try:
        if isinstance(time, str):
            time = (
                datetime.fromisoformat(time) if time[:4].isdigit() else parsedate_to_datetime(time)
            )
        if isinstance(time, datetime):
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
        return float(time) if isinstance(time, (int, float)) else None
    except (ValueError, OverflowError):
        return None


def _is_hidden(name: str, root: str) -> bool:
    # Below the root alone: what the user named may itself lie in a hidden folder.
    return any(part.startswith(".") for part in PurePosixPath(name.removeprefix(root)).parts)
