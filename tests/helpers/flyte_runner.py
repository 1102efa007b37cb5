"""The double's engine: the nodes of a workflow, one after the other, as flytepropeller handles
them.

Covers what our workflows use: tasks, sub-workflows, map tasks, dynamic tasks, conditions of
equality, retries, limits of time, failure nodes. Time is declared (`Runner.minutes`): nothing waits
for it.
"""

import math
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flyteidl.core import dynamic_job_pb2, literals_pb2

from tests.helpers.flyte_admin import BUCKET
from tests.helpers.flyte_clock import Clock, LimitPassedError
from tests.helpers.flyte_containers import (
    SYSTEM,
    USER,
    Containers,
    NodeError,
    PropellerError,
    RetryableError,
)
from tests.helpers.flyte_executions import AbortedError
from tests.helpers.flyte_reports import (
    NodePhase,
    TaskPhase,
    messages,
    node_execution,
    task_execution,
    unique_id,
)
from tests.helpers.flyte_values import (
    NONE,
    START,
    Values,
    bound,
    chosen,
    in_order,
    put_error,
    sources,
)

_PROCESSES = 2
_SYSTEM_RETRIES = 3


@dataclass(frozen=True)
class Frame:
    """What the nodes of one workflow share."""

    execution: Any
    """Its identifier."""
    workflow: str
    """The one that was started."""
    workflows: Mapping[str, Any]
    tasks: Mapping[str, Any]
    """Of dynamic tasks, by name; all others are registered."""
    clock: Clock
    parent: tuple[str, int] | None = None
    """Unique id and attempt of the node that this workflow is in."""


@dataclass(frozen=True)
class Visit:
    """An attempt at a node."""

    frame: Frame
    node: Any
    unique: str
    inputs: Any
    done: Values
    attempt: int = 0
    index: str = ""
    """In a map task, else empty."""

    def inside(self, **changes: Any) -> Frame:
        """Where the nodes within this one stand."""
        return replace(self.frame, parent=(self.unique, self.attempt), **changes)


class Runner(Containers):
    """Runs launch plans that the double knows."""

    def __init__(self, s3_endpoint: str, env: Mapping[str, str], folder: Path) -> None:
        super().__init__(s3_endpoint, env, folder)
        self.minutes: dict[str, float] = {}
        """How long an attempt lasts, by task; nothing for others."""

    def __call__(
        self, execution: Any, plan: Any, inputs: literals_pb2.LiteralMap
    ) -> literals_pb2.LiteralMap:
        assert self.double is not None
        spec = self.double.find(plan.workflow_id)
        workflows = {template.id.name: template for template in spec.sub_workflows}
        name = f"{plan.workflow_id.project}:{plan.workflow_id.domain}:{plan.workflow_id.name}"
        return self._workflow(Frame(execution, name, workflows, {}, Clock()), spec.template, inputs)

    def _workflow(self, frame: Frame, template: Any, inputs: Any) -> literals_pb2.LiteralMap:
        done: Values = {START: inputs}
        try:
            return self._nodes(frame, template, done)
        except NodeError as error:
            if template.HasField("failure_node"):
                self._node(frame, template.failure_node, done, failure=error)
            raise

    def _nodes(self, frame: Frame, template: Any, done: Values) -> literals_pb2.LiteralMap:
        """Of a workflow, or of what a dynamic task has made."""
        for node in in_order(template.nodes):
            done[node.id] = self._node(frame, node, done)
        return self._bound("end-node", template.outputs, done)

    def _node(self, frame: Frame, node: Any, done: Values, failure: NodeError | None = None) -> Any:
        visit = Visit(frame, node, unique_id(frame.parent, node.id), None, done)
        self._report(visit, NodePhase.RUNNING)
        try:
            inputs = self._bound(visit.unique, node.inputs, done)
            if failure is not None:
                put_error(inputs, node.id, str(failure))
            outputs = self._attempts(replace(visit, inputs=inputs))
        except NodeError as error:
            self._report(
                visit, NodePhase.TIMED_OUT if error.is_timeout else NodePhase.FAILED, error
            )
            raise
        except (AbortedError, LimitPassedError, PropellerError):
            self._report(visit, NodePhase.ABORTED)
            raise
        self._report(visit, NodePhase.SUCCEEDED)
        return outputs

    def _bound(self, name: str, bindings: Any, done: Values) -> literals_pb2.LiteralMap:
        for source in sources(bindings):
            if done[source].ByteSize() > self.max_literals:
                raise NodeError(
                    "BindingResolutionFailure", f"{name}: {self._too_large(done[source])}"
                )
        return bound(bindings, done)

    def _too_large(self, literals: literals_pb2.LiteralMap) -> str:
        size, most = literals.ByteSize() / 2**20, self.max_literals / 2**20
        return (
            f"limit exceeded. {size:.6f}mb > {most:g}mb. You can increase the limit by setting "
            "maxDownloadMBs."
        )

    def _attempts(self, visit: Visit) -> Any:
        """Until one succeeds, or those whose retries it costs have none left."""
        clock, node = visit.frame.clock, visit.node
        queued, limit = clock.now, node.metadata.timeout.ToTimedelta().total_seconds() / 60
        owner, attempt = f"{visit.unique}/{visit.index}", 0
        failures: Counter[str] = Counter()
        while True:
            try:
                with (
                    clock.limit(owner, min(clock.now, queued + limit) + limit)
                    if limit
                    else nullcontext()
                ):
                    return self._attempt(replace(visit, attempt=attempt))
            except LimitPassedError as passed:
                if passed.owner != owner:
                    raise
                if clock.now >= queued + 2 * limit:
                    raise NodeError("Timeout", "Timeout in node", is_timeout=True) from passed
                error = RetryableError(
                    USER, "TimeoutExpired", f"task execution timeout [{limit:g}m] expired"
                )
            except RetryableError as caught:
                error = caught
            attempt, failures[error.kind] = attempt + 1, failures[error.kind] + 1
            most = _SYSTEM_RETRIES if error.kind == SYSTEM else self._retries(visit) + 1
            count = failures[error.kind] - (error.kind == SYSTEM)
            if count >= most:
                last = f"[{count}/{most}] currentAttempt done. Last Error: {error.kind}::{error}"
                raise NodeError(f"RetriesExhausted|{error.code}", last) from error

    def _retries(self, visit: Visit) -> int:
        found: int = visit.node.metadata.retries.retries
        if not found and visit.node.HasField("task_node"):
            found = self._template(visit.frame, visit.node).metadata.retries.retries
        return found

    def _attempt(self, visit: Visit) -> Any:
        node, frame = visit.node, visit.frame
        self.check_aborted(frame.execution.name)
        if node.HasField("task_node"):
            return self._task(visit)
        if visit.inputs.ByteSize() > self.max_literals:  # which Flyte reads for all but tasks
            raise PropellerError(visit.unique, self._too_large(visit.inputs))
        if node.HasField("workflow_node"):
            name = node.workflow_node.sub_workflow_ref.name
            return self._workflow(visit.inside(), frame.workflows[name], visit.inputs)
        if node.HasField("array_node"):
            return self._array(visit)
        assert node.HasField("branch_node"), (
            f"{visit.unique}: {node.WhichOneof('target')} is not covered"
        )
        return self._node(
            visit.inside(), chosen(node.branch_node.if_else, visit.inputs), visit.done
        )

    def _array(self, visit: Visit) -> Any:
        array, inner = visit.node.array_node, visit.node.array_node.node
        whole = set(array.bound_inputs)
        mapped = [
            v.collection.literals for name, v in visit.inputs.literals.items() if name not in whole
        ]
        count = len(mapped[0]) if mapped else 0
        clocks = [visit.frame.clock.fork() for _ in range(count)]

        def element(index: int) -> Any:
            frame = replace(visit.frame, clock=clocks[index])
            try:
                return self._attempts(replace(visit, frame=frame, node=inner, index=str(index)))
            except NodeError as error:
                return error

        with ThreadPoolExecutor(_PROCESSES) as pool:
            outputs = list(pool.map(element, range(count)))
        visit.frame.clock.join(clocks)
        errors = [found if isinstance(found, NodeError) else None for found in outputs]
        ratio = array.min_success_ratio if array.HasField("min_success_ratio") else 1.0
        if errors.count(None) < math.ceil(ratio * count):
            raise NodeError("ArrayNodeFailing", "".join(messages(errors)))
        merged = literals_pb2.LiteralMap()
        for name in self._template(visit.frame, inner).interface.outputs.variables:
            merged.literals[name].collection.SetInParent()
            merged.literals[name].collection.literals.extend(
                NONE if isinstance(found, NodeError) else found.literals[name] for found in outputs
            )
        return merged

    def _template(self, frame: Frame, node: Any) -> Any:
        assert self.double is not None
        identifier = node.task_node.reference_id
        return (
            frame.tasks[identifier.name]
            if identifier.name in frame.tasks
            else self.double.find(identifier).template
        )

    def _task(self, visit: Visit) -> Any:
        frame, template = visit.frame, self._template(visit.frame, visit.node)
        visited = f"{visit.unique}/{visit.index or 'x'}/{visit.attempt}"
        prefix = f"s3://{BUCKET}/executions/{frame.execution.name}/{visited}"
        frame.clock.spend(self.minutes.get(template.id.name, 0.0))
        try:
            env = _flyte_env(visit, template)
            outputs, futures = self.run_task(template, prefix, visit.inputs, env, visit.index)
        except NodeError as error:
            self._report_task(visit, template, TaskPhase.FAILED, error)
            raise
        self._report_task(visit, template, TaskPhase.SUCCEEDED)
        return outputs if futures is None else self._dynamic(visit, futures)

    def _dynamic(self, visit: Visit, futures: bytes) -> Any:
        assert self.double is not None
        if len(futures) > self.max_literals:
            raise PropellerError(
                visit.unique, f"limit exceeded: {len(futures)} bytes of futures.pb"
            )
        job = dynamic_job_pb2.DynamicJobSpec.FromString(futures)
        refused = [
            refusal for template in job.tasks if (refusal := self.double.too_large(template))
        ]
        if refused:
            raise NodeError("NodeFailed", refused[0])
        self._report(visit, NodePhase.DYNAMIC_RUNNING)
        workflows = {
            **visit.frame.workflows,
            **{template.id.name: template for template in job.subworkflows},
        }
        tasks = {**visit.frame.tasks, **{template.id.name: template for template in job.tasks}}
        try:
            outputs = self._nodes(visit.inside(workflows=workflows, tasks=tasks), job, {})
        except NodeError as error:
            if error.is_timeout:
                raise RetryableError(
                    USER, "DynamicNodeFailing", "Dynamic workflow failed"
                ) from error
            raise
        self.check_size(f"{visit.unique}/outputs.pb", outputs.ByteSize())
        return outputs

    def _report(self, visit: Visit, phase: Any, error: NodeError | None = None) -> None:
        assert self.double is not None
        name = visit.frame.execution.name
        nodes = self.double.nodes[name]
        found = node_execution(visit.frame.execution, visit.unique, visit.node, phase, error)
        if phase == NodePhase.DYNAMIC_RUNNING or (
            visit.unique in nodes and nodes[visit.unique].metadata.is_dynamic
        ):
            found.metadata.is_dynamic = found.metadata.is_parent_node = True
        if visit.frame.parent:
            self.double.parents[name, visit.unique] = visit.frame.parent[0]
        nodes[visit.unique] = found

    def _report_task(
        self, visit: Visit, template: Any, phase: Any, error: NodeError | None = None
    ) -> None:
        assert self.double is not None
        name = visit.frame.execution.name
        node = self.double.nodes[name][visit.unique].id
        self.double.tasks[name].append(
            task_execution(node, template.id, visit.attempt, phase, error)
        )


def aws_env(s3_endpoint: str) -> dict[str, str]:
    """For programs that use botocore, as whoever works with the cluster has them."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint,
    }


def propeller_env(s3_endpoint: str) -> dict[str, str]:
    """What Flyte is told to give every pod, for flytekit's own reading of inputs."""
    keys = ("FLYTE_AWS_ACCESS_KEY_ID", "FLYTE_AWS_SECRET_ACCESS_KEY")
    return {"FLYTE_AWS_ENDPOINT": s3_endpoint, **dict.fromkeys(keys, "test")}


def _flyte_env(visit: Visit, template: Any) -> dict[str, str]:
    """The variables by which Flyte tells a container where it is."""
    execution, task = visit.frame.execution, template.id
    name = "FLYTE_K8S_ARRAY_INDEX"
    index = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": name, name: visit.index}
    return {
        "FLYTE_INTERNAL_EXECUTION_WORKFLOW": visit.frame.workflow,
        "FLYTE_INTERNAL_EXECUTION_ID": execution.name,
        "FLYTE_INTERNAL_EXECUTION_PROJECT": execution.project,
        "FLYTE_INTERNAL_EXECUTION_DOMAIN": execution.domain,
        "FLYTE_ATTEMPT_NUMBER": str(visit.attempt),
        "FLYTE_INTERNAL_TASK_PROJECT": task.project,
        "FLYTE_INTERNAL_TASK_DOMAIN": task.domain,
        "FLYTE_INTERNAL_TASK_NAME": task.name,
        "FLYTE_INTERNAL_TASK_VERSION": task.version,
        **(index if visit.index else {}),
    }
