"""MLflow's record of runs, on a tracking server, or on one sqlite file below the data root.

MLflow is imported on first use, because telemetry has to be switched off before.
"""

import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tasks.core.errors import InputError
from tasks.core.types import Artifact, Run
from tasks.tracking.tracker import RunStatus, TrackerUnreachableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_RUN_KEY = "videossr.run_key"
_PARENT = "mlflow.parentRunId"
"""MLflow's own tag."""
_SHOWN_AS_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Makes the UI open an experiment on its runs and charts; otherwise it guesses, and shows traces."""

_MAY_PASS = {"INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED"}
"""Errors that are not the caller's; no connection counts as an internal error."""
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}
"""MLflow's own defaults would hold up training for minutes at every call; a set variable is left as it is."""


def check_place(data_root: str, tracking_uri: str) -> None:
    """Check that MLflow has a place for its records.

    Raises:
        InputError: the data root is remote, and no server is named.
    """
    if not tracking_uri and urlsplit(data_root).scheme not in ("", "file"):
        raise InputError(
            f"the data root {data_root} is remote, so MLflow cannot keep its sqlite file there; "
            "give the URI of an MLflow server as tracking_uri"
        )


def find_or_create_run(*, data_root: str, tracking_uri: str, experiment: str, run_key: str, name: str = "") -> str:
    """Id of the unfinished run with this key, or of a new one called `name` (MLflow finds one if it is empty).

    Raises:
        TrackerUnreachableError: no server answers at `tracking_uri`.
    """
    with reaching(tracking_uri):
        client = open_client(data_root, tracking_uri)
        return _find_or_create_run(client, data_root, tracking_uri, experiment, run_key, name)


def find_running(*, data_root: str, tracking_uri: str, experiment: str, run_key: str) -> str:
    """Id of the run with this key that is marked as running; empty if there is none. Makes nothing.

    Raises:
        TrackerUnreachableError: no server answers at `tracking_uri`.
    """
    if not tracking_uri and not os.path.exists(f"{_local_path(data_root)}/mlflow.db"):
        return ""
    with reaching(tracking_uri):
        client = open_client(data_root, tracking_uri)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return ""
        running = client.search_runs(
            [found.experiment_id],
            filter_string=f"tags.`{_RUN_KEY}` = '{run_key}' and attributes.status = '{RunStatus.RUNNING}'",
            max_results=1,
        )
        return str(running[0].info.run_id) if running else ""


def find_or_create_child(run: Run, name: str) -> str:
    """Id of the part of `run` called `name`; MLflow shows it below its parent.

    Raises:
        TrackerUnreachableError: no server answers.
    """
    with reaching(run.tracking_uri):
        client = open_client(run.data_root, run.tracking_uri)
        experiment_id = client.get_run(run.run_id).info.experiment_id
        tags = {_PARENT: run.run_id, _RUN_KEY: f"{run.run_id}/{name}"}
        found = client.search_runs(
            [experiment_id], filter_string=f"tags.`{_RUN_KEY}` = '{tags[_RUN_KEY]}'", max_results=1
        )
        created = found[0] if found else client.create_run(experiment_id, tags=tags, run_name=name)
        return str(created.info.run_id)


def _find_or_create_run(
    client: "MlflowClient", data_root: str, tracking_uri: str, experiment: str, run_key: str, name: str
) -> str:
    # A server chooses where artifacts go; with sqlite alone they would land in the working folder.
    artifacts = None if tracking_uri else f"{_local_path(data_root)}/mlartifacts"
    experiment_id = _find_or_create_experiment(client, experiment, artifacts)
    unfinished = client.search_runs(
        [experiment_id],
        filter_string=f"tags.`{_RUN_KEY}` = '{run_key}' and attributes.status != '{RunStatus.FINISHED}'",
        max_results=1,
    )
    if unfinished:
        return str(unfinished[0].info.run_id)
    return str(client.create_run(experiment_id, tags={_RUN_KEY: run_key}, run_name=name or None).info.run_id)


class MlflowTracker:
    """Tracker of one MLflow run. Every call raises TrackerUnreachableError if the server does not answer."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.run_id = run.run_id
        self._data_root = run.data_root

    @property
    def _client(self) -> "MlflowClient":
        # On first use: most map tasks open a tracker only to say how they failed, and MLflow takes seconds to import.
        return open_client(self._run.data_root, self._run.tracking_uri)

    def log_params(self, params: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        with reaching(self._run.tracking_uri):
            self._client.log_batch(self.run_id, params=[Param(key, value) for key, value in params.items()])

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None) -> None:
        from mlflow.entities import Metric

        at_ms = int((time.time() if at_seconds is None else at_seconds) * 1000)
        rows = [Metric(name, value, at_ms, step) for name, value in metrics.items()]
        with reaching(self._run.tracking_uri):
            self._client.log_batch(self.run_id, metrics=rows)

    def log_bytes(self, name: str, data: bytes) -> None:
        path = PurePosixPath(name)
        with tempfile.TemporaryDirectory(prefix="videossr-") as folder:
            file = Path(folder) / path.name
            file.write_bytes(data)
            with reaching(self._run.tracking_uri):
                self._client.log_artifact(self.run_id, str(file), str(path.parent) if path.parent.name else None)

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        uri = f"{self._data_root}/{dataset.key}"
        entity = Dataset(
            name=name,
            digest=dataset.digest,
            source_type=urlsplit(uri).scheme or "local",
            source=json.dumps({"uri": uri}),
            profile=json.dumps({"num_rows": dataset.num_rows}),
        )
        tag = InputTag(key="mlflow.data.context", value=context)
        with reaching(self._run.tracking_uri):
            self._client.log_inputs(self.run_id, datasets=[DatasetInput(dataset=entity, tags=[tag])])

    def set_tags(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        with reaching(self._run.tracking_uri):
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def set_status(self, status: RunStatus) -> None:
        with reaching(self._run.tracking_uri):
            if status == RunStatus.RUNNING:
                self._client.update_run(self.run_id, status=status)
            else:
                self._client.set_terminated(self.run_id, status=status)


def _find_or_create_experiment(client: "MlflowClient", name: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return str(client.create_experiment(name, artifact_location=artifacts, tags=_SHOWN_AS_TRAINING))
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


@contextmanager
def reaching(tracking_uri: str) -> Iterator[None]:
    """Errors that mean "not now" become one that says what to do.

    Raises:
        TrackerUnreachableError: MLflow does not answer.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:  # requests' errors are OSErrors
        if isinstance(error, MlflowException) and error.error_code not in _MAY_PASS:
            raise
        first_line = str(error).strip().splitlines()[0]
        raise TrackerUnreachableError(
            f"MLflow at {tracking_uri or 'the sqlite file of the data root'} cannot be reached ({first_line}); "
            "what was computed is kept: run the same command again when it answers"
        ) from error


@cache
def open_client(data_root: str, tracking_uri: str) -> "MlflowClient":
    """The client of a server, or of the sqlite file below the data root."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read when MLflow is imported; there is no other switch
    for name, value in _PATIENCE.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)  # reports every table it creates
    check_place(data_root, tracking_uri)
    uri = tracking_uri or _sqlite_uri(data_root)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _sqlite_uri(data_root: str) -> str:
    folder = _local_path(data_root)
    os.makedirs(folder, exist_ok=True)
    return f"sqlite:///{folder}/mlflow.db"


def _local_path(data_root: str) -> str:
    return os.path.abspath(data_root.removeprefix("file://"))
