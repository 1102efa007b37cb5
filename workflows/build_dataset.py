"""Raw videos -> validated samples: the first three stages of the main job, alone or as its beginning.

pyflyte run workflows/build_dataset.py build_dataset --videos DIR
"""

from functools import partial

from flytekit import map_task, workflow

from tasks.core.config import RetrainConfig
from tasks.core.measurement import DifficultyPlan
from tasks.core.types import Artifact, Run
from tasks.ingest.outputs import VideoShard
from tasks.perturb.task import merge_samples, perturb_shard, shard_clips, start_plan
from tasks.validate.task import validate_manifests
from workflows.configure import configure
from workflows.ingest_videos import ingest_videos
from workflows.job import close_job, in_order, job, open_on_videos
from workflows.outputs import Dataset, PlannedSamples


@job
def build_dataset(
    videos: str,
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Dataset:
    """A data set to look at, to export, or to train on later."""
    config = configure(preset=preset, overrides=overrides)
    shards, run = open_on_videos(
        job="build_dataset",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    data = make_dataset(shards=shards, run=run, config=config)
    in_order(data.validated.samples, close_job(run=run))
    return Dataset(clip_set=data.clip_set, plan=data.plan, sample_set=data.sample_set, validated=data.validated)


@workflow
def make_dataset(shards: list[VideoShard], run: Run, config: RetrainConfig) -> Dataset:
    """Ingest shard by shard, perturb clip by clip as the newest difficulty plan says, validate everything."""
    clip_set = ingest_videos(shards=shards, run=run, config=config.ingest)
    plan = start_plan(clips=clip_set.clips, run=run, config=config)
    planned = plan_samples(clips=clip_set.clips, rejected=clip_set.rejected, plan=plan, run=run, config=config)
    return Dataset(clip_set=clip_set, plan=plan, sample_set=planned.sample_set, validated=planned.validated)


@workflow
def plan_samples(
    clips: Artifact, rejected: Artifact, plan: DifficultyPlan, run: Run, config: RetrainConfig
) -> PlannedSamples:
    """Perturb and validate: the samples of a round."""
    starts = shard_clips(clips=clips, config=config.perturb)
    planned = map_task(partial(perturb_shard, clips=clips, plan=plan, run=run, config=config.perturb))(start=starts)
    sample_set = merge_samples(shards=planned, clips=clips, plan=plan, run=run, config=config.perturb)
    validated = validate_manifests(
        run=run, clips=clips, rejected=rejected, samples=sample_set.samples, config=config.validate
    )
    return PlannedSamples(sample_set=sample_set, validated=validated)
