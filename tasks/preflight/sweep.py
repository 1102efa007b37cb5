"""Ends what nobody else would: executions whose pods cannot be scheduled, MLflow runs whose execution is gone.

python -m tasks.preflight --sweep --data-root s3://BUCKET/data --tracking-uri http://HOST:PORT
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

from tasks.core import lease
from tasks.core.store import Store
from tasks.deployment import executions, flyte
from tasks.preflight.kube import Kubernetes
from tasks.preflight.pending import find_stuck
from tasks.tracking.check import check_tracking
from tasks.tracking.jobs import end_abandoned

_GRACE_SECONDS = 60.0
"""How long an execution that was ended here may take to stop; its run is closed then, or by the next sweep."""


def sweep(asked: argparse.Namespace) -> int:
    """One line for all that was ended, and one that says how many jobs go on.

    Returns 1 if a service did not answer (the others' part is done), 2 if no Flyte is named.
    """
    if not flyte.is_named():
        sys.stdout.write(f"{flyte.ENDPOINT_VARIABLE} is not set: give it the address of flyteadmin, which is asked\n")
        return 2
    lease.ask_about_executions(executions.is_going)
    done = [_said(part) for part in (lambda: _end_stuck(asked), lambda: _close(asked))]
    return int(not all(done))


def _said(part: Callable[[], Iterator[str]]) -> bool:
    """Whether all of it could be done."""
    try:
        for line in part():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except Exception as error:
        sys.stdout.write(f"unreachable  {(str(error).strip() or type(error).__name__).splitlines()[0]}\n")
        return False
    return True


def _end_stuck(asked: argparse.Namespace) -> Iterator[str]:
    pods = Kubernetes().pods(f"{asked.project}-{asked.domain}")
    ended = []
    for pending in find_stuck(pods, asked.pending_minutes, datetime.now(UTC)):
        if not executions.is_going(pending.execution):  # it was ended already, its pods are on their way out
            continue
        cause = executions.unschedulable(pending.pod, pending.minutes, pending.message)
        executions.terminate(pending.execution, cause)
        ended.append(pending.execution)
        yield f"terminated   {pending.execution}: {cause}"
    _wait(ended)


def _wait(ended: Sequence[str]) -> None:
    stop = time.monotonic() + _GRACE_SECONDS
    while any(executions.is_going(execution) for execution in ended) and time.monotonic() < stop:
        time.sleep(1.0)


def _close(asked: argparse.Namespace) -> Iterator[str]:
    address = check_tracking(asked.data_root, asked.tracking_uri)
    for abandoned in end_abandoned(asked.data_root, address):
        yield f"closed       {abandoned.line()}"
    leases = lease.find_all(Store(asked.data_root)).values()
    yield f"going        {sum(not found.is_released and lease.is_alive(found) for found in leases)}"
