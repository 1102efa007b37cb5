"""A double of Flyte's control plane: the admin and data-proxy services, from flyteidl's own servicers.

It keeps what is registered in memory and hands executions to a runner (`tests.helpers.flyte_runner`). It is more
permissive than a real Flyte: no types are checked at registration, the order of lists that flytekit makes out of sets
does not count, nothing is scheduled by time or queued by resources, there is no authentication and no catalog.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import grpc
from flyteidl.admin import (
    execution_pb2,
    launch_plan_pb2,
    node_execution_pb2,
    project_attributes_pb2,
    project_pb2,
    task_pb2,
    version_pb2,
    workflow_pb2,
)
from flyteidl.core import compiler_pb2, identifier_pb2, literals_pb2
from flyteidl.core import execution_pb2 as phases
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2, dataproxy_pb2_grpc

BUCKET = "flyte"
Key = tuple[int, str, str]
"""(resource type, name, version)"""
Run = Callable[[str, Any, literals_pb2.LiteralMap], literals_pb2.LiteralMap]
"""(execution, launch plan's spec, inputs) -> outputs; raises with the reason of a failure."""


class FlyteDouble(admin_pb2_grpc.AdminServiceServicer, dataproxy_pb2_grpc.DataProxyServiceServicer):
    """Serves on a free port until `stop`."""

    def __init__(self, s3_endpoint: str, run: Run) -> None:
        self.registered: dict[Key, Any] = {}
        self.active: dict[str, Any] = {}
        """Launch plans by name."""
        self.executions: dict[str, Any] = {}
        self._outputs: dict[str, literals_pb2.LiteralMap] = {}
        self.calls: Counter[str] = Counter()
        """RPCs by name."""
        self._run, self._lock = run, threading.Lock()
        self._s3 = boto3.client("s3", endpoint_url=s3_endpoint)
        self._s3.create_bucket(Bucket=BUCKET)
        self._uploads = ThreadingHTTPServer(("127.0.0.1", 0), self._upload_handler())
        threading.Thread(target=self._uploads.serve_forever, daemon=True).start()
        self._server = grpc.server(futures.ThreadPoolExecutor(8), interceptors=[_Counting(self.calls)])
        admin_pb2_grpc.add_AdminServiceServicer_to_server(self, self._server)
        dataproxy_pb2_grpc.add_DataProxyServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait(10)
        self._uploads.shutdown()
        self._uploads.server_close()

    # registration

    def CreateTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._register(request, context)
        return task_pb2.TaskCreateResponse()

    def CreateWorkflow(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._register(request, context)
        return workflow_pb2.WorkflowCreateResponse()

    def CreateLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._register(request, context)
        return launch_plan_pb2.LaunchPlanCreateResponse()

    def GetTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        spec = self.find(request.id, context)
        compiled = compiler_pb2.CompiledTask(template=spec.template)
        return task_pb2.Task(id=request.id, closure=task_pb2.TaskClosure(compiled_task=compiled))

    def GetWorkflow(self, request: Any, context: Any) -> Any:  # noqa: N802
        spec = self.find(request.id, context)
        compiled = compiler_pb2.CompiledWorkflowClosure(
            primary=compiler_pb2.CompiledWorkflow(template=spec.template),
            sub_workflows=[compiler_pb2.CompiledWorkflow(template=template) for template in spec.sub_workflows],
            tasks=[
                compiler_pb2.CompiledTask(template=self.find(found).template)
                for found in self._tasks_of(spec.template, *spec.sub_workflows)
            ],
        )
        return workflow_pb2.Workflow(id=request.id, closure=workflow_pb2.WorkflowClosure(compiled_workflow=compiled))

    def GetLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._launch_plan(request.id, context)

    def GetActiveLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = self.active.get(request.id.name)
        if found is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no active launch plan {request.id.name}")
        return self._launch_plan(found, context)

    def ListLaunchPlans(self, request: Any, context: Any) -> Any:  # noqa: N802
        named = [k for k in self.registered if k[0] == identifier_pb2.LAUNCH_PLAN and k[1] == request.id.name]
        ids = [
            identifier_pb2.Identifier(
                resource_type=kind, project=request.id.project, domain=request.id.domain, name=name, version=version
            )
            for kind, name, version in named
        ]
        return launch_plan_pb2.LaunchPlanList(launch_plans=[self._launch_plan(found, context) for found in ids])

    def UpdateLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.find(request.id, context)
        if request.state == launch_plan_pb2.ACTIVE:
            self.active[request.id.name] = request.id
        else:
            self.active.pop(request.id.name, None)
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    # executions

    def CreateExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        spec = self.find(request.spec.launch_plan, context)
        found = identifier_pb2.WorkflowExecutionIdentifier(
            project=request.project, domain=request.domain, name=request.name or f"run{len(self.executions)}"
        )
        closure = execution_pb2.ExecutionClosure(phase=phases.WorkflowExecution.RUNNING)
        execution = execution_pb2.Execution(id=found, spec=request.spec, closure=closure)
        self.executions[found.name] = execution
        given = request.inputs if request.inputs.literals else request.spec.inputs
        inputs = literals_pb2.LiteralMap()
        for name, parameter in spec.default_inputs.parameters.items():
            if parameter.HasField("default"):
                inputs.literals[name].CopyFrom(parameter.default)
        for literals in (given.literals, spec.fixed_inputs.literals):
            for name, literal in literals.items():
                inputs.literals[name].CopyFrom(literal)
        threading.Thread(target=self._execute, args=(execution, spec, inputs), daemon=True).start()
        return execution_pb2.ExecutionCreateResponse(id=found)

    def GetExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.executions[request.id.name]

    def GetExecutionData(self, request: Any, context: Any) -> Any:  # noqa: N802
        return execution_pb2.WorkflowExecutionGetDataResponse(
            full_outputs=self._outputs.get(request.id.name, literals_pb2.LiteralMap())
        )

    def ListNodeExecutions(self, request: Any, context: Any) -> Any:  # noqa: N802
        return node_execution_pb2.NodeExecutionList()

    def ListProjects(self, request: Any, context: Any) -> Any:  # noqa: N802
        domains = [project_pb2.Domain(id=name, name=name) for name in ("development", "production")]
        return project_pb2.Projects(projects=[project_pb2.Project(id="videossr", domains=domains)])

    def GetVersion(self, request: Any, context: Any) -> Any:  # noqa: N802
        return version_pb2.GetVersionResponse()

    def GetProjectAttributes(self, request: Any, context: Any) -> Any:  # noqa: N802
        return project_attributes_pb2.ProjectAttributesGetResponse()

    # data

    def CreateUploadLocation(self, request: Any, context: Any) -> Any:  # noqa: N802
        name = f"upload/{request.content_md5.hex()}/{request.filename}"
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=f"http://127.0.0.1:{self._uploads.server_port}/{name}", native_url=f"s3://{BUCKET}/{name}"
        )

    # inside

    def find(self, identifier: Any, context: Any = None) -> Any:
        """The spec that was registered under `identifier`."""
        found = self.registered.get((identifier.resource_type, identifier.name, identifier.version))
        if found is None and context is not None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"nothing registered as {identifier}")
        assert found is not None, f"nothing registered as {identifier}"
        return found

    def _register(self, request: Any, context: Any) -> None:
        key = (request.id.resource_type, request.id.name, request.id.version)
        with self._lock:
            known = self.registered.setdefault(key, request.spec)
        if known is not request.spec:
            same = _canonical(known) == _canonical(request.spec)
            code = grpc.StatusCode.ALREADY_EXISTS if same else grpc.StatusCode.INVALID_ARGUMENT
            context.abort(code, f"{key} exists{'' if same else ' with another structure'}")

    def _launch_plan(self, identifier: Any, context: Any) -> Any:
        spec = self.find(identifier, context)
        is_active = self.active.get(identifier.name) == identifier
        closure = launch_plan_pb2.LaunchPlanClosure(
            state=launch_plan_pb2.ACTIVE if is_active else launch_plan_pb2.INACTIVE,
            expected_inputs=spec.default_inputs,
        )
        return launch_plan_pb2.LaunchPlan(id=identifier, spec=spec, closure=closure)

    def _execute(self, execution: Any, spec: Any, inputs: literals_pb2.LiteralMap) -> None:
        try:
            outputs = self._run(execution.id.name, spec, inputs)
        except Exception as error:
            execution.closure.error.CopyFrom(phases.ExecutionError(code="USER", message=str(error)))
            execution.closure.phase = phases.WorkflowExecution.FAILED
        else:
            self._outputs[execution.id.name] = outputs
            execution.closure.phase = phases.WorkflowExecution.SUCCEEDED

    def _tasks_of(self, *templates: Any) -> list[Any]:
        found: dict[str, Any] = {}
        for template in templates:
            failure = [template.failure_node] if template.HasField("failure_node") else []
            for inner in _innermost([*template.nodes, *failure]):
                if inner.HasField("task_node"):
                    found[inner.task_node.reference_id.name] = inner.task_node.reference_id
        return list(found.values())

    def _upload_handler(self) -> type[BaseHTTPRequestHandler]:
        s3 = self._s3

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                s3.put_object(Bucket=BUCKET, Key=self.path.lstrip("/"), Body=body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


def _innermost(nodes: Iterable[Any]) -> Iterator[Any]:
    """`nodes`, with what map tasks and conditions wrap in their places."""
    for node in nodes:
        if node.HasField("array_node"):
            yield node.array_node.node
        elif node.HasField("branch_node"):
            cases = node.branch_node.if_else
            yield from _innermost([*(case.then_node for case in (cases.case, *cases.other)), cases.else_node])
        else:
            yield node


def _canonical(spec: Any) -> bytes:
    """Equal for specs that differ only in the order of what has none: flytekit writes some lists out of sets."""
    copy = type(spec)()
    copy.CopyFrom(spec)
    if isinstance(copy, workflow_pb2.WorkflowSpec):
        for node in [node for template in (copy.template, *copy.sub_workflows) for node in template.nodes]:
            node.upstream_node_ids.sort()
            node.array_node.bound_inputs.sort() if node.HasField("array_node") else None
        copy.sub_workflows.sort(key=lambda template: template.id.name)
    data: bytes = copy.SerializeToString(deterministic=True)
    return data


class _Counting(grpc.ServerInterceptor):
    def __init__(self, calls: Counter[str]) -> None:
        self._calls = calls

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        self._calls[details.method.rsplit("/", 1)[-1]] += 1
        return continuation(details)
