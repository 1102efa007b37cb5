"""`python -m tasks.preflight --sweep`, with Flyte and Kubernetes as a test tells them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks.core import lease
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.tracking.run import start_run
from tests.helpers.kubernetes_api import kubernetes_api, listed
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.told_flyte import ToldFlyte, in_execution
from tests.helpers.tracked import seen_in_mlflow
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow
PODS = "/api/v1/namespaces/videossr-production/pods"
NO_GPU = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."


def _pod(execution: str, minutes: int) -> dict[str, Any]:
    since = (datetime.now(UTC) - timedelta(minutes=minutes, seconds=5)).isoformat(
        timespec="seconds"
    )
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": NO_GPU,
    }
    labels = {"execution-id": execution, "project": "videossr", "domain": "production"}
    return {
        "metadata": {"name": f"{execution}-n3-0", "labels": labels},
        "status": {"phase": "Pending", "conditions": [condition | {"lastTransitionTime": since}]},
    }


def _open(root: Path, execution: str) -> Run:
    put = root / "mlflow.db"
    if not put.exists():
        put_empty_database(put)
    with in_execution(execution):
        mine = replace(
            lease.take(Store(str(root)), f"job-{execution}"), run_key=execution, experiment="job"
        )
        lease.update(Store(str(root)), f"job-{execution}", mine)
        run_id = start_run(str(root), experiment="job", run_key=execution, params={"seed": 0})
    return Run(data_root=str(root), run_id=run_id, preset="smoke")


def _sweep(
    env: dict[str, str], told: ToldFlyte, root: Path, kubeconfig: Path, *more: str
) -> tuple[int, list[str]]:
    env = env | {
        "FLYTE_PLATFORM_URL": told.endpoint,
        "FLYTE_PLATFORM_INSECURE": "true",
        "KUBECONFIG": str(kubeconfig),
    }
    command = [
        "python",
        "-m",
        "tasks.preflight",
        "--sweep",
        f"--data-root={root}",
        "--tracking-uri=",
        *more,
    ]
    done = warm.run(command, cwd=REPO_ROOT, env=env)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout.splitlines()


def test_what_ended_is_closed_what_cannot_start_is_ended_and_the_rest_is_counted(
    told: ToldFlyte, pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    aborted, stuck, going, waiting = (_open(root, name) for name in ("f1", "f2", "f3", "f4"))
    told.tell("f1", "ABORTED", cause="wrong data", principal="ada")
    for name in ("f2", "f3", "f4"):
        told.tell(name, "RUNNING")
        told.add_node(name, "n3", "RUNNING", "tasks.train.task.train_policy")
    with kubernetes_api(
        {PODS: listed("Pod", _pod("f2", 75), _pod("f4", 59))}, tmp_path
    ) as kubeconfig:
        code, lines = _sweep(pyflyte_env, told, root, kubeconfig)
        cause = f"pod f2-n3-0 could not be scheduled for 75 minutes: {NO_GPU}"
        assert lines == [
            f"terminated   videossr/production/f2: {cause}",
            "closed       Flyte execution f1: aborted by ada: wrong data (stage unknown); "
            f"MLflow run {aborted.run_id} closed",
            f"closed       Flyte execution f2: {cause} (stage train); MLflow run {stuck.run_id} "
            "closed",
            "going        2",
        ]
        assert code == 0
        assert _sweep(pyflyte_env, told, root, kubeconfig) == (0, ["going        2"])
        code, lines = _sweep(pyflyte_env, told, root, kubeconfig, "--pending-minutes=30")
        assert (code, lines[0].split()[:2], lines[-1]) == (
            0,
            ["terminated", "videossr/production/f4:"],
            "going        1",
        )
    assert [seen_in_mlflow(run).status for run in (aborted, stuck, going, waiting)] == [
        *("KILLED", "FAILED", "RUNNING", "FAILED")
    ]
    assert seen_in_mlflow(stuck).tags["videossr.error"] == cause


def test_what_does_not_answer_is_one_line_and_the_rest_is_done(
    told: ToldFlyte, pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    run = _open(root, "f1")
    told.tell("f1", "FAILED", error="lost")
    code, lines = _sweep(pyflyte_env, told, root, tmp_path / "none")
    assert code == 1
    assert [line.split()[0] for line in lines] == ["unreachable", "closed", "going"]
    assert seen_in_mlflow(run).status == "FAILED"
    nameless = {name: value for name, value in pyflyte_env.items() if name != "FLYTE_PLATFORM_URL"}
    done = warm.run(
        ["python", "-m", "tasks.preflight", "--sweep", f"--data-root={root}", "--tracking-uri="],
        cwd=REPO_ROOT, env=nameless,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout.startswith("FLYTE_PLATFORM_URL is not set")
