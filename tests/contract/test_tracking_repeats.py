"""What is done again after a kill stands in MLflow once; what changed between two tries hinders
none of them."""

import math
import os
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.tracking.mlflow_tracker import MlflowTracker
from tasks.tracking.patient_tracker import PatientTracker
from tasks.tracking.run import child_run, finish_run, open_tracker, start_run
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import REPO_ROOT, isolated_env
from tests.helpers.tracked import mlflow_uri, seen_in_mlflow
from tests.helpers.warm import process as warm

FIRST_START = """
import sys
from tasks.tracking.run import start_run
print(start_run(sys.argv[1], experiment="first", run_key=sys.argv[2], params={"seed": 0}))
"""

GO_ON = """
import sys
from tasks.core.types import Run
from tasks.tracking.run import open_tracker, start_run
run_id = start_run(sys.argv[1], experiment="repeats", run_key="k", params={})
run = Run(data_root=sys.argv[1], run_id=run_id, preset="")
open_tracker(run).log_bytes("report/second.txt", b"2")
print(run_id)
"""


@pytest.fixture
def run(data_root: str) -> Run:
    put_empty_database(Path(data_root) / "mlflow.db")
    return _start(data_root)


def _start(root: str) -> Run:
    run_id = start_run(root, experiment="repeats", run_key="k", params={"model": {"base": "tiny"}})
    return Run(data_root=root, run_id=run_id, preset="repeats")


def test_what_changed_between_two_tries_hinders_none_of_them(data_root: str) -> None:
    put_empty_database(Path(data_root) / "mlflow.db")
    names = {"experiment": "repeats", "run_key": "k"}
    first = start_run(data_root, params={"videos": "./vv", "long": "x" * 9000}, **names)
    given = {"videos": "/here/vv", "long": "x" * 9000, "new": {"in this version": 1}}
    assert start_run(data_root, params=given, **names) == first
    kept = seen_in_mlflow(Run(data_root=data_root, run_id=first, preset=""))
    assert kept.params == {"videos": "./vv", "long": "x" * 6000, "new.in this version": "1"}
    changed = {name: value for name, value in kept.tags.items() if name.startswith("param.")}
    assert changed == {"param.videos": "/here/vv"}


@pytest.mark.slow
@pytest.mark.parametrize("is_moved", [True, False], ids=["moved", "copied"])
def test_files_of_a_data_root_that_was_moved_are_kept_where_it_is_now(
    run: Run, tmp_path: Path, is_moved: bool
) -> None:
    open_tracker(run).log_bytes("report/first.txt", b"1")
    elsewhere = tmp_path / "else" / "where"
    shutil.copytree(run.data_root, elsewhere)
    if is_moved:
        shutil.rmtree(run.data_root)
    before = sorted(Path(run.data_root).rglob("*"))
    # In a process of its own: MLflow's client remembers where it wrote a run's files.
    done = warm.run(
        ["python", "-c", GO_ON, str(elsewhere)], cwd=REPO_ROOT, env=isolated_env(tmp_path)
    )
    assert done.stdout.strip() == run.run_id, done.stderr
    files = elsewhere / "mlartifacts" / run.run_id / "artifacts" / "report"
    assert {path.name: path.read_bytes() for path in files.iterdir()} == {
        "first.txt": b"1",
        "second.txt": b"2",
    }
    known = MlflowClient(f"sqlite:///{elsewhere}/mlflow.db")
    assert known.get_run(run.run_id).info.artifact_uri == str(files.parent)
    assert {
        e.artifact_location for e in known.search_experiments(filter_string="name != 'Default'")
    } == {str(elsewhere / "mlartifacts")}
    assert sorted(Path(run.data_root).rglob("*")) == before


def test_steps_that_are_done_again_after_a_kill_stand_there_once(run: Run) -> None:
    for steps in (
        range(4),
        range(2, 6),
        range(3, 6),
    ):  # killed, gone on from the checkpoint before, killed again
        tracker = open_tracker(run)
        for step in steps:
            tracker.log_step({"loss": step / 10, "grad": math.nan}, step, "trained/a/checkpoints")
        for name, number in (("accepted", 7.0), ("share", math.nan), ("most", math.inf)):
            tracker.log_metrics({f"clips/{name}": number})
    kept = seen_in_mlflow(run).metrics
    assert kept["loss"] == [(step, step / 10) for step in range(6)]
    assert [step for step, _ in kept["grad"]] == list(range(6))
    assert [len(points) for name, points in kept.items() if "clips" in name] == [1, 1, 1]


def test_other_data_under_the_same_run_has_all_its_steps(run: Run) -> None:
    for series, numbers in (
        ("trained/a", (0.1, 0.2)),
        ("trained/b", (0.3, 0.4)),
    ):  # a video arrived between the tries
        for step, number in enumerate(numbers):
            open_tracker(run).log_step({"loss": number}, step, series)
    tracker = open_tracker(run)
    for number in (1.0, 13.0, 13.0):
        tracker.log_metrics({"clips/accepted": number})
    kept = seen_in_mlflow(run).metrics
    assert sorted(kept["loss"]) == [(0, 0.1), (0, 0.3), (1, 0.2), (1, 0.4)]
    assert [value for _, value in kept["clips/accepted"]] == [1.0, 13.0]


class _Killed(BaseException):
    pass


class DyingTracker(MlflowTracker):
    """Its process dies at step 1, before MLflow has heard of it or after."""

    after = False

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        if self.after or step < 1:
            super().log_step(metrics, step, series, at_seconds)
        if step == 1:
            raise _Killed


@pytest.mark.parametrize("after", [False, True])
def test_a_kill_around_a_step_neither_loses_nor_doubles_it(run: Run, after: bool) -> None:
    dying = DyingTracker(run)
    dying.after = after
    tracker = PatientTracker(dying, Store(run.data_root))
    tracker.log_step({"loss": 0.0}, 0, "trained/a")
    with pytest.raises(_Killed):
        tracker.log_step({"loss": 1.0}, 1, "trained/a")
    tracker = open_tracker(run)
    for step in range(3):
        tracker.log_step({"loss": float(step)}, step, "trained/a")
    assert seen_in_mlflow(run).metrics["loss"] == [(0, 0.0), (1, 1.0), (2, 2.0)]


def test_a_finished_run_leaves_no_marks_of_its_steps(run: Run) -> None:
    tracker = open_tracker(run)
    tracker.log_step({"loss": 1.0}, 0, "trained/a")
    with child_run(run, "part", {"model": "tiny"}) as part:
        part.log_metrics({"score": 0.5})
    finish_run(run)
    assert not [
        path
        for path in Path(run.data_root).rglob("*")
        if path.is_file() and path.name != "mlflow.db"
    ]


@pytest.mark.slow
def test_first_starts_at_once_all_work(data_root: str, tmp_path: Path) -> None:
    env = isolated_env(tmp_path)
    with (tmp_path / "log").open("wb") as log:
        commands = [
            ["python", "-c", FIRST_START, data_root, f"run {number}"] for number in range(4)
        ]
        started = [
            warm.start(command, cwd=tmp_path, env=env, stdout=log, stderr=log)
            for command in commands
        ]
        codes = [process.wait() for process in started]
    assert codes == [0, 0, 0, 0], (tmp_path / "log").read_text()
    client = MlflowClient(mlflow_uri(Run(data_root=data_root, run_id="", preset="")))
    (experiment,) = client.search_experiments(filter_string="name = 'first'")
    assert len(client.search_runs([experiment.experiment_id])) == 4
    assert experiment.artifact_location == f"{data_root}/mlartifacts"
    assert os.listdir(data_root) == ["mlflow.db"]


@pytest.mark.slow
def test_a_first_start_that_is_killed_leaves_what_the_next_one_cleans(
    data_root: str, tmp_path: Path
) -> None:
    command = ["python", "-c", FIRST_START, data_root, "killed"]
    first = warm.start(command, cwd=tmp_path, env=isolated_env(tmp_path))
    while not list(Path(data_root).glob("scratch/*/mlflow.db")):
        assert first.poll() is None
    first.kill()
    first.wait()
    assert os.listdir(data_root) == ["scratch"]
    store = Store(data_root)
    assert store.clean_scratch() == 1
    second = warm.start(command, cwd=tmp_path, env=isolated_env(tmp_path))
    assert second.wait() == 0
    assert os.listdir(data_root) == ["mlflow.db"]


def _no_database(path: Path) -> None:
    path.write_bytes(b"this is no database, whatever it is called" * 100)


def _half_made(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table experiments (name text)")
    connection.close()


@pytest.mark.parametrize("damage", [_no_database, _half_made, Path.mkdir])
def test_a_database_that_is_none_is_named_in_one_line(data_root: str, damage: object) -> None:
    path = Path(data_root) / "mlflow.db"
    damage(path)  # type: ignore[operator]
    with pytest.raises(InputError, match=rf"MLflow's records in {path} cannot be used") as told:
        _start(data_root)
    assert "\n" not in str(told.value)
