"""Clips that look alike: copies among the accepted ones, and those like a benchmark's videos.

Clips that look alike never fall on both sides of the split (`tasks.ingest.split`). One at another
speed is no copy, since its times differ; it is kept, on the side of the clip that it resembles. A
model trained on what looks like a benchmark's video would be scored on what it has seen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.core.anchor import AnchorContent
from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Rejection, Split
from tasks.ingest.reasons import Reason
from tasks.ingest.split import TrainingRecord, find_trained
from tasks.video.fingerprint import Pair, near_between, near_pairs

_SAME_LENGTH = 0.8
"""Least ratio of the durations of two copies: trimmed a little, not sped up."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A clip of the data set and the benchmark's video that it looks most like."""

    source: str
    clip_id: str
    split: Split
    benchmark_video: str
    distance: float
    """Share of the bits of their fingerprints that differ."""


def drop_exact(clips: Sequence[Clip]) -> tuple[list[Clip], list[Rejection]]:
    """Of clips with equal content, the first by source stays; the others become rejections."""
    first: dict[str, Clip] = {}
    duplicates = []
    for clip in sorted(clips, key=lambda clip: clip.source):
        original = first.setdefault(clip.sha256, clip)
        if original is not clip:
            detail = f"exact duplicate of {original.source}"
            duplicates.append(
                Rejection(source=clip.source, reason=Reason.EXACT_DUPLICATE, detail=detail)
            )
    return list(first.values()), duplicates


def drop_forbidden(
    clips: Sequence[Clip], forbidden: Sequence[Clip], config: IngestConfig
) -> tuple[list[Clip], list[Rejection]]:
    """Of `clips` those that look like none of `forbidden`, whatever their length: a part is enough
    to give it away."""
    alike = find_nearest(clips, forbidden, config)
    rejected = [
        Rejection(
            source=clips[index].source,
            reason=Reason.FORBIDDEN,
            detail=_alike(forbidden[pair.second], pair),
        )
        for index, pair in sorted(alike.items())
    ]
    return [clip for index, clip in enumerate(clips) if index not in alike], rejected


def drop_spent(
    clips: Sequence[Clip],
    anchors: Sequence[AnchorContent],
    history: Sequence[TrainingRecord],
    config: IngestConfig,
) -> tuple[list[Clip], list[Rejection]]:
    """Of `clips` those that may be trained on or scored on: what an anchor shows may not be in
    training, and what was in training, or looks like it, says nothing when it is held out."""
    pinned = {row.sha256 for row in anchors}
    shown = [clip for clip in clips if clip.sha256 in pinned]
    spent = {shown[position].sha256 for position in find_trained(shown, history, config)}
    detail = "the anchor shows it, and it was trained on before: it can be on neither side"
    rejected = [
        Rejection(source=clip.source, reason=Reason.FORBIDDEN, detail=detail)
        for clip in clips
        if clip.sha256 in spent
    ]
    return [clip for clip in clips if clip.sha256 not in spent], rejected


def find_nearest(
    clips: Sequence[Clip], others: Sequence[Clip], config: IngestConfig
) -> dict[int, Pair]:
    """By position, each of `clips` that looks like one of `others`, with the one most like it."""
    pairs = near_between(
        [clip.fingerprint for clip in clips],
        [clip.fingerprint for clip in others],
        max_distance=config.near_duplicate_distance,
    )
    best: dict[int, Pair] = {}
    # A tie goes by source, so that what is reported does not hang on the order of `others`.
    for pair in sorted(pairs, key=lambda pair: (pair.distance, others[pair.second].source)):
        best.setdefault(pair.first, pair)
    return best


def drop_near(
    clips: Sequence[Clip], config: IngestConfig
) -> tuple[list[Clip], list[int], list[Rejection]]:
    """Clips (by source) without near duplicates if those are to be rejected; look-alikes that stay
    share a number."""
    pairs = list(
        near_pairs(
            [clip.fingerprint for clip in clips], max_distance=config.near_duplicate_distance
        )
    )
    copies = {} if config.near_duplicates == "keep" else _copies(clips, pairs)
    kept = [index for index in range(len(clips)) if index not in copies]
    groups = _firsts(kept, pairs)
    rejected = [_rejection(clips, index, pair) for index, pair in sorted(copies.items())]
    return [clips[index] for index in kept], [groups[index] for index in kept], rejected


def find_leaks(
    store: Store, clips_key: str, benchmark: Artifact, config: IngestConfig
) -> tuple[list[Leak], Artifact]:
    """The leaks, by source, and where they are kept; `benchmark` are rows of Clip too."""
    clips, videos = read_rows(store, clips_key, Clip), read_rows(store, benchmark, Clip)
    leaks = [
        Leak(
            source=clips[index].source,
            clip_id=clips[index].clip_id,
            split=clips[index].split,
            benchmark_video=videos[pair.second].source,
            distance=pair.distance,
        )
        for index, pair in find_nearest(clips, videos, config).items()
    ]
    leaks.sort(key=lambda leak: (leak.source, leak.clip_id))
    key = f"leaks/{digest_of(clips_key, benchmark.digest, config.near_duplicate_distance)}.parquet"
    return leaks, write_rows(store, key, Leak, leaks)


def leak_lines(
    leaks: Sequence[Leak], *, num_videos: int, num_unknown: int, avoid: str
) -> list[str]:
    """What a person wants to know; `avoid` is the key of the benchmark's clip manifest."""
    lines = [
        f"benchmark           {num_videos} videos compared, {num_unknown} could not be",
        f"leaks               {len(leaks)}, {sum(leak.split == Split.TRAIN for leak in leaks)} of "
        "them in training",
        *(
            f"                    {leak.source} ({leak.split}) looks like {leak.benchmark_video} "
            f"({leak.distance:.1%} differ)"
            for leak in leaks
        ),
    ]
    option = f"""--overrides '{{"ingest": {{"avoid": ["{avoid}"]}}}}'"""
    return [*lines, f"leave them out      {option}"]


def _copies(clips: Sequence[Clip], pairs: Iterable[Pair]) -> dict[int, Pair]:
    """Which clips to reject, each with the pair that shows it to be a copy of one that stays."""
    copies: dict[int, Pair] = {}
    for pair in sorted(pairs):
        # What is rejected itself rejects no other: a clip that is like a copy need not be like the
        # original.
        if pair.first not in copies and pair.second not in copies and _same_length(clips, pair):
            copies[pair.second] = pair
    return copies


def _same_length(clips: Sequence[Clip], pair: Pair) -> bool:
    shorter, longer = sorted(clips[index].duration_seconds for index in (pair.first, pair.second))
    return shorter >= _SAME_LENGTH * longer


def _firsts(kept: Iterable[int], pairs: Iterable[Pair]) -> dict[int, int]:
    """For every kept clip the first of its group: clips linked by pairs, directly or not."""
    first = {index: index for index in kept}  # a forest, as union-find keeps it

    def find(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]  # half the way, so that chains stay short
            index = first[index]
        return index

    for pair in pairs:
        if pair.first in first and pair.second in first:
            one, other = sorted((find(pair.first), find(pair.second)))
            first[other] = one
    return {index: find(index) for index in first}


def _rejection(clips: Sequence[Clip], index: int, pair: Pair) -> Rejection:
    detail = f"near duplicate of {_alike(clips[pair.first], pair)}"
    return Rejection(source=clips[index].source, reason=Reason.NEAR_DUPLICATE, detail=detail)


def _alike(other: Clip, pair: Pair) -> str:
    return f"{other.source}: {pair.distance:.1%} of the fingerprint differ"
