"""MLflow runs of jobs whose execution ended without a word: closed with Flyte's own reason, by
whoever comes next."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.core import lease
from tasks.core.errors import Interrupted
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.tracking.jobs import end_abandoned, fail_jobs
from tasks.tracking.run import CONSOLE_VARIABLE, child_run, finish_run, stage, start_run
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.told_flyte import PLACE, ToldFlyte, in_execution
from tests.helpers.tracked import seen_in_mlflow

pytestmark = pytest.mark.slow


@pytest.fixture
def root(data_root: str) -> str:
    put_empty_database(Path(data_root) / "mlflow.db")
    return data_root


def _open(root: str, execution: str, key: str = "k", name: str = lease.RETRAIN) -> Run:
    """As `open_job` does in a pod of the execution."""
    with in_execution(execution):
        mine = replace(lease.take(Store(root), name), run_key=key, experiment="retrain-smoke")
        lease.update(Store(root), name, mine)
        run_id = start_run(root, experiment="retrain-smoke", run_key=key, params={"seed": 0})
        lease.update(Store(root), name, replace(mine, run_id=run_id))
    return Run(data_root=root, run_id=run_id, preset="smoke", lease=name)


def _marks(run: Run) -> tuple[str, str, str]:
    seen = seen_in_mlflow(run)
    return (
        seen.status,
        seen.tags.get("videossr.failed_stage", ""),
        seen.tags.get("videossr.error", ""),
    )


def test_a_run_that_a_person_aborted_is_killed_with_the_reason_given(
    root: str, told: ToldFlyte
) -> None:
    run = _open(root, "f1")
    told.tell("f1", "RUNNING")
    assert end_abandoned(root, "") == []
    assert _marks(run) == ("RUNNING", "", "")
    told.tell("f1", "ABORTED", cause="wrong data", principal="ada")
    told.add_node("f1", "n4", "ABORTED", "tasks.train.task.train_policy")
    [closed] = end_abandoned(root, "")
    assert _marks(run) == ("KILLED", "train", "aborted by ada: wrong data")
    assert closed.line() == (
        f"Flyte execution f1: aborted by ada: wrong data (stage train); MLflow run {run.run_id} "
        "closed"
    )
    assert end_abandoned(root, "") == [], "once"
    found = lease.find(Store(root), lease.RETRAIN)
    assert found is not None
    assert found.is_released


def test_a_run_whose_pods_were_lost_too_often_has_failed(root: str, told: ToldFlyte) -> None:
    run = _open(root, "f1")
    told.tell(
        "f1",
        "FAILED",
        error="Workflow abort failed: max number of system retry attempts [51/50] exhausted",
    )
    told.add_node("f1", "n4", "FAILED", "tasks.ingest.task.ingest_shard")
    end_abandoned(root, "")
    assert _marks(run) == (
        "FAILED",
        "ingest",
        "Workflow abort failed: max number of system retry attempts [51/50] exhausted",
    )


def test_what_the_stage_said_itself_stays(root: str, told: ToldFlyte) -> None:
    run = _open(root, "f1")
    with in_execution("f1"), pytest.raises(ValueError, match="no"), stage(run, "perturb"):
        raise ValueError("no")
    told.tell("f1", "FAILED", error="USER::ValueError")
    [closed] = end_abandoned(root, "")
    assert _marks(run) == ("FAILED", "perturb", "ValueError: no")
    assert closed.run_id == ""


def test_that_a_signal_ended_it_is_no_reason_who_sent_it_is(root: str, told: ToldFlyte) -> None:
    run = _open(root, "f1")
    with in_execution("f1"), pytest.raises(Interrupted), stage(run, "train"):
        os.kill(os.getpid(), signal.SIGTERM)
    assert _marks(run)[0] == "KILLED"
    told.tell("f1", "ABORTED", cause="wrong data")
    end_abandoned(root, "")
    assert _marks(run) == ("KILLED", "unknown", "aborted: wrong data")


def test_where_flyte_does_not_answer_nothing_is_closed(root: str, told: ToldFlyte) -> None:
    run = _open(root, "f1")
    told.tell("f1", "ABORTED", cause="x")
    told.refuses = True
    assert end_abandoned(root, "") == []
    assert _marks(run) == ("RUNNING", "", "")
    told.refuses = False
    assert len(end_abandoned(root, "")) == 1


def test_a_run_that_ended_well_stays_so(root: str, told: ToldFlyte) -> None:
    run = _open(root, "f1")
    finish_run(run)
    told.tell("f1", "SUCCEEDED")
    [closed] = end_abandoned(root, "")
    assert closed.run_id == ""
    assert _marks(run) == ("FINISHED", "", "")


def test_a_run_is_found_though_its_opener_died_before_it_wrote_its_id_down(
    root: str, told: ToldFlyte
) -> None:
    run = _open(root, "f1")
    found = lease.find(Store(root), lease.RETRAIN)
    assert found is not None
    with in_execution("f1"):
        lease.update(Store(root), lease.RETRAIN, replace(found, run_id=""))
    told.tell("f1", "ABORTED", cause="x")
    end_abandoned(root, "")
    assert _marks(run)[0] == "KILLED"


def test_the_failure_handler_of_an_execution_says_more_than_a_signal_did(
    root: str, told: ToldFlyte
) -> None:
    run = _open(root, "f1")
    with in_execution("f1"):
        with pytest.raises(Interrupted), stage(run, "train"):
            os.kill(os.getpid(), signal.SIGTERM)
        fail_jobs(root, "", stage="train", error="[primary] terminated. Reason [OOMKilled]")
    assert _marks(run) == ("FAILED", "train", "[primary] terminated. Reason [OOMKilled]")


def _execution_tags(run: Run) -> dict[str, str]:
    tags = seen_in_mlflow(run).tags
    return {name: value for name, value in tags.items() if name.startswith("videossr.execution")}


def test_a_run_says_which_execution_works_on_it_and_where_to_look(
    root: str, told: ToldFlyte, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _open(root, "f1")
    assert _execution_tags(run) == {"videossr.execution": f"{PLACE}/f1"}
    monkeypatch.setenv(CONSOLE_VARIABLE, "https://flyte.example/console/")
    told.tell("f1", "FAILED", error="x")
    assert _open(root, "f2").run_id == run.run_id
    page = "https://flyte.example/console/projects/videossr/domains/production/executions/"
    assert _execution_tags(run) == {
        "videossr.execution": f"{PLACE}/f2",
        "videossr.execution_url": f"{page}f2",
    }
    told.tell("f2", "FAILED", error="x")
    own = "https://propeller.example/console/projects/videossr/domains/production/executions/f3"
    monkeypatch.setenv("FLYTE_EXECUTION_URL", f"{own}/nodeId/n1/nodes")
    _open(root, "f3")
    assert _execution_tags(run) == {
        "videossr.execution": f"{PLACE}/f3",
        "videossr.execution_url": own,
    }
    start_run(root, experiment="retrain-smoke", run_key="k", params={})  # by a person at a laptop
    assert _execution_tags(run) == {}


def test_its_parts_say_so_too(root: str, told: ToldFlyte) -> None:
    run = _open(root, "f1")
    with in_execution("f1"), child_run(run, "mvbench", {}):
        pass
    client = MlflowClient(f"sqlite:///{root}/mlflow.db")
    place = client.get_run(run.run_id).info.experiment_id
    [child] = client.search_runs(
        [place], filter_string=f"tags.`mlflow.parentRunId` = '{run.run_id}'"
    )
    assert child.data.tags["videossr.execution"] == f"{PLACE}/f1"
