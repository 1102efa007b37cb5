"""Nights of ingest over videos that come, go and look alike, for laws of the split."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import write_rows
from tasks.core.records import DataSet, IngestedShard, VideoShard
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection
from tasks.ingest.contents import write_contents
from tasks.ingest.merge import merge_shards
from tasks.video.fingerprint import NUM_BITS
from tests.helpers.clips import make_clip

NUM_VIDEOS = 24
NUM_LOOKS = 18
"""So six videos look like another one."""


def content_of(number: int) -> str:
    return digest_of("video", number)[:64].ljust(64, "0")


def video(number: int, name: str) -> Clip:
    look = digest_of("look", number % NUM_LOOKS)
    sha256 = content_of(number)
    return replace(
        make_clip(),
        clip_id=sha256[:16],
        source=name,
        sha256=sha256,
        fingerprint=(look * 8)[: NUM_BITS // 4],
        duration_seconds=10.0 if number % 2 else 5.0,
    )


def ingest_night(store: Store, clips: Sequence[Clip], config: IngestConfig) -> DataSet:
    """A night: the clips as one shard handed them on."""
    key = f"shards/{digest_of([clip.source for clip in clips], [clip.sha256 for clip in clips])}"
    shard = IngestedShard(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, []),
        contents=write_contents(store, [clip.sha256 for clip in clips]),
        num_new=len(clips),
        num_reused=0,
        seconds=0.0,
    )
    return merge_shards(
        store, [shard], [VideoShard(root="", names=[clip.source for clip in clips])], config
    )


nights = st.lists(
    st.dictionaries(st.integers(0, NUM_VIDEOS - 1), st.integers(0, 99), min_size=1),
    min_size=2,
    max_size=5,
)
"""By night the videos that are there, each with the number that its name begins with."""
configs = st.builds(
    IngestConfig,
    heldout_share=st.sampled_from([0.1, 0.3, 0.9]),
    min_heldout_clips=st.integers(0, 8),
    near_duplicates=st.sampled_from(["keep", "reject"]),
    near_duplicate_distance=st.just(0.0),
)
