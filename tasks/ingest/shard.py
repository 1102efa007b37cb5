"""All files of one shard, one after the other, with a progress bar."""

import time
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection
from tasks.ingest.examine import examine
from tasks.ingest.outputs import IngestedShard, VideoShard


def ingest_videos(store: Store, shard: VideoShard, config: IngestConfig) -> IngestedShard:
    """Examine every file of `shard` and write the two manifests of what came out."""
    start = time.monotonic()
    folder = Path(shard.folder)
    files = tqdm(shard.names, desc="ingest", unit="video")
    verdicts = [examine(store, folder, name, config) for name in files]
    clips = [verdict.clip for verdict in verdicts if verdict.clip]
    rejected = [verdict.rejection for verdict in verdicts if verdict.rejection]
    key = f"ingest/shards/{digest_of([asdict(clip) for clip in clips], [asdict(row) for row in rejected])}"
    num_reused = sum(verdict.is_reused for verdict in verdicts)
    return IngestedShard(
        clips=write_rows(store, f"{key}/clips.parquet", Clip, clips),
        rejected=write_rows(store, f"{key}/rejected.parquet", Rejection, rejected),
        num_new=len(verdicts) - num_reused,
        num_reused=num_reused,
        seconds=time.monotonic() - start,
    )
