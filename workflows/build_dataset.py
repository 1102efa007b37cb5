"""Raw videos -> validated samples: the first three stages of the main job, alone or as its
beginning.

pyflyte run workflows/build_dataset.py build_dataset --videos DIR
"""

from functools import partial

from flytekit import map_task, workflow

from tasks.core.measurement import DifficultyPlan
from tasks.core.records import DataSet, Job, VideoShard
from tasks.perturb.task import merge_samples, perturb_shard, shard_clips, start_plan
from tasks.validate.task import validate_manifests
from workflows.configure import configure
from workflows.ingest_videos import ingest_videos
from workflows.job import close_job, in_order, job, open_on_videos
from workflows.outputs import PlannedData


@job
def build_dataset(
    videos: str,
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> PlannedData:
    """A data set to look at, to export, or to train on later."""
    config = configure(preset=preset, overrides=overrides)
    shards, opened = open_on_videos(
        name="build_dataset",
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
    )
    planned = make_dataset(shards=shards, job=opened)
    in_order(planned.data, close_job(job=opened))
    return PlannedData(data=planned.data, plan=planned.plan)


@workflow
def make_dataset(shards: list[VideoShard], job: Job) -> PlannedData:
    """Ingest shard by shard, perturb clip by clip as the newest difficulty plan says, validate."""
    clips = ingest_videos(shards=shards, job=job)
    plan = start_plan(data=clips, job=job)
    return PlannedData(data=plan_samples(data=clips, plan=plan, job=job), plan=plan)


# A workflow of its own, because later rounds begin with it.
@workflow
def plan_samples(data: DataSet, plan: DifficultyPlan, job: Job) -> DataSet:
    """Perturb and validate: the samples of a round."""
    starts = shard_clips(data=data, job=job)
    planned = map_task(partial(perturb_shard, data=data, plan=plan, job=job))(start=starts)
    validated: DataSet = validate_manifests(
        data=merge_samples(shards=planned, data=data, plan=plan, job=job), job=job
    )
    return validated
