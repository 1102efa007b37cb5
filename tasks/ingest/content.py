"""The content of a file by its SHA-256, without reading the file again as long as it stands unchanged.

A small record says which content a path or URI had at which version: size and times of a local file, what an object
store says of an object. A local file that changed a moment ago gets no record: it might change again unnoticed,
within the resolution of its times.

Which contents were read at all is kept by their size, so that one that comes back under another name or time is
recognised, and only a file that is as long as a known one has to be read for it.
"""

import re
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from tasks.core.digest import digest_of, sha256_of_file
from tasks.core.store import Store
from tasks.ingest.locate import Remote
from tasks.ingest.remote import Facts, facts_of, fetch
from tasks.ingest.untrained import mark

_SHA256 = re.compile("[0-9a-f]{64}")
_SETTLED_NS = 2 * 10**9
"""FAT keeps times in steps of two seconds; all others are finer."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the records say of a file as it stands."""

    key: str
    """Of the record; empty if the file's version is unknown."""
    sha256: str
    """Empty if there is no record."""
    facts: Facts


@dataclass(frozen=True, kw_only=True)
class Content:
    """A file that can be opened."""

    path: Path
    sha256: str
    is_copy: bool
    """Fetched: to be deleted after use."""


def known_content(store: Store, place: Path | Remote) -> Known:
    """What is recorded of the file or URI.

    Raises:
        OSError: it is not there.
    """
    facts = _facts_of_file(place) if isinstance(place, Path) else facts_of(place)
    if facts.version is None:
        return Known(key="", sha256="", facts=facts)
    key = f"ingest/contents/{digest_of(str(place), facts.version)}"
    recorded = store.read_bytes(key).decode(errors="replace") if store.exists(key) else ""
    # A damaged record is none: the file is read again, and recorded again.
    return Known(key=key, sha256=recorded if _SHA256.fullmatch(recorded) else "", facts=facts)


def read_content(store: Store, place: Path | Remote, target: Path, max_fetch_mib: int) -> Content:
    """The file, or the object fetched to `target`; its content is put on record.

    Raises:
        OSError: it cannot be read.
        tasks.ingest.locate.Refused: it is larger than `max_fetch_mib`.
    """
    known = known_content(store, place)
    if isinstance(place, Path):
        content = Content(path=place, sha256=known.sha256 or sha256_of_file(place), is_copy=False)
    else:
        try:
            content = Content(path=target, sha256=fetch(place, target, max_mib=max_fetch_mib), is_copy=True)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    size_key = _size_key(content.path.stat().st_size, content.sha256)
    if not store.exists(size_key):
        mark(store, content.sha256)  # first: a content that is known and bears no mark is no arrival any more
        store.write_bytes(size_key, content.sha256.encode())
    _record(store, place, known, content.sha256)
    return content


def find_read_before(store: Store, place: Path | Remote, scratch: Path, max_fetch_mib: int) -> str:
    """The SHA-256 of the content if it was read before, under whatever name, and is put on record for this one; or "".

    Costs reading the file (fetching the object) once if a content of its length is known, and nothing if none is.

    Raises:
        OSError: it cannot be read.
        tasks.ingest.locate.Refused: it is larger than `max_fetch_mib`.
    """
    known = known_content(store, place)
    num_bytes = known.facts.num_bytes
    if known.sha256 or (num_bytes is not None and not store.list_keys(_size_key(num_bytes))):
        return known.sha256
    if isinstance(place, Path):
        num_bytes, sha256 = place.stat().st_size, sha256_of_file(place)
    else:
        target = scratch / uuid.uuid4().hex
        try:
            sha256 = fetch(place, target, max_mib=max_fetch_mib)
            num_bytes = target.stat().st_size
        finally:
            target.unlink(missing_ok=True)
    if not store.exists(_size_key(num_bytes, sha256)):
        return ""
    _record(store, place, known, sha256)
    return sha256


def _size_key(num_bytes: int, sha256: str = "") -> str:
    return f"ingest/sizes/{num_bytes}" + (f"/{sha256}" if sha256 else "")


def _record(store: Store, place: Path | Remote, known: Known, sha256: str) -> None:
    if known.key and known.sha256 != sha256 and _stood_still(store, place, known.key):
        store.write_bytes(known.key, sha256.encode())


def _stood_still(store: Store, place: Path | Remote, key: str) -> bool:
    """Whether the record made before reading is true of what was read."""
    if isinstance(place, Path) and time.time_ns() - place.stat().st_ctime_ns < _SETTLED_NS:
        return False
    return known_content(store, place).key == key


def _facts_of_file(path: Path) -> Facts:
    stat = path.stat()
    # The time of change cannot be set back, unlike the time of modification.
    version = f"{stat.st_size}|{stat.st_mtime_ns}|{stat.st_ctime_ns}"
    return Facts(version, stat.st_size, stat.st_ctime_ns / 1e9)
