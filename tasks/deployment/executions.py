"""What became of an execution, "project/domain/name": how it stands, why it ended, which stage
failed. Flyte is asked.

Flyte does not call the failure node of an execution that a person aborted, or whose pods were lost
too often: nobody inside can say what happened, and Flyte's own record is all there is.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from flyteidl.core.execution_pb2 import NodeExecution, WorkflowExecution

from tasks.deployment import flyte

_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_DOOR = re.compile(r"tasks\.(\w+)\.task\.(?:map_)?(\w+?)(?:_[0-9a-f]{32}-arraynode)?")
"""Also as flytekit names the parts of a map task."""
_TRACKED = {
    **{name: name for name in ("report_leaks", "publish_benchmark", "list_questions")},
    **dict.fromkeys(("list_benchmarks", "add_first_anchor"), "list_benchmarks"),
    "ask_model": "list_questions",
    **dict.fromkeys(("tabulate_variants", "tabulate_benchmarks"), "tabulate"),
    "warm_start_policy": "warm_start",
    "answer_shard": "answer",
    **{name: name for name in ("ask_blind", "score_unseen")},
    "import_rows": "import",
}
"""Doors whose stage is not called after their room."""
_NODE = re.compile(r"\bNode\[([\w-]+)\]")
"""As propeller names one in its errors."""
_UNKNOWN = "unknown"
_UNSCHEDULABLE = re.compile(r"pod \S+ could not be scheduled for \d+ minutes: ")

_FAILURE_NODE = "fn0"
"""flytekit's name for it in every workflow: it is where failing ends, never where it began."""
_WORST_FIRST = [
    {"FAILED", "TIMED_OUT"},
    {"FAILING"},
    {"ABORTED"},
    {"QUEUED", "RUNNING", "DYNAMIC_RUNNING"},
]
"""Of an aborted execution none has failed: what was at work then is what it ended in."""
_PAGE = 100


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an execution ended."""

    phase: str
    """Flyte's word, e.g. "FAILED"; empty if Flyte does not know the execution."""
    reason: str
    """One line, in Flyte's own words or those of whoever aborted it."""
    stage: str = _UNKNOWN
    """That failed or was at work, as the tracker calls it."""
    by_person: bool = False
    """Somebody aborted it."""


def is_going(execution: str) -> bool | None:
    """Whether it goes on, also where Flyte does not answer just now; None where none is named, so
    nobody can be asked.

    One that Flyte does not know goes on no more.
    """
    if not flyte.is_named():
        return None
    try:
        return _phase(_ask(execution)) not in _ENDED
    except flyte.UnknownExecutionError:
        return False
    except flyte.SilentError:
        return True


def ending_of(execution: str) -> Ending | None:
    """How it ended; None if it goes on.

    Raises:
        SilentError: Flyte does not answer.
    """
    try:
        answer = _ask(execution)
    except flyte.UnknownExecutionError:
        return Ending(phase="", reason="Flyte does not know its execution any more")
    phase = _phase(answer)
    if phase not in _ENDED:
        return None
    reason, by_person = _reason(phase, answer.closure)
    return Ending(phase=phase, reason=reason, stage=failed_stage(execution), by_person=by_person)


def failed_stage(execution: str, error: str = "") -> str:
    """The stage that failed, or was at work when it was aborted, as the tracker calls it; it may
    not have ended yet.

    If Flyte cannot be asked, the node that `error` names, if it names one; else "unknown".
    """
    stage = ""
    if flyte.is_named() and execution:
        with suppress(flyte.UnknownExecutionError, flyte.SilentError), flyte.asking() as client:
            stage = stage_of(_failed_task(client, execution))
    named = _NODE.search(error)
    return stage or (named[1] if named else _UNKNOWN)


def terminate(execution: str, cause: str) -> None:
    """End it; its pods are gone a moment later.

    Raises:
        UnknownExecutionError: there is none.
        SilentError: Flyte does not answer, or it has ended already.
    """
    with flyte.asking() as client:
        client.terminate_execution(flyte.identifier(execution), cause)


def unschedulable(pod: str, minutes: int, message: str) -> str:
    """The cause with which the sweep ends an execution: nobody aborted it, so it counts as
    failed."""
    return f"pod {pod} could not be scheduled for {minutes} minutes: {first_line(message)}"


def stage_of(task: str) -> str:
    """What the tracker calls the stage of a task, e.g. `train` for
    "tasks.train.task.train_policy"."""
    door = _DOOR.fullmatch(task)
    return _TRACKED.get(door[2], door[1]) if door else task.rsplit(".", 1)[-1]


def first_line(message: str) -> str:
    """The line of an error that says what happened: flytekit puts a traceback before it."""
    lines = [line.strip() for line in message.splitlines() if line.strip()] or ["no message"]
    start = lines.index("Message:") + 1 if "Message:" in lines[:-1] else 0
    return lines[start]


def _ask(execution: str) -> Any:
    with flyte.asking() as client:
        return client.get_execution(flyte.identifier(execution))


def _phase(execution: Any) -> str:
    return str(WorkflowExecution.Phase.Name(execution.closure.phase))


def _reason(phase: str, closure: Any) -> tuple[str, bool]:
    """(why it ended, whether a person aborted it)"""
    if phase == "ABORTED":
        aborted = closure.abort_metadata
        cause = first_line(aborted.cause if aborted else "")
        if _UNSCHEDULABLE.match(cause):
            return cause, False
        by = f" by {aborted.principal}" if aborted and aborted.principal else ""
        return f"aborted{by}: {cause}", True
    if closure.error:
        return first_line(closure.error.message), False
    return f"its execution ended ({phase}) and did not say so here", False


class _Node(NamedTuple):
    depth: int
    execution: Any
    """Flyte's word for it."""
    phase: str

    @property
    def rank(self) -> tuple[int, int, float]:
        """The largest is the one that failed: of several at one depth the last, for a dynamic may
        be tried again."""
        worst = next(rank for rank, phases in enumerate(_WORST_FIRST) if self.phase in phases)
        updated = self.execution.closure.updated_at
        return -worst, self.depth, updated.timestamp() if updated else 0.0


def _failed_task(client: Any, execution: str) -> str:
    """The name of the task that failed, or was at work last; that of its node if it never became a
    task; or nothing."""
    nodes = sorted(_unfinished(client, execution), key=lambda node: node.rank, reverse=True)
    for node in nodes:
        tasks, _ = client.list_task_executions_paginated(node.execution.id, limit=1)
        if tasks:
            return str(tasks[0].id.task_id.name)
    return _spec_id(nodes[0].execution) if nodes else ""


def _unfinished(client: Any, execution: str, parent: str = "", depth: int = 0) -> Iterator[_Node]:
    """All nodes that have not ended well, and those inside of them (Flyte does not always say which
    hold others)."""
    for child in _children(client, execution, parent):
        phase = NodeExecution.Phase.Name(child.closure.phase)
        if _spec_id(child) == _FAILURE_NODE or not any(phase in phases for phases in _WORST_FIRST):
            continue
        yield _Node(depth, child, phase)
        yield from _unfinished(client, execution, child.id.node_id, depth + 1)


def _children(client: Any, execution: str, parent: str) -> Iterator[Any]:
    token = ""
    while True:
        page, token = client.list_node_executions(
            flyte.identifier(execution), limit=_PAGE, token=token, unique_parent_id=parent or None
        )
        yield from page
        if not token:
            return


def _spec_id(node: Any) -> str:
    """As the workflow calls it; the execution's own name for it has those of its parents in it."""
    return str((node.metadata.spec_node_id if node.metadata else "") or node.id.node_id)
