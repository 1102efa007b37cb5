"""Raw videos -> validated samples: the first three stages of the main job."""

from functools import partial

from flytekit import map_task, workflow

from tasks.core.config import RetrainConfig
from tasks.core.types import Run
from tasks.ingest.outputs import VideoShard
from tasks.ingest.task import ingest_shard, merge_clips
from tasks.perturb.task import merge_samples, perturb_shard, shard_clips
from tasks.validate.task import validate_manifests
from workflows.outputs import Dataset


@workflow
def build_dataset(shards: list[VideoShard], run: Run, config: RetrainConfig) -> Dataset:
    """Ingest shard by shard, perturb clip by clip, validate everything."""
    ingested = map_task(partial(ingest_shard, run=run, config=config.ingest))(shard=shards)
    clip_set = merge_clips(shards=ingested, run=run, config=config.ingest)
    starts = shard_clips(clips=clip_set.clips, config=config.perturb)
    planned = map_task(partial(perturb_shard, clips=clip_set.clips, run=run, config=config.perturb))(start=starts)
    sample_set = merge_samples(shards=planned, clips=clip_set.clips, run=run, config=config.perturb)
    validated = validate_manifests(
        run=run, clips=clip_set.clips, rejected=clip_set.rejected, samples=sample_set.samples, config=config.validate
    )
    return Dataset(clip_set=clip_set, sample_set=sample_set, validated=validated)
