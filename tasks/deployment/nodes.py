"""Which task of an execution failed: the deepest of its nodes that did, in sub-workflows and dynamics too."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from flyteidl.core.execution_pb2 import NodeExecution

from tasks.deployment import flyte

_FAILURE_NODE = "fn0"
"""flytekit's name for it in every workflow: it is where failing ends, never where it began."""
_WORST_FIRST = [{"FAILED", "TIMED_OUT"}, {"FAILING"}, {"ABORTED"}, {"QUEUED", "RUNNING", "DYNAMIC_RUNNING"}]
"""Of an aborted execution none has failed: what was at work then is what it ended in."""
_PAGE = 100


class _Node(NamedTuple):
    depth: int
    found: Any
    phase: str

    @property
    def rank(self) -> tuple[int, int, float]:
        """The largest is the one that failed: of several at one depth the last, for a dynamic may be tried again."""
        worst = next(rank for rank, phases in enumerate(_WORST_FIRST) if self.phase in phases)
        updated = self.found.closure.updated_at
        return -worst, self.depth, updated.timestamp() if updated else 0.0


def failed_task(client: Any, execution: str) -> str:
    """The name of the task that failed, or was at work last; that of its node if it never became a task; or nothing."""
    nodes = sorted(_unfinished(client, execution), key=lambda node: node.rank, reverse=True)
    for node in nodes:
        tasks, _ = client.list_task_executions_paginated(node.found.id, limit=1)
        if tasks:
            return str(tasks[0].id.task_id.name)
    return _spec_id(nodes[0].found) if nodes else ""


def _unfinished(client: Any, execution: str, parent: str = "", depth: int = 0) -> Iterator[_Node]:
    """All nodes that have not ended well, and those inside of them (Flyte does not always say which hold others)."""
    for found in _children(client, execution, parent):
        phase = NodeExecution.Phase.Name(found.closure.phase)
        if _spec_id(found) == _FAILURE_NODE or not any(phase in phases for phases in _WORST_FIRST):
            continue
        yield _Node(depth, found, phase)
        yield from _unfinished(client, execution, found.id.node_id, depth + 1)


def _children(client: Any, execution: str, parent: str) -> Iterator[Any]:
    token = ""
    while True:
        found, token = client.list_node_executions(
            flyte.identifier(execution), limit=_PAGE, token=token, unique_parent_id=parent or None
        )
        yield from found
        if not token:
            return


def _spec_id(found: Any) -> str:
    """As the workflow calls it; the execution's own name for it has those of its parents in it."""
    return str((found.metadata.spec_node_id if found.metadata else "") or found.id.node_id)
