"""Which executions wait for a pod that Kubernetes cannot schedule."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tasks.preflight.sweep import PendingPod, find_stuck

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
NO_GPU = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu."


def pod(
    name: str,
    minutes: float,
    *,
    execution: str = "f1",
    reason: str = "Unschedulable",
    phase: str = "Pending",
) -> dict[str, Any]:
    """As the Kubernetes API writes one that has waited so long; 0 minutes for one that runs."""
    since = (NOW - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    scheduled: dict[str, str] = {
        "type": "PodScheduled",
        "status": "True",
        "lastTransitionTime": since,
    }
    if minutes:
        scheduled |= {"status": "False", "reason": reason, "message": NO_GPU}
    labels = (
        {"execution-id": execution, "project": "videossr", "domain": "production"}
        if execution
        else {"app": "x"}
    )
    conditions = [{"type": "Initialized", "status": "True", "lastTransitionTime": since}, scheduled]
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"phase": phase, "conditions": conditions},
    }


def test_the_pod_that_waits_longest_speaks_for_its_execution() -> None:
    pods = [
        pod("f1-n3-0-1", 61),
        pod("f1-n3-0-0", 75.9),
        pod("f2-n1-0", 59),
        pod("f3-n1-0", 60, execution="f3"),
    ]
    pods[2]["metadata"]["labels"]["execution-id"] = "f2"
    assert find_stuck(pods, 60, NOW) == [
        PendingPod(execution="videossr/production/f1", pod="f1-n3-0-0", minutes=75, message=NO_GPU),
        PendingPod(execution="videossr/production/f3", pod="f3-n1-0", minutes=60, message=NO_GPU),
    ]


@pytest.mark.parametrize(
    "other",
    [pod("f1-n3-0-1", 0, phase="Running"), pod("f1-n3-0-1", 0)],
    ids=["runs", "has its node"],
)
def test_one_that_works_meanwhile_is_not_stuck(other: dict[str, Any]) -> None:
    """A thousand shards on a few nodes wait for each other."""
    assert find_stuck([pod("f1-n3-0-0", 300), other], 60, NOW) == []


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_ended_counts_for_nothing(phase: str) -> None:
    ended = pod("f1-n2-0", 0, phase=phase)
    assert [stuck.pod for stuck in find_stuck([ended, pod("f1-n3-0", 300)], 60, NOW)] == ["f1-n3-0"]
    assert find_stuck([pod("f1-n3-0", 300, phase=phase)], 60, NOW) == []


def test_what_waits_for_something_else_or_is_no_execution_is_left_alone() -> None:
    assert find_stuck([pod("f1-n3-0", 300, reason="SchedulingGated")], 60, NOW) == []
    assert find_stuck([pod("web-0", 300, execution="")], 60, NOW) == []
    bare: dict[str, Any] = {"metadata": {"name": "bare"}, "status": {}}
    assert find_stuck([bare], 60, NOW) == []
