"""The main job, if a video has arrived: made to be started often, by a short cron or by whoever
uploads.

pyflyte run workflows/retrain_if_new.py retrain_if_new --preset demo --videos DIR
"""

from flytekit import conditional, workflow

from tasks.core.records import Promotion
from tasks.ingest.task import has_new_videos, list_videos
from tasks.promote.task import leave_champion
from workflows.configure import configure
from workflows.job import may_start
from workflows.retrain import retrain


@workflow
def retrain_if_new(
    videos: str,
    preset: str = "videossr_8b",
    overrides: str = "{}",
    data_root: str = "./.videossr",
    tracking_uri: str = "",
) -> Promotion:
    """Without a new or changed video, or beside an equal `retrain`, it ends in seconds and opens no
    run.

    `ingest.min_new_videos` says how many it takes, `ingest.quiet_seconds` how long each must have
    stood still.
    """
    config = configure(preset=preset, overrides=overrides)
    shards = list_videos(videos=videos, config=config.ingest)
    has_new = has_new_videos(shards=shards, config=config.ingest, data_root=data_root)
    starts = may_start(
        is_wanted=has_new,
        name="retrain",
        given={"videos": videos},
        config=config,
        preset=preset,
        data_root=data_root,
    )
    # A Python `if` would be decided when the workflow is registered.
    promotion: Promotion = (
        conditional("arrivals")
        .if_(starts.is_true())
        .then(
            retrain(
                videos=videos,
                preset=preset,
                overrides=overrides,
                data_root=data_root,
                tracking_uri=tracking_uri,
            )
        )
        .else_()
        .then(leave_champion())
    )
    return promotion
