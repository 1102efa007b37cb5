"""How every job on raw videos begins: what is named is listed and checked, then the MLflow run opens."""

from flytekit import workflow

from tasks.core.config import RetrainConfig
from tasks.ingest.task import list_videos
from workflows.configure import open_run
from workflows.outputs import OpenedVideos


@workflow
def open_videos(
    config: RetrainConfig, preset: str, videos: str, data_root: str, tracking_uri: str, job: str
) -> OpenedVideos:
    """The videos in shards, and the run of `job` on them; nothing is written for videos that cannot be listed."""
    shards = list_videos(videos=videos, config=config.ingest)
    run = open_run(
        config=config,
        preset=preset,
        videos=videos,
        data_root=data_root,
        tracking_uri=tracking_uri,
        shards=shards,
        job=job,
    )
    return OpenedVideos(shards=shards, run=run)
