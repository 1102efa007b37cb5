"""The workflows on a cluster: a double of Flyte's services, the containers' own commands, S3 (moto), MLflow.

What a double cannot prove is said in charts/videossr/README.md.
"""

import json
import logging
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.helpers.cluster import IMAGES, PLACE, Cluster
from tests.helpers.flyte_admin import BUCKET

pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)


def test_the_main_job_runs_from_a_packaged_archive_with_everything_in_an_object_store(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.put_videos(tmp_path / "videos", num_clips=9)
    cluster.s3.put_object(Bucket=BUCKET, Key="videos/poisoned.mp4", Body=b"no video at all")
    killed: list[str] = []

    def kill_the_first_of_calibrate(task: str, index: str, process: "subprocess.Popen[bytes]") -> None:
        if "measure_shard" in task and not killed:
            killed.append(task)
            threading.Timer(4.0, os.killpg, (process.pid, signal.SIGKILL)).start()

    cluster.runner.before = kill_the_first_of_calibrate
    overrides = {"train": {"num_steps": 2, "checkpoint_every_steps": 1}}
    inputs = [
        *["--preset=smoke", f"--videos=s3://{BUCKET}/videos", f"--data_root=s3://{BUCKET}/data"],
        *[f"--tracking_uri={cluster.mlflow.uri}", f"--overrides={json.dumps(overrides)}"],
    ]
    done = cluster.pyflyte(
        "run", "--remote", "--wait", "--copy=all", *PLACE, *IMAGES, "workflows/retrain.py", "retrain", *inputs
    )
    (execution,) = cluster.double.executions.values()
    assert done.returncode == 0, f"{execution.closure.error.message}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert killed
    assert (killed[0], -signal.SIGKILL) in cluster.runner.attempts, "it was killed, and tried again"
    assert not (cluster.checkout / ".videossr").exists(), "nothing was written beside the code"

    tracking = MlflowClient(cluster.mlflow.uri)
    (version,) = tracking.search_model_versions("name='videossr-demo'")
    (run,) = tracking.search_runs([tracking.get_experiment_by_name("retrain-smoke").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["ingest/rejected"] == 1, "the poisoned video cost itself"
    assert run.data.metrics["ingest/accepted"] == 9
    assert version.tags["videossr.image"] == "registry.example/cpu:1"
    assert version.tags["videossr.registered_version"]
    report = version.tags["videossr.report"].removeprefix(f"s3://{BUCKET}/")
    assert b"VideoSSR run" in cluster.s3.get_object(Bucket=BUCKET, Key=report)["Body"].read()
    logger.info("RPCs of run --remote --wait: %s", dict(cluster.double.calls))


def test_registering_twice_is_harmless_and_a_launch_plan_can_be_activated_and_started(cluster: Cluster) -> None:
    nightly = {"videos": f"s3://{BUCKET}/none", "data_root": f"s3://{BUCKET}/data", "preset": "smoke"}
    cluster.deploy({"nightly": nightly | {"tracking_uri": cluster.mlflow.uri}})
    started = time.perf_counter()
    cluster.register()
    seconds, calls = time.perf_counter() - started, dict(cluster.double.calls)
    num_registered = len(cluster.double.registered)
    cluster.register()
    assert len(cluster.double.registered) == num_registered

    activated = cluster.pyflyte("launchplan", *PLACE, "--activate", "retrain_nightly", "v1")
    assert activated.returncode == 0, activated.stdout + activated.stderr
    assert list(cluster.double.active) == ["retrain_nightly"]
    done = cluster.pyflyte("run", *PLACE, "--wait", "remote-launchplan", "retrain_nightly")
    (execution,) = cluster.double.executions.values()
    assert execution.spec.launch_plan.version == "v1"
    assert done.returncode != 0
    assert "none" in execution.closure.error.message, "the error of the empty folder reaches the execution"
    assert [code for _, code in cluster.runner.attempts if code] == [], "bad input is not tried again"
    assert cluster.runner.attempts[-1] == ("workflows.configure.fail_retrain", 0), "the failure node ran"
    logger.info("register: %.1f s, %d objects, RPCs %s", seconds, num_registered, calls)
