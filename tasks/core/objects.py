"""What file systems of fsspec say of objects (in stores, on the web): what they are called, whether
they changed, and what went wrong."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_CONTENT_FIELDS = ("ETag", "etag", "md5Hash", "Content-MD5", "Digest")
"""What file systems call that which is another one for every content."""
_VERSION_FIELDS = (*_CONTENT_FIELDS, "LastModified", "Last-Modified", "created", "mtime")
"""What they call that which changes with an object."""
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


def is_uri(text: str) -> bool:
    """Whether `text` begins with a scheme, as in s3://bucket/a.mp4."""
    return bool(_SCHEME.match(text))


def files_among(objects: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of the objects of a listing that are files, and do not stand for a folder;
    sorted."""
    folders = {name.rpartition("/")[0] for name in objects}
    return sorted(
        name
        for name, info in objects.items()
        if info["type"] == "file"
        and not (info.get("size") == 0 and (marks_folder(name) or name in folders))
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
    etag: str = ""
    """Another one for another content; not its digest, because parts of an upload count. A listing
    and the object itself say the same; empty if they say none."""


def facts_in(info: Mapping[str, Any]) -> Facts:
    """Of what `info` or a listing says of one object."""
    marks = [str(info[name]) for name in _VERSION_FIELDS if info.get(name)]
    times = (info[name] for name in _TIME_FIELDS if info.get(name))
    contents = (str(info[name]) for name in _CONTENT_FIELDS if info.get(name))
    return Facts(
        version="|".join([str(info.get("size")), *marks]) if marks else None,
        num_bytes=info.get("size"),
        changed_seconds=next(filter(None, map(_seconds, times)), None),
        # Azure's listings leave out the quotes.
        etag=next(contents, "").strip('"'),
    )


@contextmanager
def as_os_errors() -> Iterator[None]:
    """fsspec reports much of what happens on the web as a missing file, and hands on the rest as it
    comes.

    Raises:
        OSError: whatever it is, with what it was: a broken transfer, missing credentials, no such
            address.
    """
    try:
        yield
    except MemoryError:
        raise
    except FileNotFoundError as error:
        if error.__cause__:
            raise FileNotFoundError(f"{error.__cause__}") from error
        raise
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


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
