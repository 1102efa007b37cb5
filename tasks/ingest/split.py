"""Which clips are held out: the lowest hashes of contents, as many as a decision needs, and none
that was ever trained on.

A clip is held out if the hash of its content falls below the share, or is among the lowest as long
as that leaves fewer than `min_heldout_clips`. So the side hangs on contents alone, not on names or
the order of arrival, and as videos arrive the lowest ones move up: a clip may go from held out to
training. It never comes back, because whatever was in training stays there, and so does what looks
like it: without that, a video that is taken away would make room for one that a model has learned
from, and so would a folder that grows from too small to large enough.

Look-alikes share a side. Training comes first: at least `min_train_clips` are left for it, and for
the lowest hashes alone at most half of the clips is held out.

What an anchor shows (`tasks.core.anchor`) is held out whatever its hash, and so is what looks like
it, unless that was trained on before.

What has been in training is kept as manifests that are only added, each under the digest of its
rows: no run overwrites what another one writes at the same time, and a run that dies leaves whole
ones. A row comes before the data set that it is about, so a run that is cut off in between has
taken a clip out of what can be held out, and nothing worse. Each data root has its own history; one
of an earlier version begins with its latest data set.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

from tasks.core.anchor import AnchorContent
from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.latest import latest_clips
from tasks.core.manifest import read_rows, write_rows
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.video.fingerprint import near_between

_FOLDER = "ingest/trained"


@dataclass(frozen=True, kw_only=True)
class TrainingRecord:
    """A clip that was in training."""

    sha256: str
    fingerprint: str


def assign_sides(
    contents: Sequence[str],
    groups: Sequence[int],
    trained: Collection[int],
    config: IngestConfig,
    anchored: Collection[int] = (),
) -> list[Split]:
    """The side of every clip, from the SHA-256 of its content and the number of its group of
    look-alikes.

    `trained` are the positions of clips that were in training, or look like one that was;
    `anchored` those of clips that an anchor shows, or that look like one: none is in both.
    """
    if not config.for_training:
        return [Split.HELDOUT] * len(contents)
    members: defaultdict[int, list[int]] = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    # A group with clips of both kinds is held out but for what was trained on.
    pinned = {
        group: [position for position in members[group] if position not in trained]
        for group in {groups[position] for position in anchored}
    }
    barred = {groups[position] for position in trained} - set(pinned)
    # The highest hash speaks for a group: who joins it can only lead it to training.
    hashes = {
        group: max(uniform_hash("split", contents[position]) for position in positions)
        for group, positions in members.items()
        if group not in barred
    }
    most, half = len(contents) - config.min_train_clips, len(contents) // 2
    num_waiting = sum(map(len, pinned.values()))
    heldout: list[int] = []
    # From the lowest hash on: each group among the lowest or below the share, if enough are left.
    # Pinned ones come in their turn, with room kept for them: so an anchor made of clips that are
    # held out moves none, and the run that made it finds its own data set when it is repeated.
    for group in sorted(hashes, key=lambda group: hashes[group]):
        if group in pinned:
            heldout += pinned[group]
            num_waiting -= len(pinned[group])
            continue
        number = len(heldout) + num_waiting + len(members[group])
        is_lowest = len(heldout) < config.min_heldout_clips and number <= half
        if number <= most and (is_lowest or hashes[group] < config.heldout_share):
            heldout += members[group]
    chosen = set(heldout)
    return [
        Split.HELDOUT if position in chosen else Split.TRAIN for position in range(len(contents))
    ]


def read_history(store: Store) -> list[TrainingRecord]:
    """All of them, by content."""
    kept = _kept(store)
    rows = (
        kept.values()
        if kept
        else [_row(clip) for clip in latest_clips(store) if clip.split is Split.TRAIN]
    )
    return sorted(rows, key=lambda row: row.sha256)


def add_to_history(store: Store, history: Sequence[TrainingRecord], clips: Sequence[Clip]) -> None:
    """From now on those of `clips` that are for training belong to it, and so does `history`, which
    was read before."""
    # `history` may come from the data set of an earlier version, and is then in no file yet.
    kept = _kept(store)
    rows = {
        row.sha256: row
        for row in [*history, *(_row(clip) for clip in clips if clip.split is Split.TRAIN)]
    }
    new = [row for sha256, row in sorted(rows.items()) if sha256 not in kept]
    if new:
        write_rows(
            store,
            f"{_FOLDER}/{digest_of([asdict(row) for row in new])}.parquet",
            TrainingRecord,
            new,
        )


def find_trained(
    clips: Sequence[Clip], history: Sequence[TrainingRecord], config: IngestConfig
) -> set[int]:
    """The positions of clips that were in training, or look like one that was."""
    known = {row.sha256 for row in history}
    others = [position for position, clip in enumerate(clips) if clip.sha256 not in known]
    alike = near_between(
        [clips[position].fingerprint for position in others],
        [row.fingerprint for row in history],
        max_distance=config.near_duplicate_distance,
    )
    return set(range(len(clips))) - set(others) | {others[pair.first] for pair in alike}


def find_anchored(
    clips: Sequence[Clip],
    anchors: Sequence[AnchorContent],
    trained: Collection[int],
    config: IngestConfig,
) -> set[int]:
    """The positions of clips that an anchor shows, or that look like one and are not in
    `trained`."""
    pinned = {row.sha256 for row in anchors}
    alike = near_between(
        [clip.fingerprint for clip in clips],
        [row.fingerprint for row in anchors if row.fingerprint],
        max_distance=config.near_duplicate_distance,
    )
    shown = {position for position, clip in enumerate(clips) if clip.sha256 in pinned}
    return shown | ({pair.first for pair in alike} - set(trained))


def _kept(store: Store) -> dict[str, TrainingRecord]:
    return {row.sha256: row for key in store.list_keys(_FOLDER) for row in _read(store, key)}


def _read(store: Store, key: str) -> list[TrainingRecord]:
    try:
        return read_rows(store, key, TrainingRecord)
    except InputError as error:  # unlike other manifests, no command makes it anew
        problem = error.message.partition("; ")[0]
        raise InputError(
            f"{problem}; put a copy of it back: it says what was in training; if there is none, "
            "delete it, but then clips that models of this data root were trained on may be held "
            "out, and scores on those say too much"
        ) from error


def _row(clip: Clip) -> TrainingRecord:
    return TrainingRecord(sha256=clip.sha256, fingerprint=clip.fingerprint)
