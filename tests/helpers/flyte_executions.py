"""Executions of the double, as its admin service tells about them: phases, errors, and which nodes
there were."""

import threading
from typing import Any, Protocol

import grpc
from flyteidl.admin import execution_pb2, node_execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2 as phases
from flyteidl.core import identifier_pb2, literals_pb2
from flyteidl.service import admin_pb2_grpc

from tests.helpers.flyte_registry import Registry

Phase = phases.WorkflowExecution
_GOING = (Phase.QUEUED, Phase.RUNNING, Phase.SUCCEEDING, Phase.FAILING)


class AbortedError(Exception):
    """A person ended the execution."""


class Engine(Protocol):
    """What runs executions."""

    def __call__(
        self, execution: Any, plan: Any, inputs: literals_pb2.LiteralMap
    ) -> literals_pb2.LiteralMap:
        """(execution's identifier, launch plan's spec, inputs) -> outputs; raises with the reason
        of a failure."""

    def abort(self, execution: str) -> None:
        """End everything of it; the call raises AbortedError."""


class Executions(Registry, admin_pb2_grpc.AdminServiceServicer):
    """Of everything that is registered."""

    def __init__(self, run: Engine) -> None:
        super().__init__()
        self._run = run
        self.executions: dict[str, Any] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        """Node executions by execution and unique id."""
        self.tasks: dict[str, list[Any]] = {}
        """Task executions, one for each attempt, by execution."""
        self.parents: dict[tuple[str, str], str] = {}
        """Of nodes within others: (execution, unique id) -> unique id."""
        self.outputs: dict[str, literals_pb2.LiteralMap] = {}
        self._threads: dict[str, threading.Thread] = {}

    def CreateExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        spec = self.find(request.spec.launch_plan, context)
        found = identifier_pb2.WorkflowExecutionIdentifier(
            project=request.project,
            domain=request.domain,
            name=request.name or f"run{len(self.executions)}",
        )
        closure = execution_pb2.ExecutionClosure(phase=Phase.RUNNING, workflow_id=spec.workflow_id)
        closure.started_at.GetCurrentTime()
        execution = execution_pb2.Execution(id=found, spec=request.spec, closure=closure)
        self.executions[found.name], self.nodes[found.name], self.tasks[found.name] = (
            execution,
            {},
            [],
        )
        given = request.inputs if request.inputs.literals else request.spec.inputs
        inputs = literals_pb2.LiteralMap()
        for name, parameter in spec.default_inputs.parameters.items():
            if parameter.HasField("default"):
                inputs.literals[name].CopyFrom(parameter.default)
        for literals in (given.literals, spec.fixed_inputs.literals):
            for name, literal in literals.items():
                inputs.literals[name].CopyFrom(literal)
        self._threads[found.name] = threading.Thread(
            target=self._execute, args=(execution, spec, inputs), daemon=True
        )
        self._threads[found.name].start()
        return execution_pb2.ExecutionCreateResponse(id=found)

    def GetExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._find_execution(request.id, context)

    def ListExecutions(self, request: Any, context: Any) -> Any:  # noqa: N802
        place = (request.id.project, request.id.domain)
        found = [
            one for one in self.executions.values() if (one.id.project, one.id.domain) == place
        ]
        return execution_pb2.ExecutionList(executions=found)

    def TerminateExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        execution = self._find_execution(request.id, context)
        if execution.closure.phase not in _GOING:
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                "Cannot abort an already terminated workflow execution",
            )
        execution.closure.abort_metadata.cause = request.cause
        execution.closure.phase = Phase.ABORTING
        self._run.abort(execution.id.name)
        return execution_pb2.ExecutionTerminateResponse()

    def GetExecutionData(self, request: Any, context: Any) -> Any:  # noqa: N802
        return execution_pb2.WorkflowExecutionGetDataResponse(
            full_outputs=self.outputs.get(request.id.name, literals_pb2.LiteralMap())
        )

    def ListNodeExecutions(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Those within the node `unique_parent_id`; without it, those within none."""
        execution = self._find_execution(request.workflow_execution_id, context).id.name
        found = [
            node for name, node in list(self.nodes[execution].items())
            if self.parents.get((execution, name), "") == request.unique_parent_id
        ]  # fmt: skip
        return node_execution_pb2.NodeExecutionList(node_executions=found)

    def GetNodeExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = self.nodes.get(request.id.execution_id.name, {}).get(request.id.node_id)
        if found is None:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"missing entity of type NODE_EXECUTION {request.id.node_id}",
            )
        return found

    def GetNodeExecutionData(self, request: Any, context: Any) -> Any:  # noqa: N802
        """Not kept; clients take it for data that is gone."""
        context.abort(grpc.StatusCode.NOT_FOUND, "entry not found")

    def ListTaskExecutions(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = [
            task for task in list(self.tasks.get(request.node_execution_id.execution_id.name, ()))
            if task.id.node_execution_id.node_id == request.node_execution_id.node_id
        ]  # fmt: skip
        return task_execution_pb2.TaskExecutionList(task_executions=found)

    def wait(self, execution: str) -> Any:
        """The execution once it has ended."""
        self._threads[execution].join()
        return self.executions[execution]

    def _find_execution(self, identifier: Any, context: Any) -> Any:
        found = self.executions.get(identifier.name)
        if found is None or found.id != identifier:
            place = f"{identifier.project}/{identifier.domain}/{identifier.name}"
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"missing entity of type execution with identifier {place}",
            )
        return found

    def _execute(self, execution: Any, spec: Any, inputs: literals_pb2.LiteralMap) -> None:
        name, closure = execution.id.name, execution.closure
        try:
            outputs = self._run(execution.id, spec, inputs)
        except AbortedError:
            closure.phase = Phase.ABORTED
        except Exception as error:
            code = getattr(error, "code", type(error).__name__)
            closure.error.CopyFrom(
                phases.ExecutionError(
                    code=code, message=str(error), kind=phases.ExecutionError.USER
                )
            )
            closure.phase = Phase.FAILED
        else:
            self.outputs[name] = outputs
            closure.phase = Phase.SUCCEEDED
