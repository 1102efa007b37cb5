"""A real MLflow server behind a proxy that fails: nothing is lost, doubled, shown or sent to the
wrong place."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Artifact, Run
from tasks.tracking.check import check_tracking
from tasks.tracking.run import (
    child_run,
    fail_run,
    finish_run,
    open_registry,
    open_tracker,
    stage,
    start_run,
)
from tasks.tracking.tracker import TrackerUnreachableError
from tests.helpers.faulty_proxy import FaultyProxy, faulty_proxy
from tests.helpers.mlflow_server import MlflowServer, running_server
from tests.helpers.tracked import seen_in_mlflow

pytestmark = pytest.mark.slow
GONE = '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Run not found"}'
FAULTS: dict[str, dict[str, Any]] = {
    "401": {"status": 401},
    "403": {
        "status": 403,
        "body": '{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}',
    },
    "404": {"status": 404},
    "404 of MLflow": {"status": 404, "body": GONE},
    "200 of a gateway": {"status": 200, "body": f"<html>{'log in ' * 10_000}</html>"},
    "429": {"status": 429, "retry_after": "3600"},
    "500": {"status": 500},
    "503": {
        "status": 503,
        "body": '{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "database is locked"}',
    },
    "late": {"is_late": True},
    "dropped": {"is_dropped": True},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def proxy(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    for variable in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(variable, "")  # so that what a test sets goes with it
    with faulty_proxy(server.uri) as proxy:
        yield proxy


def _start(root: str, uri: str, key: str) -> Run:
    run_id = start_run(root, experiment="faults", run_key=key, params={"seed": 0}, tracking_uri=uri)
    return Run(data_root=root, run_id=run_id, preset="faults", tracking_uri=uri)


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_server_does_not_take_now_is_kept_and_is_there_once(
    proxy: FaultyProxy,
    data_root: str,
    fault: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    proxy.fail(".", **FAULTS[fault])
    with stage(run, "train") as tracker:
        tracker.log_metrics({"clips/accepted": 7.0})
        for step in range(3):
            tracker.log_step({"loss": float(step)}, step, "trained/a")
        tracker.set_tags({"colour": "green"})
        tracker.log_bytes("report/note.txt", b"kept")
        tracker.log_dataset("clips", Artifact("clips.parquet", "abc", 7), "train")
    assert "cannot be reached" in caplog.text
    assert max(map(len, caplog.messages)) < 1200
    assert ("MLFLOW_TRACKING_USERNAME" in caplog.text) == (fault == "401"), (
        "who reads it knows what to mend"
    )
    proxy.mend()
    finish_run(run)

    kept = seen_in_mlflow(run)
    assert kept.metrics == {"clips/accepted": [(0, 7.0)], "loss": [(0, 0.0), (1, 1.0), (2, 2.0)]}
    assert (kept.tags["colour"], kept.files, kept.status) == (
        "green",
        {"report/note.txt": b"kept"},
        "FINISHED",
    )
    assert kept.datasets == [("clips", "abc", "train")]
    assert _entries(data_root) == []


@pytest.mark.parametrize(
    "body", ["{}", "", '{"status": "ok"}', '{"experiments": 1, "experiment": []}', "[]", "<html>"]
)
def test_what_is_no_mlflow_server_is_said_in_one_line(
    proxy: FaultyProxy, data_root: str, body: str
) -> None:
    proxy.fail(".", status=200, body=body)
    with pytest.raises(TrackerUnreachableError, match=proxy.uri):
        _start(data_root, proxy.uri, "nowhere")


def test_what_waits_for_a_server_is_sent_to_no_other_one(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    proxy.fail("log-batch", status=500)
    with stage(run, "ingest") as tracker:
        tracker.log_metrics({"clips/accepted": 7.0})
    finish_run(run)
    waiting = _entries(data_root)
    assert waiting

    other = _start(data_root, "", request.node.name)
    finish_run(other)
    assert _entries(data_root) == waiting
    assert "clips/accepted" not in seen_in_mlflow(other).metrics

    proxy.mend()
    assert _start(data_root, proxy.uri, "another one") != run
    kept = seen_in_mlflow(run)
    assert (kept.metrics["clips/accepted"], kept.status) == ([(0, 7.0)], "FINISHED")
    assert _entries(data_root) == []


def test_entries_of_an_earlier_version_go_to_the_server_that_knows_their_run(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    entry = (
        b'{"method": "log_metrics", '
        b'"arguments": {"metrics": {"loss": 1.0}, "step": 4, "at_seconds": 5.0}}'
    )
    unknown = "0" * 32
    for run_id in (run.run_id, unknown):
        Store(data_root).write_bytes(f"outbox/{run_id}/1.json", entry)
    finish_run(_start(data_root, proxy.uri, "another one"))
    assert seen_in_mlflow(run).metrics == {"loss": [(4, 1.0)]}
    assert _entries(data_root) == [f"outbox/{unknown}/1.json"]


def test_a_run_that_was_deleted_ends_no_stage_and_its_entries_say_why_they_are_left(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    MlflowClient(proxy.uri).delete_run(run.run_id)
    with stage(run, "ingest") as tracker:
        tracker.log_metrics({"clips/accepted": 7.0})
    (left,) = _entries(data_root)
    assert left.startswith("refused/")
    assert "must be in the 'active' state" in Store(data_root).read_bytes(left).decode()
    assert _start(data_root, proxy.uri, request.node.name) != run


@pytest.mark.parametrize("fault", ["late", "dropped"])
def test_an_answer_that_comes_too_late_leaves_one_run(
    proxy: FaultyProxy, data_root: str, fault: str, request: pytest.FixtureRequest
) -> None:
    proxy.fail("POST .*runs/create", times=1, **FAULTS[fault])
    run = _start(data_root, proxy.uri, request.node.name)
    assert [found.info.run_id for found in _runs(proxy.uri, request.node.name)] == [run.run_id]
    assert sum("runs/create" in asked for asked in proxy.asked) == 1


def test_a_run_that_a_server_made_much_too_late_goes_when_the_other_one_ends(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    (found,) = _runs(proxy.uri, request.node.name)
    own = {name: value for name, value in found.data.tags.items() if name.startswith("videossr.")}
    MlflowClient(proxy.uri).create_run(found.info.experiment_id, tags=own)
    finish_run(run)
    assert [found.info.run_id for found in _runs(proxy.uri, request.node.name)] == [run.run_id]


@pytest.mark.parametrize("fault", ["late", "dropped"])
def test_an_answer_that_comes_too_late_registers_and_moves_once(
    proxy: FaultyProxy, data_root: str, fault: str, request: pytest.FixtureRequest
) -> None:
    name = f"model {request.node.name}"
    registry = open_registry(_start(data_root, proxy.uri, request.node.name))
    registry.register(name, Artifact("trained/a/policy", "aaa"), {})
    proxy.fail("POST .*model-versions/create", times=1, **FAULTS[fault])
    version = registry.register(name, Artifact("trained/b/policy", "bbb"), {})
    assert version == "2"
    assert registry.version(name, "3") is None
    for answer in ("registered-models/alias", "registered-models/set-tag"):
        proxy.fail(f"POST .*{answer}", times=1, **FAULTS[fault])
    registry.move_champion(name, version, last_move=0, champion="")
    standing = registry.standing(name)
    assert (standing.version, [move.version for move in standing.moves]) == (version, [version])


def test_a_part_of_a_run_is_kept_while_the_server_is_away(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    proxy.fail(".", status=503)
    with child_run(run, "video mme/1", {"model": "tiny"}) as tracker:
        tracker.log_metrics({"score": 0.5})
    proxy.mend()
    finish_run(_start(data_root, proxy.uri, "another one"))
    (child,) = MlflowClient(proxy.uri).search_runs(
        [MlflowClient(proxy.uri).get_run(run.run_id).info.experiment_id],
        filter_string=f"tags.`mlflow.parentRunId` = '{run.run_id}'",
    )
    assert (child.info.run_name, child.info.status) == ("video mme/1", "FINISHED")
    assert (child.data.params, child.data.metrics) == ({"model": "tiny"}, {"score": 0.5})


def test_a_try_that_ends_well_takes_the_marks_of_the_failed_one_away(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    run = _start(data_root, proxy.uri, request.node.name)
    with pytest.raises(InputError), stage(run, "promote"):
        raise InputError("MLflow is away")
    assert seen_in_mlflow(run).tags["videossr.failed_stage"] == "promote"
    with stage(run, "promote"):  # Flyte's second attempt
        pass
    finish_run(run)
    assert not {"videossr.failed_stage", "videossr.error"} & seen_in_mlflow(run).tags.keys()


def test_two_data_roots_with_one_server_have_a_run_each(
    proxy: FaultyProxy, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    first, second = (_start(str(tmp_path / root), proxy.uri, request.node.name) for root in "ab")
    assert first.run_id != second.run_id
    assert _start(str(tmp_path / "a"), proxy.uri, request.node.name) == first
    names = {"experiment": "faults", "run_key": request.node.name, "tracking_uri": proxy.uri}
    fail_run(str(tmp_path / "b"), stage="n3", error="evicted", **names)
    assert [seen_in_mlflow(run).status for run in (first, second)] == ["RUNNING", "FAILED"]


def test_a_password_is_used_and_neither_shown_nor_kept(
    server: MlflowServer,
    proxy: FaultyProxy,
    data_root: str,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with faulty_proxy(server.uri, "bob", "p@ss/w0rd") as guarded, caplog.at_level(logging.DEBUG):
        host = guarded.uri.removeprefix("http://")
        with pytest.raises(TrackerUnreachableError, match="MLFLOW_TRACKING_USERNAME") as refused:
            check_tracking(data_root, f"http://bob:p%40ss%2Fw0rd2@{host}")
        secret = f"http://bob:p%40ss%2Fw0rd@{host}"
        address = check_tracking(data_root, secret, "a model")
        assert address == guarded.uri
        run_id = start_run(
            data_root,
            experiment="faults",
            run_key=request.node.name,
            params={"list": secret},
            tracking_uri=secret,
        )
        run = Run(data_root=data_root, run_id=run_id, preset="faults", tracking_uri=address)
        guarded.fail("log-batch", status=500, body=secret)
        tracker = open_tracker(run)
        tracker.log_dataset("clips", Artifact("clips.parquet", "abc", 7), "train")
        with pytest.raises(ValueError, match="boom"), stage(run, "ingest"):
            raise ValueError(f"boom at {secret}")
        guarded.mend()
        finish_run(run)
        guarded.fail(".", status=403, body=secret)
        with pytest.raises(TrackerUnreachableError) as shut:
            open_registry(run).standing("a model")
    kept = [
        *seen_in_mlflow(run, server.uri).__dict__.values(),
        *map(str, Path(data_root).rglob("*")),
    ]
    kept += [path.read_bytes() for path in Path(data_root).rglob("*") if path.is_file()]
    told = f"{kept} {caplog.text} {refused.value} {shut.value}"
    assert not [secret for secret in ("w0rd", "p%40ss", "p@ss") if secret in told]
    with pytest.raises(ValueError, match="an address without a password") as held:
        open_registry(Run(data_root=data_root, run_id="", preset="", tracking_uri=secret))
    assert "w0rd" not in str(held.value)


def test_who_may_not_register_is_told_before_anything_starts(
    proxy: FaultyProxy, data_root: str, request: pytest.FixtureRequest
) -> None:
    proxy.fail("POST .*registered-models/create", status=403)
    with pytest.raises(InputError, match="this user may not do that"):
        check_tracking(data_root, proxy.uri, "some model")
    proxy.mend()
    check_tracking(data_root, proxy.uri, "some model")
    names = [model.name for model in MlflowClient(proxy.uri).search_registered_models()]
    assert not [name for name in names if "check" in name or name == "some model"], (
        "it leaves nothing"
    )
    assert os.listdir(data_root) == []
    proxy.fail("mlflow-artifacts", status=403)
    with pytest.raises(InputError, match="this user may not do that"):
        _start(data_root, proxy.uri, request.node.name)


def _entries(data_root: str) -> list[str]:
    """Files that wait, or were refused."""
    found = [
        path for name in ("outbox", "refused") for path in Path(data_root, name).rglob("*.json")
    ]
    return sorted(str(path.relative_to(data_root)) for path in found)


def _runs(uri: str, key: str) -> list[Any]:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("faults")
    assert experiment is not None
    return list(
        client.search_runs([experiment.experiment_id], f"tags.`videossr.run_key` = '{key}'")
    )
