"""What was read before: the content of each file by its SHA-256, while the file stands unchanged.

A small record says which content a path or URI had at which version: size and times of a local
file, what an object store says of an object. A local file that changed a moment ago gets no record:
it might change again unnoticed, within the resolution of its times.

Which contents were read at all is kept by their size, so that one that comes back under another
name or time is recognised, and only a file that is as long as a known one has to be read for it.

A content is new until a retrain that had it, accepted or rejected, has ended well. It gets a mark
before it is put on record for the first time, and loses it with the last task of that retrain. So
whatever fails or is killed in between is started again, by its videos. Looking costs one listing of
the marks, mostly of none; a data root of an earlier version has none, and nothing in it is new.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tasks.core.digest import digest_of, sha256_of_file
from tasks.core.manifest import iterate_rows, write_rows
from tasks.core.objects import Facts
from tasks.core.store import Store
from tasks.core.types import Artifact
from tasks.ingest.locate import Remote
from tasks.ingest.remote import facts_of, fetch
from tasks.video.clip_file import file_version, is_settled

_SHA256 = re.compile("[0-9a-f]{64}")
_MARKS = "ingest/untrained"


@dataclass(frozen=True, kw_only=True)
class ContentRecord:
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


@dataclass(frozen=True, kw_only=True)
class ReadContent:
    """A file's content that a run had, whatever became of it."""

    sha256: str


def find_record(store: Store, place: Path | Remote) -> ContentRecord:
    """What is recorded of the file or URI.

    Raises:
        OSError: it is not there.
    """
    facts = _facts_of_file(place) if isinstance(place, Path) else facts_of(place)
    if facts.version is None:
        return ContentRecord(key="", sha256="", facts=facts)
    key = f"ingest/contents/{digest_of(str(place), facts.version)}"
    recorded = store.read_bytes(key).decode(errors="replace") if store.exists(key) else ""
    # A damaged record is none: the file is read again, and recorded again.
    return ContentRecord(
        key=key, sha256=recorded if _SHA256.fullmatch(recorded) else "", facts=facts
    )


def read_content(store: Store, place: Path | Remote, target: Path, max_fetch_mib: int) -> Content:
    """The file, or the object fetched to `target`; its content is put on record.

    Raises:
        OSError: it cannot be read.
        tasks.ingest.reasons.SourceError: it is larger than `max_fetch_mib`.
    """
    record = find_record(store, place)
    if isinstance(place, Path):
        content = Content(path=place, sha256=record.sha256 or sha256_of_file(place), is_copy=False)
    else:
        try:
            content = Content(
                path=target, sha256=fetch(place, target, max_mib=max_fetch_mib), is_copy=True
            )
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    size_key = _size_key(content.path.stat().st_size, content.sha256)
    if not store.exists(size_key):
        # First the mark: a content that is known and bears no mark is no arrival any more.
        store.write_bytes(f"{_MARKS}/{content.sha256}", b"")
        store.write_bytes(size_key, content.sha256.encode())
    _record(store, place, record, content.sha256)
    return content


def find_read_before(store: Store, place: Path | Remote, scratch: Path, max_fetch_mib: int) -> str:
    """The SHA-256 of the content if it was read before, under whatever name; else "".

    It is put on record for this name. Costs reading the file (fetching the object) once if a
    content of its length is known, and nothing if none is.

    Raises:
        OSError: it cannot be read.
        tasks.ingest.reasons.SourceError: it is larger than `max_fetch_mib`.
    """
    record = find_record(store, place)
    num_bytes = record.facts.num_bytes
    if record.sha256 or (num_bytes is not None and not store.list_keys(_size_key(num_bytes))):
        return record.sha256
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
    _record(store, place, record, sha256)
    return sha256


def find_untrained(store: Store) -> set[str]:
    """SHA-256 of all contents that no retrain which ended well has had."""
    return {key.rpartition("/")[2] for key in store.list_keys(_MARKS)}


def mark_trained(store: Store, contents: str) -> None:
    """A retrain that had the contents of this manifest has ended well."""
    untrained = find_untrained(store)
    had = {row.sha256 for row in iterate_rows(store, contents, ReadContent)} if untrained else set()
    store.delete_blobs([f"{_MARKS}/{sha256}" for sha256 in sorted(untrained & had)])


def write_contents(store: Store, contents: Iterable[str]) -> Artifact:
    """The manifest of these contents; empty ones are of files that could not be read."""
    rows = [ReadContent(sha256=sha256) for sha256 in sorted(set(contents) - {""})]
    key = f"ingest/had/{digest_of([row.sha256 for row in rows])}.parquet"
    return write_rows(store, key, ReadContent, rows)


def read_contents(store: Store, manifests: Iterable[Artifact]) -> set[str]:
    """The contents of all of them."""
    return {
        row.sha256 for manifest in manifests for row in iterate_rows(store, manifest, ReadContent)
    }


def _size_key(num_bytes: int, sha256: str = "") -> str:
    return f"ingest/sizes/{num_bytes}" + (f"/{sha256}" if sha256 else "")


def _record(store: Store, place: Path | Remote, before: ContentRecord, sha256: str) -> None:
    """Put the content on record, if what was found before reading is true of what was read."""
    if (
        not before.key
        or before.sha256 == sha256
        or (isinstance(place, Path) and not is_settled(place))
    ):
        return
    if find_record(store, place).key == before.key:
        store.write_bytes(before.key, sha256.encode())


def _facts_of_file(path: Path) -> Facts:
    stat = path.stat()
    return Facts(file_version(path), stat.st_size, stat.st_ctime_ns / 1e9)
