"""The MLflow runs of jobs that ended badly, found by the leases of their data root."""

from tasks.core import lease
from tasks.core.lease import Lease
from tasks.core.store import Store
from tasks.tracking.run import fail_run


def fail_jobs(data_root: str, tracking_uri: str, *, stage: str, error: str) -> None:
    """Mark what this process or execution works on as failed, and give its leases back."""
    store = Store(data_root)
    for name, found in lease.find_all(store).items():
        if found.owner == lease.this_owner() and not found.is_released:
            _fail(data_root, tracking_uri, name, found, stage, error)
            lease.release(store, name)


def end_abandoned(data_root: str, tracking_uri: str) -> None:
    """Mark runs whose owner died without a word as failed: nobody else would, if their command is not given again."""
    store = Store(data_root)
    for name, found in lease.find_all(store).items():
        if found.is_released or found.owner == lease.this_owner() or lease.is_alive(found):
            continue
        try:
            lease.take(store, name)
        except lease.HeldError:  # its command was given again at this moment
            continue
        _fail(data_root, tracking_uri, name, found, "unknown", f"{found.owner.name} ended without a word")
        lease.release(store, name)


def _fail(data_root: str, tracking_uri: str, name: str, found: Lease, stage: str, error: str) -> None:
    if found.run_id:
        fail_run(
            data_root,
            experiment=found.experiment,
            run_key=name.removeprefix(f"{found.experiment}-"),
            tracking_uri=tracking_uri,
            stage=stage,
            error=error,
        )
