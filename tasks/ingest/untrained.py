"""Which contents were read, but not yet by a retrain that ended well: they go on to count as arrivals.

A content gets a mark before it is put on record for the first time, and loses it with the last task of a retrain that
had it, accepted or rejected. So whatever fails or is killed in between is started again, by its videos. Looking costs
one listing of the marks, mostly of none; a data root of an earlier version has none, and nothing in it is new.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.core.digest import digest_of
from tasks.core.manifest import iterate_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact

_MARKS = "ingest/untrained"


@dataclass(frozen=True, kw_only=True)
class ReadContent:
    """A file's content that a run had, whatever became of it."""

    sha256: str


def mark(store: Store, sha256: str) -> None:
    """No retrain has had this content yet."""
    store.write_bytes(f"{_MARKS}/{sha256}", b"")


def find_untrained(store: Store) -> set[str]:
    """SHA-256 of all contents that are marked."""
    return {key.rpartition("/")[2] for key in store.list_keys(_MARKS)}


def settle(store: Store, contents: str) -> None:
    """A retrain that had the contents of this manifest has ended well."""
    marked = find_untrained(store)
    had = {row.sha256 for row in iterate_rows(store, contents, ReadContent)} if marked else set()
    store.delete_blobs([f"{_MARKS}/{sha256}" for sha256 in sorted(marked & had)])


def write_contents(store: Store, contents: Iterable[str]) -> Artifact:
    """The manifest of these contents; empty ones are of files that could not be read."""
    rows = [ReadContent(sha256=sha256) for sha256 in sorted(set(contents) - {""})]
    key = f"ingest/had/{digest_of([row.sha256 for row in rows])}.parquet"
    return write_rows(store, key, ReadContent, rows)


def read_contents(store: Store, manifests: Iterable[Artifact]) -> set[str]:
    """The contents of all of them."""
    return {row.sha256 for manifest in manifests for row in iterate_rows(store, manifest, ReadContent)}
