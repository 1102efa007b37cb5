"""Listed videos -> clips: shard by shard, then one manifest."""

from functools import partial

from flytekit import map_task, workflow

from tasks.core.records import DataSet, Job, VideoShard
from tasks.deployment.stage_task import deployment
from tasks.ingest.task import ingest_shard, merge_clips

# A constant, because a map task's ratio is fixed when it is registered.
_MIN_SUCCESS_RATIO = deployment().min_success_ratio


@workflow
def ingest_videos(shards: list[VideoShard], job: Job) -> DataSet:
    """A few shards may fail for good: their videos are listed with that reason, and tried again on
    the next run."""
    ingest = map_task(partial(ingest_shard, job=job), min_success_ratio=_MIN_SUCCESS_RATIO)
    data: DataSet = merge_clips(shards=ingest(shard=shards), listed=shards, job=job)
    return data
