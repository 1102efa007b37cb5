"""Flyte's admin service as far as it is asked what became of executions: it says what a test tells
it.

Shapes are those of Flyte 1.16.8: nodes are listed level by level (`unique_parent_id`), an array
node is one node with one task execution, the failure node is called fn0 and belongs to its
workflow, an abort keeps cause and principal.
"""

from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from flyteidl.admin import execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2 as phases
from flyteidl.core import identifier_pb2
from flyteidl.service import admin_pb2_grpc

from tasks.core import lease
from tasks.deployment.executions import is_going

PLACE = "videossr/production"
_ENDED = {
    phases.WorkflowExecution.Phase.Value(name)
    for name in ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
}


class ToldFlyte(admin_pb2_grpc.AdminServiceServicer):
    """Executions of one project and domain, by name."""

    def __init__(self) -> None:
        self._executions: dict[str, Any] = {}
        self._nodes: dict[tuple[str, str], list[tuple[Any, str]]] = {}
        """(node, its task) by (execution, parent)."""
        self.endpoint = ""
        self.refuses = False
        """It answers nobody."""
        self.asked: list[str] = []
        """RPCs, in order."""

    def tell(
        self, name: str, phase: str, *, error: str = "", cause: str = "", principal: str = ""
    ) -> str:
        """How an execution stands from now on; returns "project/domain/name"."""
        closure = execution_pb2.ExecutionClosure(phase=phases.WorkflowExecution.Phase.Value(phase))
        if error:
            closure.error.CopyFrom(phases.ExecutionError(code="USER:Unknown", message=error))
        if cause or phase == "ABORTED":
            closure.abort_metadata.cause, closure.abort_metadata.principal = cause, principal
        self._executions[name] = execution_pb2.Execution(id=_id(name), closure=closure)
        return f"{PLACE}/{name}"

    def forget(self, name: str) -> None:
        """As an admin who cleans the database."""
        del self._executions[name]

    def add_node(
        self, execution: str, path: str, phase: str, task: str = "", seconds: int = 0
    ) -> None:
        """A node by its place, e.g. "n4/0/n1", with its parents' attempts; `task` if it became
        one."""
        parent, _, own = path.rpartition("/")
        node = node_execution_pb2.NodeExecution(
            id=identifier_pb2.NodeExecutionIdentifier(
                node_id=path.replace("/", "-"), execution_id=_id(execution)
            ),
            closure=node_execution_pb2.NodeExecutionClosure(
                phase=phases.NodeExecution.Phase.Value(phase)
            ),
            metadata=node_execution_pb2.NodeExecutionMetaData(spec_node_id=own),
        )
        node.closure.updated_at.seconds = seconds
        above = parent.rpartition("/")[0].replace("/", "-") if parent else ""
        self._nodes.setdefault((execution, above), []).append((node, task))

    def GetExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._hear("GetExecution", context)
        if (
            f"{request.id.project}/{request.id.domain}" != PLACE
            or request.id.name not in self._executions
        ):
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"missing entity of type execution with identifier {request.id}",
            )
        return self._executions[request.id.name]

    def ListNodeExecutions(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._hear("ListNodeExecutions", context)
        if not request.limit:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "invalid value for limit")
        listed = self._nodes.get((request.workflow_execution_id.name, request.unique_parent_id), [])
        start = int(request.token or 0)
        page = [node for node, _ in listed[start : start + request.limit]]
        token = str(start + len(page)) if len(page) == request.limit else ""
        return node_execution_pb2.NodeExecutionList(node_executions=page, token=token)

    def ListTaskExecutions(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._hear("ListTaskExecutions", context)
        found = task_execution_pb2.TaskExecutionList()
        for nodes in self._nodes.values():
            for node, task in nodes:
                if task and node.id == request.node_execution_id:
                    found.task_executions.add().id.task_id.name = task
        return found

    def TerminateExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._hear("TerminateExecution", context)
        closure = self._executions[request.id.name].closure
        if closure.phase in _ENDED:
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                "Cannot abort an already terminated workflow execution",
            )
        closure.phase = phases.WorkflowExecution.ABORTED
        closure.abort_metadata.cause = request.cause
        return execution_pb2.ExecutionTerminateResponse()

    def _hear(self, name: str, context: Any) -> None:
        self.asked.append(name)
        if self.refuses:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not you")


@contextmanager
def told_flyte() -> Iterator[ToldFlyte]:
    """It serves, the environment names it, and leases ask it, as in every pod."""
    lease.ask_about_executions(is_going)
    flyte = ToldFlyte()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    admin_pb2_grpc.add_AdminServiceServicer_to_server(flyte, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    flyte.endpoint = f"127.0.0.1:{port}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTE_PLATFORM_URL", flyte.endpoint)
        patch.setenv("FLYTE_PLATFORM_INSECURE", "true")
        try:
            yield flyte
        finally:
            server.stop(None).wait()


@contextmanager
def in_execution(name: str) -> Iterator[str]:
    """This process is a pod of the execution: "project/domain/name"."""
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in zip(
            ("PROJECT", "DOMAIN", "ID"), f"{PLACE}/{name}".split("/"), strict=True
        ):
            patch.setenv(f"FLYTE_INTERNAL_EXECUTION_{variable}", value)
        lease._owner.cache_clear()
        try:
            yield f"{PLACE}/{name}"
        finally:
            lease._owner.cache_clear()


def _id(name: str) -> Any:
    project, domain = PLACE.split("/")
    return identifier_pb2.WorkflowExecutionIdentifier(project=project, domain=domain, name=name)
