"""Which of MLflow's runs is meant: an unfinished one with the same key and data root goes on, else
there is a new one.

The key is kept as a tag. A server whose answer to the making of a run came too late may hold
several with one key:
those that nobody used are deleted.
"""

import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from tasks.core.redact import redact
from tasks.core.types import Run
from tasks.tracking.mlflow_client import (
    ARTIFACTS,
    asking,
    database_path,
    find_or_make,
    local_path,
    open_client,
    reaching_artifacts,
)
from tasks.tracking.tracker import RunStatus, TrackerUnreachableError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

_RUN_KEY = "videossr.run_key"
_DATA_ROOT = "videossr.data_root"
_PARENT = "mlflow.parentRunId"
"""MLflow's own tag."""
_SHOWN_AS_TRAINING = {"mlflow.experimentKind": "custom_model_development"}
"""Makes the UI open an experiment on its runs and charts; otherwise it guesses, and shows
traces."""
_RUNS_ON = f"attributes.status = '{RunStatus.RUNNING}'"
_UNFINISHED = f"attributes.status != '{RunStatus.FINISHED}'"
_STOPPED = f"{_UNFINISHED} and attributes.status != '{RunStatus.FAILED}'"
"""Running, or ended by a signal."""
_MOST = 1000
"""Runs that are looked at; more with one key would take as many interrupted starts."""

logger = logging.getLogger(__name__)


def check_answers(data_root: str, tracking_uri: str) -> None:
    """Check that there is an MLflow server, which knows who asks; or a sqlite file, which is made
    if there is none.

    Raises:
        TrackerUnreachableError: no server answers at `tracking_uri`, or it answers nothing that
            MLflow would.
        InputError: there is no place for the file, or it is none of MLflow's.
    """
    with asking(tracking_uri):
        open_client(data_root, tracking_uri).search_experiments(max_results=1)


def check_artifacts(run: Run) -> None:
    """Check that files can be kept under `run`: a server may leave that to its clients, which need
    credentials then.

    Raises:
        TrackerUnreachableError: a small file could not be written.
    """
    if not run.tracking_uri:
        return
    name = "videossr-check"
    with asking(run.tracking_uri), reaching_artifacts():
        client = open_client(run.data_root, run.tracking_uri)
        client.log_text(run.run_id, "May be deleted.", name)
        with suppress(
            Exception
        ):  # who may write may not be allowed to delete; the file does no harm
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            place = client.get_run(run.run_id).info.artifact_uri
            repository = get_artifact_repository(place, tracking_uri=run.tracking_uri)
            repository.delete_artifacts(name)  # type: ignore[no-untyped-call]


def find_or_create_run(
    *, data_root: str, tracking_uri: str, experiment: str, run_key: str, name: str = ""
) -> str:
    """Id of the unfinished run with this key, or of a new one called `name` (MLflow finds one if it
    is empty).

    Raises:
        TrackerUnreachableError: no server answers at `tracking_uri`.
    """
    with asking(tracking_uri):
        client = open_client(data_root, tracking_uri)
        # A server chooses where artifacts go; with sqlite alone they would land in the working
        # folder.
        artifacts = None if tracking_uri else f"{local_path(data_root)}/{ARTIFACTS}"
        place = _find_or_create_experiment(client, experiment, artifacts)
        root = _shown_root(data_root, tracking_uri)
        tags = {_RUN_KEY: run_key, _DATA_ROOT: root}
        run_id = find_or_make(
            lambda: _used(_runs(client, place, run_key, root, _UNFINISHED)),
            lambda: str(
                client.create_run(place, tags=tags, run_name=redact(name) or None).info.run_id
            ),
        )
        if not run_id:
            raise TrackerUnreachableError(
                f"what answers at {tracking_uri} is no MLflow server (its new run has no id); "
                "name the server's address"
            )
        _delete_unused(client, run_id, _runs(client, place, run_key, root, _RUNS_ON))
        return run_id


def find_running(
    *, data_root: str, tracking_uri: str, experiment: str, run_key: str, or_stopped: bool = False
) -> str:
    """Id of the run with this key that is marked as running, or ended by a signal; empty if there
    is none.

    Makes nothing.

    Raises:
        TrackerUnreachableError: no server answers at `tracking_uri`.
    """
    if not tracking_uri and not os.path.exists(database_path(data_root)):
        return ""
    with asking(tracking_uri):
        client = open_client(data_root, tracking_uri)
        place = client.get_experiment_by_name(experiment)
        if place is None:
            return ""
        root = _shown_root(data_root, tracking_uri)
        wanted = _STOPPED if or_stopped else _RUNS_ON
        return _used(_runs(client, place.experiment_id, run_key, root, wanted)) or ""


def find_or_create_child(run: Run, name: str) -> str:
    """Id of the part of `run` called `name`; MLflow shows it below its parent.

    Raises:
        TrackerUnreachableError: no server answers.
    """
    with asking(run.tracking_uri):
        client = open_client(run.data_root, run.tracking_uri)
        place = str(client.get_run(run.run_id).info.experiment_id)
        tags = {_PARENT: run.run_id, _RUN_KEY: f"{run.run_id}/{name}"}
        return find_or_make(
            lambda: _used(_runs(client, place, tags[_RUN_KEY])),
            lambda: str(client.create_run(place, tags=tags, run_name=name).info.run_id),
        )


def knows_run(run: Run) -> bool:
    """Whether the server has this run; one that was deleted there counts.

    Raises:
        TrackerUnreachableError: no server answers.
    """
    from mlflow.exceptions import MlflowException

    with asking(run.tracking_uri):
        try:
            open_client(run.data_root, run.tracking_uri).get_run(run.run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return False
            raise
        return True


def delete_unused(run: Run) -> None:
    """Delete the runs that were made for `run`'s sake and never used, because their answer came too
    late.

    Raises:
        TrackerUnreachableError: no server answers.
    """
    with asking(run.tracking_uri):
        client = open_client(run.data_root, run.tracking_uri)
        own = client.get_run(run.run_id)
        key, root = (own.data.tags.get(name, "") for name in (_RUN_KEY, _DATA_ROOT))
        if key:
            _delete_unused(
                client, run.run_id, _runs(client, own.info.experiment_id, key, root, _RUNS_ON)
            )


def _shown_root(data_root: str, tracking_uri: str) -> str:
    """Whose runs they are on a server that several data roots use; a sqlite file moves with its
    data root."""
    return redact(data_root) if tracking_uri else ""


def _runs(
    client: "MlflowClient", place: str, key: str, root: str = "", also: str = ""
) -> "Sequence[MlflowRun]":
    """Those with this key that belong to the data root, newest first; those of earlier versions do
    not say which."""
    wanted = " and ".join(filter(None, [f"tags.`{_RUN_KEY}` = '{key}'", also]))
    runs = client.search_runs([place], filter_string=wanted, max_results=_MOST)
    return [run for run in runs if run.data.tags.get(_DATA_ROOT, root) == root]


def _used(runs: "Sequence[MlflowRun]") -> str | None:
    """The newest that something was logged to, else the oldest."""
    best_first = [run for run in runs if not _is_unused(run)] or list(reversed(runs))
    return str(best_first[0].info.run_id) if best_first else None


def _delete_unused(client: "MlflowClient", kept: str, runs: "Sequence[MlflowRun]") -> None:
    for run in runs:
        if run.info.run_id != kept and _is_unused(run):
            logger.warning(
                "MLflow's run %s is deleted: its making was answered too late", run.info.run_id
            )
            client.delete_run(run.info.run_id)


def _is_unused(run: "MlflowRun") -> bool:
    return not run.data.params and not run.data.metrics


def _find_or_create_experiment(client: "MlflowClient", name: str, artifacts: str | None) -> str:
    def find() -> str | None:
        experiment = client.get_experiment_by_name(name)
        # A deleted experiment keeps its name, so no other can be made that is called so.
        if experiment is not None and experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id) if experiment else None

    return find_or_make(
        find,
        lambda: str(
            client.create_experiment(name, artifact_location=artifacts, tags=_SHOWN_AS_TRAINING)
        ),
    )
