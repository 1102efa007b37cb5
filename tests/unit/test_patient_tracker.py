"""What a tracker cannot deliver waits and is sent in order: in memory, and with a real MLflow
server that is killed."""

import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tasks.core.store import Store
from tasks.core.types import Run
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.tracking.patient_tracker import PatientTracker
from tasks.tracking.run import finish_run, open_registry, stage, start_run
from tasks.tracking.tracker import RunStatus, TrackerUnreachableError
from tests.helpers.mlflow_server import MlflowServer


class MoodyTracker(MemoryTracker):
    """Takes nothing while it is away, and refuses a metric called "bad"."""

    is_away = False

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None
    ) -> None:
        if self.is_away:
            raise TrackerUnreachableError("away")
        if "bad" in metrics:
            raise ValueError("no such metric")
        super().log_metrics(metrics, step)


@pytest.fixture
def moody(data_root: str) -> tuple[MoodyTracker, PatientTracker]:
    moody = MoodyTracker()
    return moody, PatientTracker(moody, Store(data_root), pause_seconds=0.0)


def test_metrics_wait_in_order_and_nothing_overtakes_them(
    moody: tuple[MoodyTracker, PatientTracker],
) -> None:
    tracker, patient = moody
    tracker.is_away = True
    for step in range(3):
        patient.log_metrics({"loss": math.nan if step == 1 else float(step)}, step)
    tracker.is_away = False
    patient.log_metrics({"loss": 3.0}, 3)
    assert [step for step, _ in tracker.metrics["loss"]] == [0, 1, 2, 3]
    assert math.isnan(tracker.metrics["loss"][1][1])


def test_what_an_earlier_process_left_is_sent_first(data_root: str) -> None:
    tracker = MoodyTracker()
    tracker.is_away = True
    PatientTracker(tracker, Store(data_root)).log_metrics({"loss": 0.0}, 0)
    tracker.is_away = False
    PatientTracker(tracker, Store(data_root)).log_metrics({"loss": 1.0}, 1)
    assert tracker.metrics["loss"] == [(0, 0.0), (1, 1.0)]


def test_a_server_that_is_away_is_not_asked_at_every_step(data_root: str) -> None:
    tracker = MoodyTracker()
    tracker.is_away = True
    patient = PatientTracker(tracker, Store(data_root), pause_seconds=60.0)
    patient.log_metrics({"loss": 0.0}, 0)
    tracker.is_away = False
    patient.log_metrics({"loss": 1.0}, 1)
    assert not tracker.metrics
    assert patient.flush() == 0
    assert tracker.metrics["loss"] == [(0, 0.0), (1, 1.0)]


def test_a_refused_entry_does_not_hold_up_the_rest(
    moody: tuple[MoodyTracker, PatientTracker], caplog: pytest.LogCaptureFixture
) -> None:
    tracker, patient = moody
    tracker.is_away = True
    patient.log_metrics({"bad": 0.0}, 0)
    patient.log_metrics({"loss": 1.0}, 1)
    tracker.is_away = False
    assert patient.flush() == 0
    assert tracker.metrics["loss"] == [(1, 1.0)]
    assert "no such metric" in caplog.text


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path)
    try:
        yield server
    finally:
        server.kill()


@pytest.mark.slow
def test_a_killed_mlflow_server_gets_everything_when_it_is_back(
    server: MlflowServer,
    data_root: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    arguments = {
        "experiment": "patience",
        "run_key": "k",
        "params": {"seed": 0},
        "tracking_uri": server.uri,
    }
    server.start()
    run_id = start_run(data_root, **arguments)
    run = Run(data_root=data_root, run_id=run_id, preset="patience", tracking_uri=server.uri)
    with stage(run, "train") as tracker:
        tracker.log_metrics({"reward/mean": 0.0}, 0)
        server.kill()
        with caplog.at_level(logging.WARNING):
            tracker.log_metrics({"reward/mean": 0.5}, 1)
        assert "cannot be reached" in caplog.text
        tracker.log_bytes("report/note.txt", b"kept")
        tracker.set_tags({"colour": "green"})
    finish_run(run)
    with pytest.raises(TrackerUnreachableError, match="run the same command again"):
        open_registry(run).standing("videossr")
    with pytest.raises(TrackerUnreachableError, match="cannot be reached"):
        start_run(data_root, **arguments)

    server.start()
    assert start_run(data_root, **arguments) != run_id, "the first run is known to be finished now"
    client = MlflowClient(server.uri)
    kept = client.get_run(run_id)
    history = client.get_metric_history(run_id, "reward/mean")
    assert [(metric.step, metric.value) for metric in history] == [(0, 0.0), (1, 0.5)]
    assert history[0].timestamp <= history[1].timestamp <= kept.info.end_time
    assert kept.data.tags["colour"] == "green"
    assert kept.info.status == RunStatus.FINISHED
    assert [file.path for file in client.list_artifacts(run_id, "report")] == ["report/note.txt"]
