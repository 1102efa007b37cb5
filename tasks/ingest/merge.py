"""Shards -> one clip manifest: duplicates out, both sides of the split checked, everything counted."""

from collections import Counter
from collections.abc import Sequence

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split, StageReport
from tasks.ingest.duplicates import drop_exact, drop_forbidden, drop_near
from tasks.ingest.outputs import ClipSet, IngestedShard, VideoShard
from tasks.ingest.reasons import Reason


def merge_shards(
    store: Store, results: Sequence[IngestedShard | None], listed: Sequence[VideoShard], config: IngestConfig
) -> ClipSet:
    """One manifest of clips and one of rejections, by source; `results` are those of `listed`, None where one failed.

    Raises:
        InputError: too few clips for training or for holding out, or there is no manifest of what is to be avoided.
    """
    shards = [shard for shard in results if shard is not None]
    lost = [_lost(name) for shard, names in zip(results, listed, strict=True) if shard is None for name in names.names]
    found = [clip for shard in shards for clip in read_rows(store, shard.clips, Clip)]
    rejected = [row for shard in shards for row in read_rows(store, shard.rejected, Rejection)]
    originals, copies = drop_exact(found)
    forbidden = [clip for key in config.avoid for clip in read_forbidden(store, key)]
    allowed, leaks = drop_forbidden(originals, forbidden, config)
    clips, lookalikes = drop_near(allowed, config)
    rejected = sorted([*rejected, *lost, *copies, *leaks, *lookalikes], key=lambda row: (row.source, row.detail))
    own_side = {clip.clip_id: clip.split for clip in originals}
    num_moved = sum(own_side[clip.clip_id] != clip.split for clip in clips)
    check_enough(clips, rejected, config)
    rule = [config.near_duplicates, config.near_duplicate_distance, *sorted({clip.sha256 for clip in forbidden})]
    shown = [[shard.clips.digest, shard.rejected.digest] for shard in shards] + [row.source for row in lost]
    key = f"ingest/{digest_of(shown, rule)}"
    return ClipSet(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, rejected),
        report=_report(shards, clips, rejected, num_moved, num_failed=len(results) - len(shards)),
    )


def read_forbidden(store: Store, key: str) -> list[Clip]:
    """
    Raises:
        InputError: there is no such manifest.
    """
    if not store.exists(key):
        raise InputError(f"ingest.avoid: {key!r} is not in the data root; expected what check_leaks printed")
    return read_rows(store, key, Clip)


def check_enough(clips: Sequence[Clip], rejected: Sequence[Rejection], config: IngestConfig) -> None:
    """Raises:
    InputError: too few clips for training or for holding out; says which, and what was rejected.
    """
    counts = Counter(clip.split for clip in clips)
    num_train, num_heldout = counts[Split.TRAIN], counts[Split.HELDOUT]
    if num_train >= config.min_train_clips and num_heldout >= config.min_heldout_clips:
        return
    reasons = ", ".join(f"{number} {reason}" for reason, number in _by_reason(rejected).items())
    turned_away = f" ({len(rejected)} files rejected: {reasons})" if rejected else ""
    if not clips:
        raise InputError(f"videos: none of the {len(rejected)} files could be used{turned_away}; add videos")
    side, change = ("held-out", "raise") if num_heldout < config.min_heldout_clips else ("training", "lower")
    share = round(min(0.5, config.heldout_share * 3) if change == "raise" else config.heldout_share / 3, 3)
    option = f"""--overrides '{{"ingest": {{"heldout_share": {share}}}}}'"""
    raise InputError(
        f"videos: {len(clips)} clips accepted, {num_train} for training (at least {config.min_train_clips} needed) and "
        f"{num_heldout} held out (at least {config.min_heldout_clips} needed){turned_away}; too few {side} clips: "
        f"add videos, or {change} the share held out, e.g. {option}"
    )


def _by_reason(rejected: Sequence[Rejection]) -> dict[str, int]:
    return dict(Counter(row.reason for row in rejected).most_common())


def _lost(name: str) -> Rejection:
    return Rejection(source=name, reason=Reason.SHARD_FAILED, detail="see the failed element of the map task")


def _report(
    shards: Sequence[IngestedShard],
    clips: Sequence[Clip],
    rejected: Sequence[Rejection],
    num_moved: int,
    *,
    num_failed: int,
) -> StageReport:
    sides, qualities = Counter(clip.split for clip in clips), Counter(clip.jpeg_quality for clip in clips)
    return StageReport(
        stage="ingest",
        seconds=sum(shard.seconds for shard in shards),
        counts={
            "videos": len(clips) + len(rejected),
            "accepted": len(clips),
            "train": sides[Split.TRAIN],
            "heldout": sides[Split.HELDOUT],
            "moved_beside_lookalikes": num_moved,
            "with_warnings": sum(bool(clip.warnings) for clip in clips),
            "verified": sum(clip.is_verified for clip in clips),
            "new": sum(shard.num_new for shard in shards),
            "reused": sum(shard.num_reused for shard in shards),
            "shards_failed": num_failed,
            **{f"jpeg_quality/{quality}": number for quality, number in sorted(qualities.items())},
            "rejected": len(rejected),
            **{f"rejected/{reason}": number for reason, number in sorted(_by_reason(rejected).items())},
        },
    )
