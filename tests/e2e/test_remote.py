"""The workflows on a cluster: a double of Flyte's services, the containers' own commands, S3
(moto), MLflow.

One cluster, whose tests are a story in order: the main job from a packaged archive; then everything
registered, and its launch plans started. What a double cannot prove is said in
charts/videossr/README.md.
"""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.helpers.cluster import IMAGES, PLACE, POLL, Cluster
from tests.helpers.flyte_admin import BUCKET
from tests.helpers.flyte_containers import Container
from tests.helpers.pyflyte import isolated_env
from tests.helpers.questions import SMALL as SMALL_CONDITIONS
from tests.helpers.questions import make_benchmark
from tests.helpers.s3_server import s3_server
from tests.helpers.smoke_run import SMALL
from tests.helpers.warm.room import why_none

pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)

_MODEL = "videossr-demo"
_OVERRIDES = {"ingest": {"shard_size_videos": 1, "min_train_clips": 50}}
"""The main job starts, and ends where it has counted the clips."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    with pytest.MonkeyPatch.context() as patch, s3_server() as endpoint:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        found = Cluster(folder, isolated_env(folder), endpoint)
        yield found
        found.stop()


@pytest.fixture(scope="module")
def registered(cluster: Cluster) -> Cluster:
    """Everything is registered as version v1, with the code in the images, for a bucket that is
    still empty."""
    nightly = {
        "videos": f"s3://{BUCKET}/nightly",
        "data_root": f"s3://{BUCKET}/nights",
        "preset": "smoke",
    }
    nightly |= {"tracking_uri": cluster.mlflow.uri, "overrides": json.dumps(_OVERRIDES)}
    (datasets := cluster.checkout.with_name("datasets")).mkdir()
    pods = {
        "volumes": [{"name": "datasets", "hostPath": {"path": str(datasets)}}],
        "mounts": [{"name": "datasets", "mountPath": "/datasets", "readOnly": True}],
    }
    cluster.deploy({"nightly": nightly, "min_success_ratio": 0.5, "pods": pods})
    started = time.perf_counter()
    cluster.double.calls.clear()
    done = cluster.register()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    seconds, calls = time.perf_counter() - started, dict(cluster.double.calls)
    logger.info(
        "register: %.1f s, %d objects, RPCs %s", seconds, len(cluster.double.registered), calls
    )
    cluster.runner.attempts.clear()
    return cluster


def test_the_main_job_runs_from_a_packaged_archive_with_everything_in_an_object_store(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.put_videos("videos", tmp_path / "videos", num_clips=9)
    cluster.s3.put_object(Bucket=BUCKET, Key="videos/poisoned.mp4", Body=b"no video at all")
    make_benchmark(tmp_path / "mine", num_videos=3)
    cluster.put_folder("mine", tmp_path / "mine")
    mine = {"folder": f"s3://{BUCKET}/mine", "conditions": asdict(SMALL_CONDITIONS)}
    killed: list[str] = []

    def kill_the_first_of_calibrate(container: Container) -> None:
        if "measure_shard" in container.task and not killed:
            killed.append(container.task)
            threading.Thread(target=_kill_when_it_measures, args=(container,)).start()

    cluster.runner.on_start = kill_the_first_of_calibrate
    cluster.runner.minutes = {
        "tasks.train.task.train_policy": 24 * 60.0
    }  # a day, which no other task's limit may end
    overrides = SMALL | {
        "train": {"num_steps": 2, "checkpoint_every_steps": 1},
        "evaluate": {"benchmarks": {"mine": mine}, "questions_per_shard": 5},
    }
    inputs = [
        *["--preset=smoke", f"--videos=s3://{BUCKET}/videos", f"--data_root=s3://{BUCKET}/data"],
        *[f"--tracking_uri={cluster.mlflow.uri}", f"--overrides={json.dumps(overrides)}"],
    ]
    done = cluster.pyflyte(
        "run",
        "--remote",
        "--wait",
        *POLL,
        "--copy=all",
        *PLACE,
        *IMAGES,
        "workflows/retrain.py",
        "retrain",
        *inputs,
    )
    cluster.runner.on_start, cluster.runner.minutes = lambda container: None, {}
    (execution,) = cluster.double.executions.values()
    assert done.returncode == 0, (
        f"{execution.closure.error.message}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    )
    assert killed
    assert (killed[0], -signal.SIGKILL) in cluster.runner.attempts, "it was killed, and tried again"
    assert not (cluster.checkout / ".videossr").exists(), "nothing was written beside the code"

    tracking = MlflowClient(cluster.mlflow.uri)
    (version,) = tracking.search_model_versions(f"name='{_MODEL}'")
    (run,) = tracking.search_runs([tracking.get_experiment_by_name("retrain-smoke").experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["ingest/rejected"] == 1, "the poisoned video cost itself"
    assert run.data.metrics["ingest/accepted"] == 9
    assert version.tags["videossr.image"] == "registry.example/cpu:1"
    assert version.tags["videossr.registered_version"] == execution.spec.launch_plan.version
    report = version.tags["videossr.report"].removeprefix(f"s3://{BUCKET}/")
    assert b"VideoSSR run" in cluster.s3.get_object(Bucket=BUCKET, Key=report)["Body"].read()
    logger.info("RPCs of run --remote --wait: %s", dict(cluster.double.calls))


def test_candidates_answered_benchmarks_shard_by_shard_and_were_scored_on_them(
    cluster: Cluster,
) -> None:
    """Of the main job before: a universal one in the object store, and the anchor that it made."""
    done = [task for task, code in cluster.runner.attempts if code == 0]
    num_shards = sum("answer_shard" in task for task in done)
    # Before and after: twelve questions on three videos in two shards. The anchor is asked nothing:
    # what both answered to the run's own VIUBench counts there.
    assert num_shards == 2 * 2
    tracking = MlflowClient(cluster.mlflow.uri)
    (run,) = tracking.search_runs([tracking.get_experiment_by_name("retrain-smoke").experiment_id])
    for name in ("mine", "anchor"):
        for model in ("before", "after"):
            assert 0 <= run.data.metrics[f"benchmark_{name}/{model}"] <= 1
        assert run.data.metrics[f"benchmark_{name}/coverage"] == 1
    key = f"data/anchors/{_MODEL}/first.json"
    anchor = json.loads(cluster.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    listed = cluster.s3.list_objects(Bucket=BUCKET, Prefix=f"data/{anchor['folder']}/")["Contents"]
    assert f"data/{anchor['folder']}/card.json" in {found["Key"] for found in listed}


def test_registering_twice_is_harmless(registered: Cluster) -> None:
    num_registered = len(registered.double.registered)
    registered.register()
    assert len(registered.double.registered) == num_registered


def test_a_launch_plan_can_be_activated_and_started_and_bad_input_is_not_tried_again(
    registered: Cluster,
) -> None:
    activated = registered.pyflyte("launchplan", *PLACE, "--activate", "retrain_nightly", "v1")
    assert activated.returncode == 0, activated.stdout + activated.stderr
    assert list(registered.double.active) == ["retrain_nightly"]
    done = registered.pyflyte(
        "run", *PLACE, "--wait", *POLL, "remote-launchplan", "retrain_nightly"
    )
    execution = list(registered.double.executions.values())[-1]
    assert execution.spec.launch_plan.version == "v1"
    assert done.returncode != 0
    assert "nightly" in execution.closure.error.message, (
        "the error of the empty folder reaches the execution"
    )
    assert [code for _, code in registered.runner.attempts if code] == [], (
        "bad input is not tried again"
    )
    assert registered.runner.attempts[-1] == ("workflows.retrain.fail_retrain", 0), (
        "the failure node ran"
    )


def test_arrivals_start_the_main_job_and_a_shard_that_fails_for_good_costs_its_video_alone(
    registered: Cluster, tmp_path: Path
) -> None:
    registered.put_videos("nightly", tmp_path / "videos", num_clips=3)
    registered.runner.attempts.clear()
    registered.runner.on_start = _kill_every_attempt_of_the_second_shard
    message = _start(registered)
    killed = [task for task, code in registered.runner.attempts if code == -signal.SIGKILL]
    assert len(killed) == 4, "Flyte itself tries again three times what was killed"
    assert "2 clips accepted" in message
    assert "(1 files rejected: 1 its shard failed)" in message

    registered.runner.on_start = lambda container: None
    message = _start(registered)
    assert "3 clips accepted" in message, "a video that was lost counts as new"
    assert "3 clips accepted" in _start(registered), (
        "all do until a retrain that had them has ended well"
    )

    for mark in registered.s3.list_objects(Bucket=BUCKET, Prefix="nights/ingest/untrained/")[
        "Contents"
    ]:
        registered.s3.delete_object(Bucket=BUCKET, Key=mark["Key"])  # as the last task of one does
    registered.runner.attempts.clear()
    assert _start(registered) == "", "nothing is new"
    assert [task.rsplit(".", 1)[-1] for task, _ in registered.runner.attempts] == [
        "configure", "list_videos", "has_new_videos", "may_start", "leave_champion",
    ]  # fmt: skip


def test_a_job_whose_stage_is_killed_for_good_is_marked_as_failed_and_gives_its_lease_back(
    registered: Cluster,
) -> None:
    rows = registered.checkout.with_name("datasets") / "rows.jsonl"
    rows.write_text(json.dumps({"video": "a.mp4", "question": "?", "answer": "A"}))
    registered.runner.attempts.clear()
    registered.runner.on_start = _kill_every_import
    root = f"s3://{BUCKET}/imports"
    dataset = rows if why_none() else f"/datasets/{rows.name}"
    given = [
        f"--dataset={dataset}",
        "--preset=smoke",
        f"--data_root={root}",
        f"--tracking_uri={registered.mlflow.uri}",
    ]
    name = "workflows.import_dataset.import_dataset"
    registered.pyflyte("run", *PLACE, "--wait", *POLL, "remote-launchplan", name, *given)
    registered.runner.on_start = lambda container: None
    assert registered.runner.attempts[-1] == ("workflows.import_dataset.fail_import_dataset", 0)
    tracking = MlflowClient(registered.mlflow.uri)
    [run] = tracking.search_runs([tracking.get_experiment_by_name("import").experiment_id])
    assert run.info.status == "FAILED"
    assert run.data.tags["videossr.error"]
    [key] = [
        found["Key"]
        for found in registered.s3.list_objects(Bucket=BUCKET, Prefix="imports/leases")["Contents"]
    ]
    lease = json.loads(registered.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    assert lease["is_released"]
    assert lease["owner"]["name"].startswith("Flyte execution ")
    assert lease["run_id"] == run.info.run_id


def _kill_every_import(container: Container) -> None:
    if "import_rows" in container.task:
        container.process.kill()


def _kill_when_it_measures(container: Container) -> None:
    """Its progress bar is the first thing it writes once the model is loaded."""
    while container.process.returncode is None:
        if b"calibrate:" in container.log.read_bytes():
            os.killpg(container.process.pid, signal.SIGKILL)
            return
        time.sleep(0.01)


def _kill_every_attempt_of_the_second_shard(container: Container) -> None:
    if "ingest_shard" in container.task and container.index == "1":
        container.process.kill()


def _start(cluster: Cluster) -> str:
    """The error with which the execution ended."""
    cluster.pyflyte("run", *PLACE, "--wait", *POLL, "remote-launchplan", "retrain_on_arrival")
    message: str = list(cluster.double.executions.values())[-1].closure.error.message
    return message
