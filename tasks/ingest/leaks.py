"""Which clips look like a benchmark's videos: a model trained on them would be scored on what it has seen."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Split
from tasks.ingest.duplicates import nearest


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A clip of the data set and the benchmark's video that it looks most like."""

    source: str
    clip_id: str
    split: Split
    benchmark_video: str
    distance: float
    """Share of the bits of their fingerprints that differ."""


def find_leaks(store: Store, clips_key: str, benchmark: Artifact, config: IngestConfig) -> tuple[list[Leak], Artifact]:
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
        for index, pair in nearest(clips, videos, config).items()
    ]
    leaks.sort(key=lambda leak: (leak.source, leak.clip_id))
    key = f"leaks/{digest_of(clips_key, benchmark.digest, config.near_duplicate_distance)}.parquet"
    return leaks, write_rows(store, key, Leak, leaks)


def leak_lines(leaks: Sequence[Leak], *, num_videos: int, num_unknown: int, avoid: str) -> list[str]:
    """What a person wants to know; `avoid` is the key of the benchmark's clip manifest."""
    lines = [
        f"benchmark           {num_videos} videos compared, {num_unknown} could not be",
        f"leaks               {len(leaks)}, {sum(leak.split == Split.TRAIN for leak in leaks)} of them in training",
        *(f"                    {leak.source} ({leak.split}) looks like {leak.benchmark_video} "
          f"({leak.distance:.1%} differ)" for leak in leaks),
    ]  # fmt: skip
    option = f"""--overrides '{{"ingest": {{"avoid": ["{avoid}"]}}}}'"""
    return [*lines, f"leave them out      {option}"]
