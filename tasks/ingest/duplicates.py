"""Copies among the accepted clips: exact ones, and those that look alike.

Clips that look alike never fall on both sides of the split (`tasks.ingest.split`). One at another speed is no copy,
since its times differ; it is kept, on the side of the clip that it resembles.
"""

from collections.abc import Iterable, Sequence

from tasks.core.config import IngestConfig
from tasks.core.types import Clip, Rejection
from tasks.ingest.reasons import Reason
from tasks.video.fingerprint import Pair, near_between, near_pairs

_SAME_LENGTH = 0.8
"""Least ratio of the durations of two copies: trimmed a little, not sped up."""


def drop_exact(clips: Sequence[Clip]) -> tuple[list[Clip], list[Rejection]]:
    """Of clips with equal content, the first by source stays; the others become rejections."""
    first: dict[str, Clip] = {}
    duplicates = []
    for clip in sorted(clips, key=lambda clip: clip.source):
        original = first.setdefault(clip.sha256, clip)
        if original is not clip:
            detail = f"exact duplicate of {original.source}"
            duplicates.append(Rejection(source=clip.source, reason=Reason.EXACT_DUPLICATE, detail=detail))
    return list(first.values()), duplicates


def drop_forbidden(
    clips: Sequence[Clip], forbidden: Sequence[Clip], config: IngestConfig
) -> tuple[list[Clip], list[Rejection]]:
    """Of `clips` those that look like none of `forbidden`, whatever their length: a part is enough to give it away."""
    alike = nearest(clips, forbidden, config)
    rejected = [
        Rejection(source=clips[index].source, reason=Reason.FORBIDDEN, detail=_alike(forbidden[pair.second], pair))
        for index, pair in sorted(alike.items())
    ]
    return [clip for index, clip in enumerate(clips) if index not in alike], rejected


def nearest(clips: Sequence[Clip], others: Sequence[Clip], config: IngestConfig) -> dict[int, Pair]:
    """By position, each of `clips` that looks like one of `others`, with the one it is most like."""
    pairs = near_between(
        [clip.fingerprint for clip in clips],
        [clip.fingerprint for clip in others],
        max_distance=config.near_duplicate_distance,
    )
    best: dict[int, Pair] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.distance, others[pair.second].source)):
        best.setdefault(pair.first, pair)
    return best


def drop_near(clips: Sequence[Clip], config: IngestConfig) -> tuple[list[Clip], list[int], list[Rejection]]:
    """Clips (by source) without near duplicates if those are to be rejected; look-alikes that stay share a number."""
    pairs = list(near_pairs([clip.fingerprint for clip in clips], max_distance=config.near_duplicate_distance))
    copies = {} if config.near_duplicates == "keep" else _copies(clips, pairs)
    kept = [index for index in range(len(clips)) if index not in copies]
    groups = _firsts(kept, pairs)
    rejected = [_rejection(clips, index, pair) for index, pair in sorted(copies.items())]
    return [clips[index] for index in kept], [groups[index] for index in kept], rejected


def _copies(clips: Sequence[Clip], pairs: Iterable[Pair]) -> dict[int, Pair]:
    """Which clips to reject, each with the pair that shows it to be a copy of one that stays."""
    copies: dict[int, Pair] = {}
    for pair in sorted(pairs):
        if pair.first not in copies and pair.second not in copies and _same_length(clips, pair):
            copies[pair.second] = pair
    return copies


def _same_length(clips: Sequence[Clip], pair: Pair) -> bool:
    shorter, longer = sorted(clips[index].duration_seconds for index in (pair.first, pair.second))
    return shorter >= _SAME_LENGTH * longer


def _firsts(kept: Iterable[int], pairs: Iterable[Pair]) -> dict[int, int]:
    """For every kept clip the first of its group: the clips that are linked by pairs, directly or not."""
    first = {index: index for index in kept}

    def find(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
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
