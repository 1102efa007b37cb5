"""The MLflow runs of jobs that ended badly, found by the leases of their data root."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core import lease
from tasks.core.lease import Lease
from tasks.core.store import Store
from tasks.deployment import flyte
from tasks.deployment.executions import Ending, ending_of
from tasks.tracking.run import fail_run
from tasks.tracking.tracker import RunStatus


@dataclass(frozen=True, kw_only=True)
class AbandonedJob:
    """A job whose owner is gone and did not say so."""

    owner: str
    """For people."""
    ending: Ending
    run_id: str
    """MLflow run that was closed; empty if none was left open."""

    def line(self) -> str:
        """For people."""
        run = f"MLflow run {self.run_id} closed" if self.run_id else "no MLflow run of it was open"
        return f"{self.owner}: {self.ending.reason} (stage {self.ending.stage}); {run}"


def fail_jobs(data_root: str, tracking_uri: str, *, stage: str, error: str) -> None:
    """Mark what this process or execution works on as failed, and give its leases back."""
    store = Store(data_root)
    for name, job in lease.find_all(store).items():
        if job.owner == lease.this_owner() and not job.is_released:
            _close(data_root, tracking_uri, name, job, Ending(phase="", reason=error, stage=stage))
            lease.release(store, name)


def end_abandoned(data_root: str, tracking_uri: str) -> list[AbandonedJob]:
    """Close the runs whose owner died without a word: nobody else would, if their command is not
    given again.

    Of an execution Flyte says how it ended and why; where it does not answer, the lease stays for
    the next time.
    """
    return list(_end_abandoned(data_root, tracking_uri))


def _end_abandoned(data_root: str, tracking_uri: str) -> Iterator[AbandonedJob]:
    store = Store(data_root)
    for name, job in lease.find_all(store).items():
        if job.is_released or job.owner == lease.this_owner() or lease.is_alive(job):
            continue
        try:
            ending = _ending(job)
            if ending is None:
                continue
            lease.take(store, name)
        except (
            flyte.SilentError,
            lease.HeldError,
        ):  # Flyte is away again; its command was given again at this moment
            continue
        run_id = _close(data_root, tracking_uri, name, job, ending)
        lease.release(store, name)
        yield AbandonedJob(owner=job.owner.name, ending=ending, run_id=run_id)


def _ending(job: Lease) -> Ending | None:
    if job.owner.execution and flyte.is_named():
        return ending_of(job.owner.execution)
    return Ending(phase="", reason=f"{job.owner.name} ended without a word")


def _close(data_root: str, tracking_uri: str, name: str, job: Lease, ending: Ending) -> str:
    """The id of the run that was closed; empty if there was none to close."""
    if not job.experiment:
        return ""
    return fail_run(
        data_root,
        experiment=job.experiment,
        run_key=job.run_key or name.removeprefix(f"{job.experiment}-"),
        tracking_uri=tracking_uri,
        stage=ending.stage,
        error=ending.reason,
        status=RunStatus.KILLED if ending.by_person else RunStatus.FAILED,
        or_stopped=bool(job.owner.execution),
    )
