"""On a cluster one retrain works a data root, whatever started it; on one machine two different
ones may run."""

from pathlib import Path
from typing import Any

import pytest
from flytekit.types.error import FlyteError

from tasks.core import lease
from tasks.core.lease import HeldError
from tasks.core.records import Job
from tasks.core.store import Store
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.told_flyte import PLACE, ToldFlyte, in_execution
from tests.helpers.tracked import seen_in_mlflow
from workflows import job as jobs
from workflows.job import close_job, may_start, open_job
from workflows.presets import preset_config

pytestmark = pytest.mark.slow


@pytest.fixture
def root(data_root: str) -> str:
    put_empty_database(Path(data_root) / "mlflow.db")
    return data_root


def _open(root: str, *, name: str = "retrain", videos: str = "/v") -> Job:
    given = {"videos": videos} if name == "retrain" else {"model": "tiny"}
    config = preset_config("smoke")
    job = open_job.task_function(name, given, config, "smoke", root, "", {})
    assert isinstance(job, Job)
    return job


def _may_start(root: str, videos: str) -> Any:
    return may_start.task_function(
        True, "retrain", {"videos": videos}, preset_config("smoke"), "smoke", root
    )


def test_the_second_ends_with_one_line_before_it_spends_anything(
    root: str, told: ToldFlyte, capsys: pytest.CaptureFixture[str]
) -> None:
    told.tell("nightly", "RUNNING")
    with in_execution("nightly"):
        first = _open(root, videos="/v")
    assert first.run.lease == lease.RETRAIN
    with in_execution("manual"), pytest.raises(HeldError) as refused:
        _open(root, videos="/other")
    assert "a retrain is at work on this data root already: Flyte execution nightly, since" in str(
        refused.value
    )
    assert "\n" not in str(refused.value)
    assert set(lease.find_all(Store(root))) == {lease.RETRAIN}
    with in_execution("arrival"):
        assert _may_start(root, "/third") is False
    assert "at work already     Flyte execution nightly: nothing to do" in capsys.readouterr().out
    with in_execution("nightly"):
        close_job.task_function(first)
    with in_execution("arrival"):
        assert _may_start(root, "/third") is True
        assert _open(root, videos="/third").run.run_id != first.run.run_id


def test_after_one_that_died_the_next_works_and_the_dead_ones_run_is_closed(
    root: str, told: ToldFlyte
) -> None:
    with in_execution("nightly"):
        first = _open(root, videos="/v")
    told.tell("nightly", "ABORTED", cause="node pool is renewed", principal="ada")
    with in_execution("manual"):
        second = _open(root, videos="/other")
    assert second.run.run_id != first.run.run_id
    seen = seen_in_mlflow(first.run)
    assert (seen.status, seen.tags["videossr.error"]) == (
        "KILLED",
        "aborted by ada: node pool is renewed",
    )
    assert seen_in_mlflow(second.run).status == "RUNNING"
    kept = lease.find(Store(root), lease.RETRAIN)
    assert kept is not None
    assert kept.run_id == second.run.run_id


def test_the_same_job_goes_on_with_the_run_of_one_that_died(root: str, told: ToldFlyte) -> None:
    with in_execution("nightly"):
        first = _open(root)
    told.tell("nightly", "FAILED", error="lost")
    with in_execution("again"):
        second = _open(root)
    assert second.run.run_id == first.run.run_id
    seen = seen_in_mlflow(second.run)
    assert (seen.status, seen.tags["videossr.execution"]) == ("RUNNING", f"{PLACE}/again")
    assert "videossr.error" not in seen.tags


def test_on_one_machine_two_different_ones_may_run_and_other_jobs_are_free_everywhere(
    root: str, told: ToldFlyte
) -> None:
    assert _open(root, videos="/v").run.lease.startswith("retrain-smoke-")
    assert _open(root, videos="/other").run.lease.startswith("retrain-smoke-")
    told.tell("nightly", "RUNNING")
    with in_execution("nightly"):
        _open(root, videos="/third")
    with in_execution("look"):
        assert _open(root, name="evaluate").run.lease.startswith("evaluate-")


def _fail(root: str, error: FlyteError | None) -> None:
    jobs._fail(root, "", error)


def test_the_failure_handler_names_the_stage_and_not_its_own_node(
    root: str, told: ToldFlyte
) -> None:
    told.tell("f1", "FAILING")
    told.add_node("f1", "n3", "FAILED", "tasks.perturb.task.perturb_shard")
    told.add_node("f1", "fn0", "RUNNING", "workflows.retrain.fail_retrain")
    message = "Trace:\n\n    Traceback\nMessage:\n\n    OSError: disk gone"
    with in_execution("f1"):
        run = _open(root).run
        _fail(root, FlyteError(message=message, failed_node_id="fn0"))
    tags = seen_in_mlflow(run).tags
    assert (tags["videossr.failed_stage"], tags["videossr.error"]) == (
        "perturb",
        "OSError: disk gone",
    )
    found = lease.find(Store(root), lease.RETRAIN)
    assert found is not None
    assert found.is_released


@pytest.mark.parametrize(
    ("message", "stage"), [("failed at Node[n3]. X: y", "n3"), ("gone", "unknown")], ids=str
)
def test_without_flyte_the_failure_handler_says_what_the_error_says(
    root: str, told: ToldFlyte, message: str, stage: str
) -> None:
    told.refuses = True
    with in_execution("f1"):
        run = _open(root).run
        _fail(root, FlyteError(message=message, failed_node_id="fn0"))
    seen = seen_in_mlflow(run)
    assert (seen.status, seen.tags["videossr.failed_stage"]) == ("FAILED", stage)
