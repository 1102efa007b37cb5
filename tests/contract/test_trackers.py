"""Every tracker and registry keeps what it is given; MLflow really runs, on sqlite in a temporary
folder."""

import math
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from tasks.core.errors import InputError, Interrupted
from tasks.core.store import Store
from tasks.core.types import Artifact, Run
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.tracking.mlflow_registry import MlflowRegistry
from tasks.tracking.mlflow_tracker import MlflowTracker
from tasks.tracking.patient_tracker import PatientTracker
from tasks.tracking.run import fail_run, finish_run, recorded, stage, start_run
from tasks.tracking.tracker import ChampionMovedError, ModelRegistry, RunStatus, Tracker
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.tracked import Seen, mlflow_uri, seen_in_memory, seen_in_mlflow


@pytest.fixture(scope="module")
def mlflow_root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One database for the whole module: making it takes seconds."""
    return str(tmp_path_factory.mktemp("tracking"))


@pytest.fixture
def run(mlflow_root: str, request: pytest.FixtureRequest) -> Run:
    run_id = start_run(
        mlflow_root,
        experiment="test",
        run_key=request.node.name,
        params={"train": {"num_steps": 3}},
    )
    return Run(data_root=mlflow_root, run_id=run_id, preset="test")


@pytest.fixture(params=["memory", "patient", "mlflow"])
def tracked(
    request: pytest.FixtureRequest, run: Run, data_root: str
) -> Iterator[tuple[Tracker, Callable[[], Seen]]]:
    if request.param != "mlflow":
        tracker = MemoryTracker()
        patient = PatientTracker(tracker, Store(data_root))
        yield patient if request.param == "patient" else tracker, lambda: seen_in_memory(tracker)
    else:
        yield MlflowTracker(run), lambda: seen_in_mlflow(run)


@pytest.fixture(params=["memory", "mlflow"])
def registry(request: pytest.FixtureRequest, run: Run) -> ModelRegistry:
    return MemoryRegistry() if request.param == "memory" else MlflowRegistry(run)


@pytest.mark.slow
def test_a_tracker_keeps_what_it_is_given(tracked: tuple[Tracker, Callable[[], Seen]]) -> None:
    tracker, seen = tracked
    tracker.log_params({"model.base": "tiny"})
    tracker.log_params({"model.base": "other"})
    tracker.log_step({"reward/mean": 0.25, "train/kl": 0.0}, 1, "trained/a")
    tracker.log_step({"reward/mean": 0.5}, 2, "trained/a")
    tracker.log_metrics({"clips/accepted": 7.0})
    tracker.log_metrics({"clips/accepted": 7.0, "clips/it's odd": math.nan})
    tracker.log_bytes("report/report.html", b"<p>")
    tracker.log_bytes("summary.json", b"{}")
    tracker.log_dataset("clips", Artifact("ingested/clips.parquet", "abc", 7), "train")
    tracker.set_tags({"colour": "green", "size": "big"})
    tracker.set_tags({"size": "", "never set": ""})
    tracker.set_status(RunStatus.FINISHED)

    kept = seen()
    assert kept.params["model.base"] == "tiny"
    assert kept.tags["param.model.base"] == "other"
    curves = {name: points for name, points in kept.metrics.items() if "odd" not in name}
    assert curves == {
        "reward/mean": [(1, 0.25), (2, 0.5)],
        "train/kl": [(1, 0.0)],
        "clips/accepted": [(0, 7.0)],
    }
    assert kept.files == {"report/report.html": b"<p>", "summary.json": b"{}"}
    assert kept.datasets == [("clips", "abc", "train")]
    assert (kept.tags["colour"], kept.tags.keys() & {"size", "never set"}) == ("green", set())
    assert kept.status == "FINISHED"


@pytest.mark.slow
def test_a_table_that_is_logged_again_takes_the_place_of_the_first(
    tracked: tuple[Tracker, Callable[[], Seen]],
) -> None:
    tracker, seen = tracked
    tracker.log_table("first.json", [{"place": "mme", "mean": 0.5}])
    tracker.log_table("other.json", [])
    tracker.log_table(
        "first.json", [{"place": "mme", "mean": None}, {"place": "it's odd", "mean": 1.0}]
    )
    assert seen().tables == {
        "first.json": [{"place": "mme", "mean": None}, {"place": "it's odd", "mean": 1.0}],
        "other.json": [],
    }


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (ValueError("first line\nsecond line"), "FAILED", "ValueError: first line"),
        (KeyboardInterrupt(), "KILLED", "interrupted"),
        (SystemExit(1), "KILLED", "interrupted"),
        (
            Interrupted(15, "stopped by SIGTERM after 3 steps"),
            "KILLED",
            "stopped by SIGTERM after 3 steps",
        ),
    ],
)
def test_a_stage_that_ends_early_marks_its_run_and_passes_the_error_on(
    tracked: tuple[Tracker, Callable[[], Seen]], error: BaseException, status: str, message: str
) -> None:
    tracker, seen = tracked
    with pytest.raises(type(error)), recorded(tracker, "train"):
        raise error
    kept = seen()
    assert kept.status == status
    assert kept.tags["videossr.failed_stage"] == "train"
    assert kept.tags["videossr.error"] == message


def test_the_same_weights_are_registered_once(
    registry: ModelRegistry, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    first = registry.register(name, Artifact("policies/a", "aaa"), {"gain": "0.1"})
    other = registry.register(name, Artifact("policies/b", "bbb"), {})
    again = registry.register(name, Artifact("policies/a", "aaa"), {"gain": "0.2"})
    assert first == again != other
    registry.move_champion(name, first, last_move=0, champion="")
    champion = registry.standing(name).champion
    assert champion is not None
    assert champion.tags["gain"] == "0.2"


def test_the_champion_is_the_version_it_was_last_given_to(
    registry: ModelRegistry, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    assert registry.standing(name).champion is None
    first = registry.register(name, Artifact("policies/a", "aaa"), {})
    assert registry.standing(name).champion is None
    second = registry.register(name, Artifact("policies/b", "bbb"), {})
    assert registry.version(name, "7") is None
    found = registry.version(name, first)
    assert found is not None
    assert (found.version, found.policy.digest) == (first, "aaa")
    registry.move_champion(name, first, last_move=0, champion="")
    registry.move_champion(name, second, last_move=1, champion=first)
    champion = registry.standing(name).champion
    assert champion is not None
    assert (champion.version, champion.policy) == (second, Artifact("policies/b", "bbb"))


def test_a_champion_that_changed_meanwhile_stays(
    registry: ModelRegistry, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    first, second = (
        registry.register(name, Artifact(f"policies/{digest}", digest), {}) for digest in "ab"
    )
    registry.move_champion(name, first, last_move=0, champion="")
    registry.move_champion(name, first, last_move=0, champion="")  # cut off and run again
    with pytest.raises(ChampionMovedError, match="run again"):
        registry.move_champion(name, second, last_move=0, champion="")
    champion = registry.standing(name).champion
    assert champion is not None
    assert champion.version == first
    assert [(move.before, move.version) for move in registry.standing(name).moves] == [("", first)]


def test_a_promotion_that_is_repeated_does_not_undo_a_rollback(
    registry: ModelRegistry, request: pytest.FixtureRequest
) -> None:
    name = request.node.name
    first, second = (
        registry.register(name, Artifact(f"policies/{digest}", digest), {}) for digest in "ab"
    )
    registry.move_champion(name, first, last_move=0, champion="")
    registry.move_champion(name, second, last_move=1, champion=first)
    registry.move_champion(name, first, last_move=2, champion=second)
    assert registry.standing(name).version_before == second
    registry.move_champion(
        name, second, last_move=1, champion=first
    )  # the same run, cut off and given again
    standing = registry.standing(name)
    assert (standing.version, standing.last_move) == (first, 3)
    third = registry.register(name, Artifact("policies/c", "c"), {})
    with pytest.raises(ChampionMovedError):
        registry.move_champion(name, third, last_move=1, champion=first)


def test_of_several_at_the_same_moment_the_champion_is_one_that_was_told_so(
    run: Run, request: pytest.FixtureRequest
) -> None:
    registry, name, racers = MlflowRegistry(run), request.node.name, ("1", "2", "3")
    for version in racers:
        assert registry.register(name, Artifact(f"policies/{version}", version), {}) == version
    start = threading.Barrier(len(racers))

    def race(version: str) -> str:
        own = MlflowRegistry(replace(run, run_id=f"racer {version}"))
        start.wait()
        try:
            own.move_champion(name, version, last_move=0, champion="")
        except InputError:  # moved meanwhile; or the database refuses to make the same alias twice
            return ""
        return version

    with ThreadPoolExecutor() as pool:
        winners = set(pool.map(race, racers))
    standing = registry.standing(name)
    assert standing.version in winners
    assert [move.number for move in standing.moves] == [1]


def test_a_champion_without_a_move_counts_and_gets_its_move_when_it_is_made_again(
    run: Run, request: pytest.FixtureRequest
) -> None:
    """Set by hand, or by a run that was killed between the alias and its tag."""
    registry, name = MlflowRegistry(run), request.node.name
    first, second = (
        registry.register(name, Artifact(f"policies/{digest}", digest), {}) for digest in "ab"
    )
    registry.move_champion(name, first, last_move=0, champion="")
    MlflowClient(mlflow_uri(run)).set_registered_model_alias(name, "champion", second)
    standing = registry.standing(name)
    assert (standing.version, standing.version_before, standing.last_move) == (second, first, 1)
    registry.move_champion(name, second, last_move=1, champion=first)
    moves = registry.standing(name).moves
    assert [(move.before, move.version) for move in moves] == [("", first), (first, second)]


def test_an_unfinished_run_goes_on_and_a_finished_one_does_not(mlflow_root: str) -> None:
    def start() -> Run:
        run_id = start_run(mlflow_root, experiment="resume", run_key="same", params={"seed": 0})
        return Run(data_root=mlflow_root, run_id=run_id, preset="resume")

    first = start()
    with pytest.raises(OSError), stage(first, "train"):  # noqa: PT011
        raise OSError("disk full")
    assert seen_in_mlflow(first).status == "FAILED"
    second = start()
    assert second == first
    assert seen_in_mlflow(second).status == "RUNNING"
    assert "videossr.error" not in seen_in_mlflow(second).tags
    finish_run(second)
    assert start() != second


def test_sigterm_ends_a_stage_and_marks_its_run(run: Run) -> None:
    with pytest.raises(Interrupted) as interrupted, stage(run, "ingest"):
        signal.raise_signal(signal.SIGTERM)
    assert interrupted.value.code == 128 + signal.SIGTERM
    assert seen_in_mlflow(run).status == "KILLED"
    assert (
        seen_in_mlflow(run).tags["videossr.error"] == "stopped by SIGTERM; the same command goes on"
    )


def test_nested_params_get_names_with_dots(run: Run) -> None:
    assert seen_in_mlflow(run).params["train.num_steps"] == "3"


def test_everything_lies_below_the_data_root(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    MlflowTracker(run).log_bytes("note.txt", b"here")
    assert list(tmp_path.iterdir()) == []
    assert {path.name for path in Path(run.data_root).iterdir()} == {"mlflow.db", "mlartifacts"}


def test_a_registered_model_can_be_fetched_by_its_alias(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri(run))
    policy = tmp_path / "policies" / "a"
    policy.mkdir(parents=True)
    (policy / "config.json").write_text("{}")
    at_policy = Run(
        data_root=str(tmp_path), run_id=run.run_id, preset="test", tracking_uri=mlflow_uri(run)
    )
    registry = MlflowRegistry(at_policy)
    version = registry.register("fetched", Artifact("policies/a", "aaa"), {})
    registry.move_champion("fetched", version, last_move=0, champion="")
    folder = download_artifacts("models:/fetched@champion")
    assert [path.name for path in Path(folder).iterdir()] == ["config.json"]


def test_a_remote_data_root_needs_a_server() -> None:
    with pytest.raises(InputError, match="tracking_uri"):
        start_run("s3://bucket/root", experiment="test", run_key="k", params={})


def test_a_run_whose_stage_was_killed_is_marked_by_the_failure_handler(mlflow_root: str) -> None:
    names = {"experiment": "killed", "run_key": "k", "tracking_uri": ""}
    run_id = start_run(mlflow_root, params={}, **names)
    fail_run(mlflow_root, stage="n5", error="pod was evicted\nat node x", **names)
    kept = MlflowClient(f"sqlite:///{mlflow_root}/mlflow.db").get_run(run_id)
    assert kept.info.status == RunStatus.FAILED
    assert (kept.data.tags["videossr.failed_stage"], kept.data.tags["videossr.error"]) == (
        "n5",
        "pod was evicted",
    )
    assert start_run(mlflow_root, params={}, **names) == run_id, "the same command goes on with it"


@pytest.mark.slow
def test_a_failure_handler_leaves_an_ended_run_alone_and_makes_none(
    mlflow_root: str, data_root: str
) -> None:
    names = {"experiment": "ended", "run_key": "k", "tracking_uri": ""}
    run_id = start_run(mlflow_root, params={}, **names)
    finish_run(Run(data_root=mlflow_root, run_id=run_id, preset="test"))
    fail_run(mlflow_root, stage="n5", error="late", **names)
    assert (
        MlflowClient(f"sqlite:///{mlflow_root}/mlflow.db").get_run(run_id).info.status
        == RunStatus.FINISHED
    )
    fail_run(data_root, stage="n0", error="wrong input", **names)
    fail_run(
        mlflow_root, stage="n0", error="wrong input", **(names | {"experiment": "never begun"})
    )
    assert list(Path(data_root).iterdir()) == []
    fail_run(
        data_root,
        stage="n0",
        error="x",
        experiment="e",
        run_key="k",
        tracking_uri="http://127.0.0.1:9",
    )
