"""What a tracker has kept, in one form for all of them."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from pandas import isnull

from tasks.core.types import Run
from tasks.tracking.memory_tracker import MemoryTracker


@dataclass(frozen=True)
class Seen:
    """One run."""

    params: dict[str, str]
    metrics: dict[str, list[tuple[int, float]]]
    files: dict[str, bytes]
    datasets: list[tuple[str, str, str]]
    tags: dict[str, str]
    status: str
    tables: dict[str, list[dict[str, object]]]
    """Rows by name, with None for what is not known."""


def seen_in_memory(tracker: MemoryTracker) -> Seen:
    datasets = [(name, dataset.digest, context) for name, dataset, context in tracker.datasets]
    return Seen(
        *(tracker.params, dict(tracker.metrics), tracker.files, datasets),
        *(tracker.tags, tracker.status, tracker.tables),
    )


def seen_in_mlflow(run: Run, uri: str = "") -> Seen:
    """As MLflow's own client tells it; `uri` is asked in place of the run's server."""
    client = MlflowClient(uri or mlflow_uri(run))
    found = client.get_run(run.run_id)
    histories = {name: client.get_metric_history(run.run_id, name) for name in found.data.metrics}
    return Seen(
        params=found.data.params,
        metrics={name: [(m.step, m.value) for m in history] for name, history in histories.items()},
        files=_files(client, run.run_id),
        datasets=[
            (i.dataset.name, i.dataset.digest, i.tags[0].value) for i in found.inputs.dataset_inputs
        ],
        tags=found.data.tags,
        status=found.info.status,
        tables={
            entry["path"]: _rows(client, run.run_id, entry["path"])
            for entry in json.loads(found.data.tags.get("mlflow.loggedArtifacts", "[]"))
        },
    )


def mlflow_uri(run: Run) -> str:
    return run.tracking_uri or f"sqlite:///{run.data_root}/mlflow.db"


def _rows(client: MlflowClient, run_id: str, name: str) -> list[dict[str, object]]:
    place = client.get_run(run_id).info.experiment_id
    # It looks for runs where MLflow's own setting says, not where the client does.
    mlflow.set_tracking_uri(client.tracking_uri)
    try:
        table = client.load_table(place, name, run_ids=[run_id])
    finally:
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]
    return [
        {str(column): None if isnull(value) else value for column, value in row.items()}
        for row in table.to_dict("records")
    ]


def _files(client: MlflowClient, run_id: str) -> dict[str, bytes]:
    if not client.list_artifacts(run_id):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        found = Path(client.download_artifacts(run_id, "", folder))
        return {str(p.relative_to(found)): p.read_bytes() for p in found.rglob("*") if p.is_file()}
