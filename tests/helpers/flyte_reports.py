"""How an execution's nodes and attempts stand in Flyte's admin service."""

import base64
from collections.abc import Iterator
from typing import Any

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2 as phases
from flyteidl.core import identifier_pb2

NodePhase, TaskPhase = phases.NodeExecution, phases.TaskExecution
_LETTERS = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"abcdefghijklmnopqrstuvwxyz123456")
_MOST_LETTERS = 20


def unique_id(parent: tuple[str, int] | None, node: str) -> str:
    """A node's id within the execution, out of (id, attempt) of the node that it is in:
    flytepropeller's, hashed if it is long."""
    name = f"{parent[0]}-{parent[1]}-{node}" if parent else node
    if len(name) <= _MOST_LETTERS:
        return name
    digest = 0x811C9DC5
    for letter in name.encode():
        digest = (digest ^ letter) * 0x01000193 % 2**32
    return (
        "f" + base64.b32encode(digest.to_bytes(4, "big")).rstrip(b"=").translate(_LETTERS).decode()
    )


def node_execution(execution: Any, unique: str, node: Any, phase: Any, error: Any = None) -> Any:
    """`error` has a code and a text; of a node that ended well there is none."""
    found = node_execution_pb2.NodeExecution(
        id=identifier_pb2.NodeExecutionIdentifier(node_id=unique, execution_id=execution),
        metadata=node_execution_pb2.NodeExecutionMetaData(
            spec_node_id=node.id,
            is_parent_node=node.WhichOneof("target") in ("workflow_node", "branch_node"),
            is_array=node.HasField("array_node"),
        ),
        closure=node_execution_pb2.NodeExecutionClosure(phase=phase),
    )
    found.closure.updated_at.GetCurrentTime()
    if error is not None:
        found.closure.error.CopyFrom(phases.ExecutionError(code=error.code, message=str(error)))
    return found


def task_execution(node: Any, task: Any, attempt: int, phase: Any, error: Any = None) -> Any:
    """An attempt at `task`, an identifier, by the node with the identifier `node`."""
    found = task_execution_pb2.TaskExecution(
        id=identifier_pb2.TaskExecutionIdentifier(
            task_id=task, node_execution_id=node, retry_attempt=attempt
        ),
        closure=task_execution_pb2.TaskExecutionClosure(phase=phase),
    )
    found.closure.updated_at.GetCurrentTime()
    if error is not None:
        found.closure.error.CopyFrom(phases.ExecutionError(code=error.code, message=str(error)))
    return found


def messages(errors: list[Any]) -> Iterator[str]:
    """Of a map task's failed parts, as Flyte writes them one below the other."""
    for index, error in enumerate(errors):
        if error is not None:
            yield f"[{index}]: {error}\n"
