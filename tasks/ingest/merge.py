"""Shards -> one clip manifest: no duplicates, each clip on its side of the split, all counted."""

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from operator import ne

from tasks.core.anchor import AnchorContent, pinned, with_looks
from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.records import DataSet, IngestedShard, VideoShard
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split, StageReport
from tasks.ingest.contents import read_contents, write_contents
from tasks.ingest.duplicates import drop_exact, drop_forbidden, drop_near, drop_spent
from tasks.ingest.reasons import Reason
from tasks.ingest.split import (
    TrainingRecord,
    add_to_history,
    assign_sides,
    find_anchored,
    find_trained,
    read_history,
)
from tasks.video.errors import kind_of

logger = logging.getLogger(__name__)


def merge_shards(
    store: Store,
    results: Sequence[IngestedShard | None],
    listed: Sequence[VideoShard],
    config: IngestConfig,
) -> DataSet:
    """One manifest of clips and one of rejections, by source, and one of the contents that they
    come from.

    `results` are those of `listed`, None where one failed.

    Raises:
        InputError: too few clips for training, or there is no manifest of what is to be avoided.
    """
    shards = [shard for shard in results if shard is not None]
    failed = [videos for result, videos in zip(results, listed, strict=True) if result is None]
    lost = [_lost(name) for videos in failed for name in videos.names]
    accepted = [clip for shard in shards for clip in read_rows(store, shard.clips, Clip)]
    rejected = [row for shard in shards for row in read_rows(store, shard.rejected, Rejection)]
    originals, copies = drop_exact(accepted)
    check_avoided(store, config.avoid)
    forbidden = [clip for key in config.avoid for clip in read_rows(store, key, Clip)]
    # Before near duplicates: a clip must not be turned away as the copy of one that goes too.
    allowed, leaks = drop_forbidden(originals, forbidden, config)
    # Read once: another run may add some at any time, and all that follows has to agree.
    anchors = with_looks(pinned(store), originals)
    history = read_history(store) if config.for_training else []
    allowed, spent = drop_spent(allowed, anchors, history, config)
    kept, groups, lookalikes = drop_near(allowed, config)
    rejected = sorted(
        [*rejected, *lost, *copies, *leaks, *spent, *lookalikes],
        key=lambda row: (row.source, row.detail),
    )
    check_enough(kept, rejected, config)
    clips, counts = _split(store, kept, groups, history, anchors, config)
    rule = [
        config.near_duplicates,
        config.near_duplicate_distance,
        *sorted({clip.sha256 for clip in forbidden}),
    ]
    inputs = [[shard.clips.digest, shard.rejected.digest] for shard in shards] + [
        row.source for row in lost
    ]
    # The same inputs may get other sides, because these hang on what was trained on before.
    key = f"ingest/{digest_of(inputs, rule, [clip.split for clip in clips])}"
    return DataSet(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, rejected),
        contents=write_contents(store, read_contents(store, [shard.contents for shard in shards])),
        reports=[_report(shards, clips, rejected, counts, num_failed=len(results) - len(shards))],
    )


def _split(
    store: Store,
    clips: Sequence[Clip],
    groups: Sequence[int],
    history: Sequence[TrainingRecord],
    anchors: Sequence[AnchorContent],
    config: IngestConfig,
) -> tuple[list[Clip], dict[str, int]]:
    """The clips with their sides, what goes to training put on record; and what the sides hung on
    besides contents."""
    contents = [clip.sha256 for clip in clips]
    # Thrice: as it is, without what was in training before, and without look-alikes too.
    trained = find_trained(clips, history, config)
    anchored = find_anchored(clips, anchors, trained, config)
    sides = assign_sides(contents, groups, trained - anchored, config, anchored)
    without_history = assign_sides(contents, groups, (), config, anchored)
    alone = assign_sides(contents, range(len(clips)), (), config, anchored)
    with_sides = [replace(clip, split=side) for clip, side in zip(clips, sides, strict=True)]
    if config.for_training:
        _check_anchored(sides, anchored, config)
        add_to_history(store, history, with_sides)
        _warn_of_few(sides, config)
    return with_sides, {
        "moved_beside_lookalikes": sum(map(ne, without_history, alone)),
        "stay_in_training": sum(map(ne, sides, without_history)),
        "anchored": len(anchored),
    }


def _check_anchored(
    sides: Sequence[Split], anchored: Collection[int], config: IngestConfig
) -> None:
    num_train = sides.count(Split.TRAIN)
    if num_train < max(1, config.min_train_clips):
        raise InputError(
            f"videos: of {len(sides)} clips the anchor (evaluate.anchor) shows {len(anchored)}, "
            f"which are held out; that leaves {num_train} for training, at least "
            f"{max(1, config.min_train_clips)} needed (ingest.min_train_clips); add videos"
        )


def _warn_of_few(sides: Sequence[Split], config: IngestConfig) -> None:
    num_heldout = sides.count(Split.HELDOUT)
    if num_heldout < config.min_heldout_clips:
        logger.warning(
            "%d of %d clips are held out, fewer than the %d aimed at (ingest.min_heldout_clips): "
            "a small folder keeps half for training, and what was in training stays there; add "
            "videos",
            num_heldout,
            len(sides),
            config.min_heldout_clips,
        )


def check_avoided(store: Store, keys: Sequence[str]) -> None:
    """
    Raises:
        InputError: one of these manifests is not there.
    """
    for key in keys:
        if not store.exists(key):
            raise InputError(
                f"ingest.avoid: {key!r} is not in the data root; expected what check_leaks printed"
            )


def check_enough(
    clips: Sequence[Clip], rejected: Sequence[Rejection], config: IngestConfig
) -> None:
    """Raises:
    InputError: too few clips for training; says how many, and what was rejected.
    """
    if not config.for_training or len(clips) >= max(1, config.min_train_clips):
        return
    reasons = ", ".join(f"{number} {reason}" for reason, number in _by_reason(rejected).items())
    turned_away = f" ({len(rejected)} files rejected: {reasons})" if rejected else ""
    if not clips:
        raise InputError(
            f"videos: none of the {len(rejected)} files could be used{turned_away}; add videos"
        )
    raise InputError(
        f"videos: {len(clips)} clips accepted, for training at least {config.min_train_clips} "
        f"needed (ingest.min_train_clips){turned_away}; add videos"
    )


def _by_reason(rejected: Sequence[Rejection]) -> dict[str, int]:
    return dict(Counter(row.reason for row in rejected).most_common())


def _by_warning(clips: Sequence[Clip]) -> dict[str, int]:
    """How many clips have a warning of each kind."""
    return dict(Counter(kind for clip in clips for kind in set(map(kind_of, clip.warnings))))


def _lost(name: str) -> Rejection:
    return Rejection(
        source=name, reason=Reason.SHARD_FAILED, detail="see the failed element of the map task"
    )


def _report(
    shards: Sequence[IngestedShard],
    clips: Sequence[Clip],
    rejected: Sequence[Rejection],
    split_counts: Mapping[str, int],
    *,
    num_failed: int,
) -> StageReport:
    sides, qualities = (
        Counter(clip.split for clip in clips),
        Counter(clip.jpeg_quality for clip in clips),
    )
    return StageReport(
        stage="ingest",
        seconds=sum(shard.seconds for shard in shards),
        counts={
            "videos": len(clips) + len(rejected),
            "accepted": len(clips),
            "train": sides[Split.TRAIN],
            "heldout": sides[Split.HELDOUT],
            **split_counts,
            "with_warnings": sum(bool(clip.warnings) for clip in clips),
            **{f"warning/{kind}": number for kind, number in sorted(_by_warning(clips).items())},
            "verified": sum(clip.is_verified for clip in clips),
            "new": sum(shard.num_new for shard in shards),
            "reused": sum(shard.num_reused for shard in shards),
            "shards_failed": num_failed,
            **{f"jpeg_quality/{quality}": number for quality, number in sorted(qualities.items())},
            "rejected": len(rejected),
            **{
                f"rejected/{reason}": number
                for reason, number in sorted(_by_reason(rejected).items())
            },
        },
    )
