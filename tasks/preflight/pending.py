"""Executions that wait for a pod which Kubernetes cannot schedule, and for nothing else."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.preflight.kube import Json

_EXECUTION = ("project", "domain", "execution-id")
"""Labels that Flyte gives every pod of an execution."""
_ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A pod that waits, and its execution."""

    execution: str
    """ "project/domain/name"."""
    pod: str
    minutes: int
    message: str
    """Kubernetes' own."""


def find_stuck(pods: Sequence[Json], minutes: int, now: datetime) -> list[Pending]:
    """The longest waiting pod of every execution that has waited so long, by execution.

    One of which another pod is at work is not stuck: that one's end may make the room.
    """
    waiting = defaultdict[str, list[Pending | None]](list)
    for pod in pods:
        execution = "/".join(pod["metadata"].get("labels", {}).get(label, "") for label in _EXECUTION)
        if not execution.startswith("/") and pod["status"].get("phase") not in _ENDED:
            waiting[execution].append(_pending(pod, execution, now))
    found = []
    for _, own in sorted(waiting.items()):
        stuck = [pending for pending in own if pending is not None]
        if len(stuck) == len(own) and max(pending.minutes for pending in stuck) >= minutes:
            found.append(max(stuck, key=lambda pending: pending.minutes))
    return found


def _pending(pod: Json, execution: str, now: datetime) -> Pending | None:
    for condition in pod["status"].get("conditions", []):
        is_stuck = condition["type"] == "PodScheduled" and condition["status"] == "False"
        if is_stuck and condition.get("reason") == "Unschedulable":
            waited = now - datetime.fromisoformat(condition["lastTransitionTime"])
            return Pending(
                execution=execution,
                pod=pod["metadata"]["name"],
                minutes=int(waited.total_seconds() // 60),
                message=condition.get("message", ""),
            )
    return None
