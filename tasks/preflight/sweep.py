"""Ends what nobody else would: executions whose pods cannot be scheduled, MLflow runs whose
execution is gone.

python -m tasks.preflight --sweep --data-root s3://BUCKET/data --tracking-uri http://HOST:PORT
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tasks.core import lease
from tasks.core.store import Store
from tasks.deployment import executions, flyte
from tasks.preflight.kube import Json, Kubernetes
from tasks.tracking.check import check_tracking
from tasks.tracking.jobs import end_abandoned

_GRACE_SECONDS = 60.0
"""How long an execution that was ended here may take to stop; its run is closed then, or by the
next sweep."""
_EXECUTION = ("project", "domain", "execution-id")
"""Labels that Flyte gives every pod of an execution."""
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, kw_only=True)
class PendingPod:
    """A pod that waits, and its execution."""

    execution: str
    """ "project/domain/name"."""
    pod: str
    minutes: int
    message: str
    """Kubernetes' own."""


def sweep(asked: argparse.Namespace) -> int:
    """One line for all that was ended, and one that says how many jobs go on.

    Returns 1 if a service did not answer (the others' part is done), 2 if no Flyte is named.
    """
    if not flyte.is_named():
        sys.stdout.write(
            f"{flyte.ENDPOINT_VARIABLE} is not set: give it the address of flyteadmin, which is "
            "asked\n"
        )
        return 2
    # A door says this when it is imported, and the sweep imports none.
    lease.ask_about_executions(executions.is_going)
    # A list, so that the second part is done whatever became of the first; in this order, so that
    # the runs of what is ended are closed too.
    done = [_print_lines(part) for part in (lambda: _end_stuck(asked), lambda: _close(asked))]
    return int(not all(done))


def find_stuck(pods: Sequence[Json], minutes: int, now: datetime) -> list[PendingPod]:
    """The longest waiting pod of every execution that has waited so long, by execution.

    One of which another pod is at work is not stuck: that one's end may make the room.
    """
    waiting = defaultdict[str, list[PendingPod | None]](list)
    for pod in pods:
        execution = "/".join(
            pod["metadata"].get("labels", {}).get(label, "") for label in _EXECUTION
        )
        # Without a label of a project it is no pod of an execution.
        if not execution.startswith("/") and pod["status"].get("phase") not in _ENDED:
            waiting[execution].append(_pending(pod, execution, now))
    longest = []
    for _, own in sorted(waiting.items()):
        stuck = [pending for pending in own if pending is not None]
        if len(stuck) == len(own) and max(pending.minutes for pending in stuck) >= minutes:
            longest.append(max(stuck, key=lambda pending: pending.minutes))
    return longest


def _print_lines(part: Callable[[], Iterator[str]]) -> bool:
    """Whether all of it could be done."""
    try:
        for line in part():
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
    except Exception as error:
        sys.stdout.write(
            f"unreachable  {(str(error).strip() or type(error).__name__).splitlines()[0]}\n"
        )
        return False
    return True


def _end_stuck(asked: argparse.Namespace) -> Iterator[str]:
    pods = Kubernetes().pods(f"{asked.project}-{asked.domain}")
    ended = []
    for pending in find_stuck(pods, asked.pending_minutes, datetime.now(UTC)):
        if not executions.is_going(
            pending.execution
        ):  # it was ended already, its pods are on their way out
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
    yield f"going        {sum(not one.is_released and lease.is_alive(one) for one in leases)}"


def _pending(pod: Json, execution: str, now: datetime) -> PendingPod | None:
    for condition in pod["status"].get("conditions", []):
        is_stuck = condition["type"] == "PodScheduled" and condition["status"] == "False"
        if is_stuck and condition.get("reason") == "Unschedulable":
            waited = now - datetime.fromisoformat(condition["lastTransitionTime"])
            return PendingPod(
                execution=execution,
                pod=pod["metadata"]["name"],
                minutes=int(waited.total_seconds() // 60),
                message=condition.get("message", ""),
            )
    return None
