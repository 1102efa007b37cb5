"""The launch plan that looks for new videos, on the double of a cluster: conditions, and shards that fail for good."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.helpers.cluster import PLACE, Cluster
from tests.helpers.flyte_admin import BUCKET

pytestmark = pytest.mark.slow

_OVERRIDES = {"ingest": {"shard_size_videos": 1, "min_train_clips": 50}}
"""The main job starts, and ends where it has counted the clips."""


def test_arrivals_start_the_main_job_and_a_shard_that_fails_for_good_costs_its_video_alone(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.put_videos(tmp_path / "videos", num_clips=3)
    nightly = {"videos": f"s3://{BUCKET}/videos", "data_root": f"s3://{BUCKET}/data", "preset": "smoke"}
    nightly |= {"tracking_uri": cluster.mlflow.uri, "overrides": json.dumps(_OVERRIDES)}
    cluster.deploy({"nightly": nightly, "min_success_ratio": 0.5})
    cluster.register()

    cluster.runner.before = _kill_every_attempt_of_the_second_shard
    message = _start(cluster)
    killed = [task for task, code in cluster.runner.attempts if code == -signal.SIGKILL]
    assert len(killed) == 3, "tried again twice"
    assert "2 clips accepted" in message
    assert "(1 files rejected: 1 its shard failed)" in message

    cluster.runner.before = lambda task, index, process: None
    message = _start(cluster)
    assert "3 clips accepted" in message, "a video that was lost counts as new"

    cluster.runner.attempts.clear()
    assert _start(cluster) == "", "nothing is new"
    assert [task.rsplit(".", 1)[-1] for task, _ in cluster.runner.attempts] == [
        "configure", "list_videos", "has_new_videos", "leave_champion",
    ]  # fmt: skip


def _kill_every_attempt_of_the_second_shard(task: str, index: str, process: "subprocess.Popen[bytes]") -> None:
    if "ingest_shard" in task and index == "1":
        os.killpg(process.pid, signal.SIGKILL)


def _start(cluster: Cluster) -> str:
    """The error with which the execution ended."""
    cluster.pyflyte("run", *PLACE, "--wait", "remote-launchplan", "retrain_on_arrival")
    message: str = list(cluster.double.executions.values())[-1].closure.error.message
    return message
