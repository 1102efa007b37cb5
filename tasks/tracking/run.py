"""Opening, reopening and closing the record of a run: what every door does around its stage."""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from types import FrameType
from urllib.parse import unquote

from tasks.core import lease
from tasks.core.errors import InputError, Interrupted
from tasks.core.redact import redact
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.tracking.address import log_in
from tasks.tracking.mlflow_registry import MlflowRegistry
from tasks.tracking.mlflow_runs import (
    check_answers,
    check_artifacts,
    delete_unused,
    find_or_create_run,
    find_running,
    knows_run,
)
from tasks.tracking.mlflow_tracker import MlflowTracker
from tasks.tracking.outbox import adopt_unnamed, waiting_runs
from tasks.tracking.patient_tracker import PatientTracker
from tasks.tracking.tracker import ModelRegistry, RunStatus, Tracker

logger = logging.getLogger(__name__)

CONSOLE_VARIABLE = "VIDEOSSR_FLYTE_CONSOLE"
"""Where the console answers, e.g. https://flyte.example/console; the chart gives it to every
pod."""
_PODS_OWN = "FLYTE_EXECUTION_URL"
"""Propeller's, if it knows the console; it leads to the pod's own node."""
_NO_FAILURE = {"videossr.failed_stage": "", "videossr.error": ""}


def start_run(
    data_root: str,
    *,
    experiment: str,
    run_key: str,
    params: Mapping[str, object],
    tracking_uri: str = "",
    name: str = "",
) -> str:
    """Id of the run: an unfinished one with this key goes on, else a new one starts, called `name`
    if there is one.

    `params` are part of what the key stands for; nested ones become names with dots. Two runs with
    the same key at the same time would share one record: whoever opens a job holds its lease. What
    could not be sent before is sent first.

    Raises:
        InputError: the data root is remote, and no server is named; or the address is none of a
            server.
        TrackerUnreachableError: no server answers at `tracking_uri`.
    """
    address = log_in(tracking_uri)
    _send_waiting(Run(data_root=data_root, run_id="", preset=experiment, tracking_uri=address))
    run_id = find_or_create_run(
        data_root=data_root, tracking_uri=address, experiment=experiment, run_key=run_key, name=name
    )
    run = Run(data_root=data_root, run_id=run_id, preset=experiment, tracking_uri=address)
    check_artifacts(run)
    tracker = open_tracker(run)
    tracker.set_status(RunStatus.RUNNING)
    tracker.set_tags(_NO_FAILURE | _execution_tags())
    tracker.log_params(dict(_flat(params)))
    return run_id


def fail_run(
    data_root: str,
    *,
    experiment: str,
    run_key: str,
    tracking_uri: str,
    stage: str,
    error: str,
    status: RunStatus = RunStatus.FAILED,
    or_stopped: bool = False,
) -> str:
    """Mark the run with this key as ended if it looks as if it still ran; a record that cannot be
    reached stays.

    What a stage said itself stays too; with `or_stopped` not that a signal ended it, for somebody
    sent the signal. Returns the run's id, empty if there was nothing to mark.
    """
    try:
        address = log_in(tracking_uri)
        run_id = find_running(
            data_root=data_root,
            tracking_uri=address,
            experiment=experiment,
            run_key=run_key,
            or_stopped=or_stopped,
        )
    except (InputError, OSError):
        logger.warning("could not look for the run that failed", exc_info=True)
        return ""
    if run_id:
        run = Run(data_root=data_root, run_id=run_id, preset=experiment, tracking_uri=address)
        _close(open_tracker(run), stage, status, error)
    return run_id


@contextmanager
def stage(run: Run, name: str) -> Iterator[Tracker]:
    """The tracker of one stage of `run`; if the stage raises, the run is marked with how it ended.

    A server that does not answer never ends a stage: what it should get waits in the data root.
    SIGTERM ends a stage as Ctrl-C does, so that the run does not look as if it went on.
    """
    with _at_work(run):
        tracker = open_tracker(run)
        try:
            with _sigterm_raises(), recorded(tracker, name):
                yield tracker
        finally:
            _flush(tracker)


def _at_work(run: Run) -> AbstractContextManager[None]:
    """The run's lease, with its heartbeat: a job that another took over ends here, before it does
    work twice."""
    return lease.held(Store(run.data_root), run.lease) if run.lease else nullcontext()


@contextmanager
def recorded(tracker: Tracker, name: str) -> Iterator[None]:
    """If the block raises, mark the run with how it ended, and pass the error on."""
    try:
        yield
    except Exception as error:
        _close(tracker, name, RunStatus.FAILED, f"{type(error).__name__}: {error}")
        raise
    except Interrupted as interrupted:
        _close(tracker, name, RunStatus.KILLED, str(interrupted))
        raise
    except BaseException:  # Ctrl-C: Flyte's signal handler turns it into SystemExit
        _close(tracker, name, RunStatus.KILLED, "interrupted")
        raise


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    if (
        threading.current_thread() is not threading.main_thread()
    ):  # only the main thread may set handlers
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(
            number, f"stopped by {signal.Signals(number).name}; the same command goes on"
        )

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def child_run(run: Run, name: str, params: Mapping[str, object]) -> Iterator[Tracker]:
    """The tracker of a finished part of `run` that stands below it in the UI, one a name."""
    tracker = open_tracker(run, name)
    try:
        tracker.log_params(dict(_flat(params)))
        tracker.set_tags({name: value for name, value in _execution_tags().items() if value})
        yield tracker
        tracker.set_status(RunStatus.FINISHED)
    finally:
        _flush(tracker)


def finish_run(run: Run) -> None:
    """Close the record: the next run with the same key starts a new one. What an earlier try failed
    with goes."""
    tracker = open_tracker(run)
    tracker.set_tags(_NO_FAILURE)
    tracker.set_status(RunStatus.FINISHED)
    _flush(tracker)
    try:
        delete_unused(run)
    except InputError as error:
        logger.info("whether MLflow made a run too many is looked at next time: %s", error)


def open_registry(run: Run) -> ModelRegistry:
    """The registered models."""
    return MlflowRegistry(run)


def open_tracker(run: Run, child: str = "") -> PatientTracker:
    """The tracker of `run`, or of its part `child`, for a process beside the one whose stage it
    is."""
    return PatientTracker(MlflowTracker(run, child), Store(run.data_root), server=run.tracking_uri)


def _send_waiting(run: Run) -> None:
    """Send what earlier runs kept for the server of `run`, if it answers."""
    check_answers(run.data_root, run.tracking_uri)
    store = Store(run.data_root)
    adopt_unnamed(store, run.tracking_uri, lambda run_id: knows_run(replace(run, run_id=run_id)))
    for waiting in waiting_runs(store, run.tracking_uri):
        run_id, _, child = waiting.partition("+")
        _flush(open_tracker(replace(run, run_id=run_id), unquote(child)))


def _execution_tags() -> dict[str, str]:
    """Which execution of Flyte works on the run, and where people can look at it.

    Outside of an execution all texts are empty, which takes the tags away.
    """
    execution = lease.this_owner().execution
    return {
        "videossr.execution": execution,
        "videossr.execution_url": _console_url(execution) if execution else "",
    }


def _console_url(execution: str) -> str:
    given = os.environ.get(_PODS_OWN, "")
    if given:
        return given.partition("/nodeId/")[0]
    console = os.environ.get(CONSOLE_VARIABLE, "").rstrip("/")
    project, domain, name = execution.split("/")
    return f"{console}/projects/{project}/domains/{domain}/executions/{name}" if console else ""


def _flush(tracker: PatientTracker) -> None:
    num_waiting = tracker.flush()
    if num_waiting:
        logger.warning(
            "%d entries for MLflow wait in %s; the next run with this server sends them (delete "
            "the folder if the run is gone for good)",
            *(num_waiting, tracker.waiting_in),
        )


def _close(tracker: Tracker, stage_name: str, status: RunStatus, error: str) -> None:
    first_line = redact((error.strip() or "no message").splitlines()[0])
    try:
        tracker.set_tags({"videossr.failed_stage": stage_name, "videossr.error": first_line})
        tracker.set_status(status)
    except Exception:  # the stage's own error must reach the user, not the tracker's
        logger.exception("could not mark the run as %s", status)


def _flat(params: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
