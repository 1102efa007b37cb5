"""What has been in training: the contents and looks of all clips that a data set of this data root ever trained on.

It is kept as manifests that are only added, each under the digest of its rows: no run overwrites what another one
writes at the same time, and a run that dies leaves whole ones. A row comes before the data set that it is about, so a
run that is cut off in between has taken a clip out of what can be held out, and nothing worse. Each data root has its
own history; one of an earlier version begins with its latest data set.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.latest import latest_clips
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.video.fingerprint import near_between

_FOLDER = "ingest/trained"


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A clip that was in training."""

    sha256: str
    fingerprint: str


def read_history(store: Store) -> list[Trained]:
    """All of them, by content."""
    kept = _kept(store)
    rows = kept.values() if kept else [_row(clip) for clip in latest_clips(store) if clip.split is Split.TRAIN]
    return sorted(rows, key=lambda row: row.sha256)


def add_to_history(store: Store, history: Sequence[Trained], clips: Sequence[Clip]) -> None:
    """From now on those of `clips` that are for training belong to it, and so does `history`, which was read before."""
    kept = _kept(store)
    found = {row.sha256: row for row in [*history, *(_row(clip) for clip in clips if clip.split is Split.TRAIN)]}
    new = [row for sha256, row in sorted(found.items()) if sha256 not in kept]
    if new:
        write_rows(store, f"{_FOLDER}/{digest_of([asdict(row) for row in new])}.parquet", Trained, new)


def find_trained(clips: Sequence[Clip], history: Sequence[Trained], config: IngestConfig) -> set[int]:
    """The positions of clips that were in training, or look like one that was."""
    known = {row.sha256 for row in history}
    others = [position for position, clip in enumerate(clips) if clip.sha256 not in known]
    alike = near_between(
        [clips[position].fingerprint for position in others],
        [row.fingerprint for row in history],
        max_distance=config.near_duplicate_distance,
    )
    return set(range(len(clips))) - set(others) | {others[pair.first] for pair in alike}


def _kept(store: Store) -> dict[str, Trained]:
    return {row.sha256: row for key in store.list_keys(_FOLDER) for row in _read(store, key)}


def _read(store: Store, key: str) -> list[Trained]:
    try:
        return read_rows(store, key, Trained)
    except InputError as error:  # unlike other manifests, no command makes it anew
        problem = error.message.partition("; ")[0]
        raise InputError(
            f"{problem}; put a copy of it back: it says what was in training; if there is none, delete it, but then "
            "clips that models of this data root were trained on may be held out, and scores on those say too much"
        ) from error


def _row(clip: Clip) -> Trained:
    return Trained(sha256=clip.sha256, fingerprint=clip.fingerprint)
