"""What is registered with the double, and which launch plans are active: refused where a real Flyte
refuses it.

A version that is there already is compared as flyteadmin does it: by what the templates are once
they are compiled.
"""

import math
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import grpc
from flyteidl.admin import common_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import compiler_pb2, identifier_pb2, tasks_pb2
from flyteidl.service import admin_pb2_grpc
from google.protobuf.json_format import MessageToDict
from kubernetes.utils.quantity import parse_quantity

Key = tuple[int, str, str, str, str]
"""(resource type, project, domain, name, version)"""
_KINDS = {
    identifier_pb2.TASK: "task",
    identifier_pb2.WORKFLOW: "workflow",
    identifier_pb2.LAUNCH_PLAN: "launch plan",
}


class Registry(admin_pb2_grpc.AdminServiceServicer):
    """Tasks, workflows and launch plans, by identifier."""

    def __init__(self) -> None:
        self.registered: dict[Key, Any] = {}
        self.active: dict[str, Any] = {}
        """Identifiers of launch plans by name."""
        self.limits = {"cpu": "1000", "memory": "100Ti", "gpu": "100"}
        """Of a task: flyteadmin's `task_resources.limits`, far above its defaults (2, 1Gi, 1)."""
        self._lock = threading.Lock()

    def CreateTask(self, request: Any, context: Any) -> Any:  # noqa: N802
        refusal = self.too_large(request.spec.template)
        if refusal:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, refusal)
        self._register(request, context)
        return task_pb2.TaskCreateResponse()

    def CreateWorkflow(self, request: Any, context: Any) -> Any:  # noqa: N802
        for found in self._tasks_of(request.spec.template, *request.spec.sub_workflows):
            self.find(found, context)
        self._register(request, context)
        return workflow_pb2.WorkflowCreateResponse()

    def CreateLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.find(request.spec.workflow_id, context)
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
            sub_workflows=[
                compiler_pb2.CompiledWorkflow(template=template) for template in spec.sub_workflows
            ],
            tasks=[
                compiler_pb2.CompiledTask(template=self.find(found).template)
                for found in self._tasks_of(spec.template, *spec.sub_workflows)
            ],
        )
        return workflow_pb2.Workflow(
            id=request.id, closure=workflow_pb2.WorkflowClosure(compiled_workflow=compiled)
        )

    def GetLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._launch_plan(request.id, context)

    def GetActiveLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = self.active.get(request.id.name)
        if found is None:
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"No active launch plan could be found: {request.id.name}",
            )
        return self._launch_plan(found, context)

    def ListLaunchPlans(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._launch_plans(
            key
            for key in self.registered
            if (key[1], key[2]) == (request.id.project, request.id.domain)
            and request.id.name in ("", key[3])
        )

    def ListActiveLaunchPlans(self, request: Any, context: Any) -> Any:  # noqa: N802
        keys = [_key(found) for found in self.active.values()]
        return self._launch_plans(
            key for key in keys if (key[1], key[2]) == (request.project, request.domain)
        )

    def ListLaunchPlanIds(self, request: Any, context: Any) -> Any:  # noqa: N802
        names = {
            key[3] for key in self.registered
            if key[:3] == (identifier_pb2.LAUNCH_PLAN, request.project, request.domain)
        }  # fmt: skip
        place = {"project": request.project, "domain": request.domain}
        entities = [common_pb2.NamedEntityIdentifier(name=name, **place) for name in sorted(names)]
        return common_pb2.NamedEntityIdentifierList(entities=entities)

    def UpdateLaunchPlan(self, request: Any, context: Any) -> Any:  # noqa: N802
        """One version of a name is active at most; deactivating another one changes nothing."""
        self.find(request.id, context)
        if request.state == launch_plan_pb2.ACTIVE:
            self.active[request.id.name] = request.id
        elif self.active.get(request.id.name) == request.id:
            del self.active[request.id.name]
        return launch_plan_pb2.LaunchPlanUpdateResponse()

    # inside

    def find(self, identifier: Any, context: Any = None) -> Any:
        """The spec that was registered under `identifier`."""
        found = self.registered.get(_key(identifier))
        if found is None and context is not None:
            place = (
                f"{identifier.project}/{identifier.domain}/{identifier.name}/{identifier.version}"
            )
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"missing entity of type {_KINDS[identifier.resource_type].upper()} with "
                f"identifier {place}",
            )
        assert found is not None, f"nothing registered as {identifier}"
        return found

    def too_large(self, template: Any) -> str:
        """Why Flyte refuses the numbers of a task; empty if it does not."""
        for requested, limits in _asked(template):
            for name in sorted(requested.keys() | limits.keys()):
                most = self.limits.get(name)
                for kind, asked in (("limit", limits.get(name)), ("default", requested.get(name))):
                    if (
                        most
                        and asked
                        and math.ceil(parse_quantity(asked)) > math.ceil(parse_quantity(most))
                    ):
                        return (
                            f"Requested {name.upper()} {kind} [{asked}] is greater than current "
                            f"limit set in the platform configuration [{most}]. Please contact "
                            "Flyte Admins to change these limits or consult the configuration"
                        )
        return ""

    def _register(self, request: Any, context: Any) -> None:
        key = _key(request.id)
        with self._lock:
            known = self.registered.setdefault(key, request.spec)
        if known is request.spec:
            return
        kind = _KINDS[key[0]]
        if _structure(known) == _structure(request.spec):
            context.abort(
                grpc.StatusCode.ALREADY_EXISTS, f"{kind} with identical structure already exists"
            )
        context.abort(
            grpc.StatusCode.INVALID_ARGUMENT,
            f"{key[3]} {kind} with different structure already exists. (Please register a new "
            f"version of the {kind})",
        )

    def _launch_plans(self, keys: Iterable[Key]) -> Any:
        found = [_identifier(key) for key in keys if key[0] == identifier_pb2.LAUNCH_PLAN]
        return launch_plan_pb2.LaunchPlanList(
            launch_plans=[self._launch_plan(one, None) for one in found]
        )

    def _launch_plan(self, identifier: Any, context: Any) -> Any:
        spec = self.find(identifier, context)
        is_active = self.active.get(identifier.name) == identifier
        closure = launch_plan_pb2.LaunchPlanClosure(
            state=launch_plan_pb2.ACTIVE if is_active else launch_plan_pb2.INACTIVE,
            expected_inputs=spec.default_inputs,
        )
        return launch_plan_pb2.LaunchPlan(id=identifier, spec=spec, closure=closure)

    def _tasks_of(self, *templates: Any) -> list[Any]:
        found: dict[str, Any] = {}
        for template in templates:
            failure = [template.failure_node] if template.HasField("failure_node") else []
            for inner in _innermost([*template.nodes, *failure]):
                if inner.HasField("task_node"):
                    found[inner.task_node.reference_id.name] = inner.task_node.reference_id
        return list(found.values())


def _key(identifier: Any) -> Key:
    return (
        identifier.resource_type,
        identifier.project,
        identifier.domain,
        identifier.name,
        identifier.version,
    )


def _identifier(key: Key) -> Any:
    kind, project, domain, name, version = key
    return identifier_pb2.Identifier(
        resource_type=kind, project=project, domain=domain, name=name, version=version
    )  # fmt: skip


def _innermost(nodes: Iterable[Any]) -> Iterator[Any]:
    """`nodes`, with what map tasks and conditions wrap in their places."""
    for node in nodes:
        if node.HasField("array_node"):
            yield node.array_node.node
        elif node.HasField("branch_node"):
            cases = node.branch_node.if_else
            yield from _innermost(
                [*(case.then_node for case in (cases.case, *cases.other)), cases.else_node]
            )
        else:
            yield node


def _asked(template: Any) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """(requests, limits) of every container, by the resource's name in lower case."""
    if template.HasField("container"):
        found = template.container.resources
        names = tasks_pb2.Resources.ResourceName
        yield (
            {names.Name(one.name).lower(): one.value for one in found.requests},
            {names.Name(one.name).lower(): one.value for one in found.limits},
        )
    elif template.HasField("k8s_pod"):
        for container in MessageToDict(template.k8s_pod.pod_spec)["containers"]:
            resources = container.get("resources", {})
            yield resources.get("requests", {}), resources.get("limits", {})


def _structure(spec: Any) -> Any:
    """What flyteadmin takes a digest of, once it is compiled: neither descriptions, nor the order
    in which flytekit writes a node's upstream nodes (out of a set), nor that of sub-workflows."""
    if isinstance(spec, launch_plan_pb2.LaunchPlanSpec):
        return MessageToDict(spec)
    templates = [spec.template]
    if isinstance(spec, workflow_pb2.WorkflowSpec):
        templates += sorted(spec.sub_workflows, key=lambda template: template.id.name)
    return [_sorted_upstream(MessageToDict(template)) for template in templates]


def _sorted_upstream(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: sorted(one) if key == "upstreamNodeIds" else _sorted_upstream(one)
                for key, one in value.items()
            }
        case list():
            return [_sorted_upstream(one) for one in value]
    return value
