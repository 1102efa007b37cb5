"""How raw videos become clips: a configuration, to be imported from `tasks.core.config`."""

from dataclasses import dataclass

from tasks.core.checks import (
    COUNT,
    INNER_SHARE,
    KEYS,
    PLACES,
    SHARE,
    above_zero,
    area_from,
    at_least,
    between,
    check,
    one_of,
)

EDGE_SHARE = 0.05
"""Share of a video's duration left out at each end, where titles and fades are."""
MAX_DAMAGED_SHARE = 0.02
"""Most of the chosen frames that may fall into damaged stretches of the source: one of 48 is more
than that, so a clip is sound or it is none."""
JPEG_QUALITY = 90
"""Of the stored frames; lower, in steps of five, for a clip that would take more than
`max_bits_per_px`."""
MIN_JPEG_QUALITY = 70
"""Lowest that `max_bits_per_px` may ask for; a clip that is above it even so stays as it is."""
FIXED_INGEST: dict[str, str | float] = {
    "ingest.edge_share": EDGE_SHARE,
    "ingest.max_damaged_share": MAX_DAMAGED_SHARE,
    "ingest.jpeg_quality": JPEG_QUALITY,
    "ingest.min_jpeg_quality": MIN_JPEG_QUALITY,
}
"""Fields of earlier versions that never differed: overrides of them are refused by name."""


@dataclass(frozen=True)
class IngestConfig:
    """Raw videos -> clips. Limits of quality first, then what has no influence on a verdict."""

    num_frames: int = 48
    min_area_px: int = 128 * 128
    max_area_px: int = 256 * 256
    max_bits_per_px: float = 2.95
    """Of a clip's stored frames, tables aside: 48 frames of 256x256 take at most 1.2 MB."""
    min_seconds: float = 2.0
    """Shorter, and the shortest altered span (8 of 48 frames) is no longer told in answers with one
    decimal."""
    min_source_side_px: int = 64
    """Least height and width of the source: what is smaller would be blown up, not shown."""
    max_source_area_px: int = 8192 * 4320
    """Most pixels of a source frame, by the header, before anything is decoded (8K; beyond it lie
    bombs)."""
    min_motion: float = 0.3
    """Least mean absolute change between neighbouring frames, in grey levels of 255."""
    min_distinct_share: float = 0.25
    """Least share of the frames that can be told from each other: the order of a slide show cannot
    be found."""
    max_blank_share: float = 0.5
    """Most of the frames that may be nearly one colour, e.g. black."""
    near_duplicates: str = "reject"
    """`reject` keeps the first by source of videos that look alike; `keep` keeps all, on one side
    of the split."""
    near_duplicate_distance: float = 0.2
    """Two videos look alike if at most this share of the bits of their fingerprints differ."""
    avoid: tuple[str, ...] = ()
    """Clip manifests below the data root, such as those of benchmarks that check_leaks made: what
    looks like one of their videos is rejected."""
    for_training: bool = True
    """False for videos that are never trained on, such as a benchmark's: all are held out, and none
    is remembered."""
    heldout_share: float = 0.1
    """Of the clips, by the hash of their content."""
    min_train_clips: int = 1
    """Left for training, even if all hashes lie below the share."""
    min_heldout_clips: int = 10
    """Aimed at where the share gives fewer, by taking the lowest hashes, from at most half of the
    clips: as many as `promote.min_videos` asks for. Fewer are a warning."""
    list_roots: tuple[str, ...] = ("s3://", "gs://", "https://", "http://")
    """What the lines of a list file may name besides files below its own folder: folders, or
    beginnings of URIs. A server of this machine or a private network is read only if its host
    stands here, as in "http://videos.lan/"."""
    max_fetch_mib: int = 8192
    """Largest remote file that is fetched."""
    num_workers: int = 0
    """Processes that read and decode; 0 is one a core."""
    video_timeout_seconds: float = 300.0
    """Most time that one video may take to decode, and one that lies elsewhere to fetch."""
    video_memory_mib: int = 2048
    """Most memory that a worker may ask for."""
    shard_size_videos: int = 256
    min_new_videos: int = 1
    """Least number of new videos that start `retrain_if_new`; fewer wait for others."""
    quiet_seconds: float = 0.0
    """How long a file must have stood unchanged for `retrain_if_new` to count it: a younger one is
    still arriving."""

    def __post_init__(self) -> None:
        check(self, at_least(2, most=4096), "num_frames")  # of one, nothing can be asked
        check(self, at_least(1, most=4096 * 4096), "min_area_px")
        check(self, at_least(1, most=16384), "min_source_side_px")
        check(self, at_least(1, most=32768 * 32768), "max_source_area_px")
        check(self, at_least(1, most=2**24), "max_fetch_mib")
        check(self, at_least(1, most=10**6), "shard_size_videos")
        check(self, COUNT, "min_new_videos")
        check(self, at_least(0, most=30 * 86400), "quiet_seconds")
        check(self, at_least(0), "min_train_clips", "min_heldout_clips")
        check(self, at_least(self.min_area_px, "min_area_px", most=4096 * 4096), "max_area_px")
        check(self, area_from(self.min_area_px), "max_area_px")
        check(self, at_least(0, most=255), "min_motion")
        check(self, at_least(0, most=86400), "min_seconds")
        check(self, at_least(0, most=1024), "num_workers")
        check(self, SHARE, "max_blank_share", "min_distinct_share")
        check(self, one_of("reject", "keep"), "near_duplicates")
        check(self, between(0, 0.3), "near_duplicate_distance")
        check(self, INNER_SHARE, "heldout_share")
        check(self, above_zero(7 * 86400), "video_timeout_seconds")
        check(self, above_zero(100), "max_bits_per_px")
        check(self, at_least(256, most=2**20), "video_memory_mib")
        check(self, KEYS, "avoid")
        check(self, PLACES, "list_roots")
