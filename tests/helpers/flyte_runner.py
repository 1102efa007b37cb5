"""The double's data plane: every registered container's own command line, as a local process.

Inputs and outputs go through the object store as on a cluster. Covers what our workflows use: tasks, sub-workflows,
map tasks, dynamic tasks, conditions of equality, retries of recoverable errors and of containers that were killed,
failure nodes.
"""

import os
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import msgpack
from botocore.exceptions import ClientError
from flyteidl.core import condition_pb2, dynamic_job_pb2, errors_pb2, literals_pb2

from tests.helpers.flyte_admin import BUCKET, FlyteDouble
from tests.helpers.warm import process as warm

_PROCESSES = 2
_START = "start-node"
Values = dict[str, literals_pb2.LiteralMap]
"""Outputs by node."""


_NONE = literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))


class Container(NamedTuple):
    """One that has started."""

    task: str
    index: str
    """In a map task, else empty."""
    process: warm.WarmProcess
    log: Path


class TaskFailedError(Exception):
    """A container failed for good."""


class Runner:
    """Runs launch plans that the double knows."""

    def __init__(self, s3_endpoint: str, env: Mapping[str, str], folder: Path) -> None:
        self._s3 = boto3.client("s3", endpoint_url=s3_endpoint)
        self.env, self._folder = dict(env), folder
        self.double: FlyteDouble | None = None
        self.attempts: list[tuple[str, int]] = []
        """(task, exit code or signal) of every container that ended."""
        self.on_start: Callable[[Container], None] = lambda container: None
        """Called with every container that started; a test may kill it."""

    def __call__(self, execution: str, plan: Any, inputs: literals_pb2.LiteralMap) -> literals_pb2.LiteralMap:
        assert self.double is not None
        spec = self.double.find(plan.workflow_id)
        workflows = {template.id.name: template for template in spec.sub_workflows}
        return self._workflow(execution, spec.template, workflows, inputs, {})

    def _workflow(
        self, path: str, template: Any, workflows: dict[str, Any], inputs: Any, tasks: dict[str, Any]
    ) -> literals_pb2.LiteralMap:
        done: Values = {_START: inputs}
        try:
            for node in _in_order(template.nodes):
                done[node.id] = self._node(f"{path}/{node.id}", node, workflows, done, tasks)
        except Exception:
            if template.HasField("failure_node"):
                failure = template.failure_node
                self._node(f"{path}/{failure.id}", failure, workflows, done, tasks)
            raise
        return _bound(template.outputs, done)

    def _node(self, path: str, node: Any, workflows: dict[str, Any], done: Values, tasks: dict[str, Any]) -> Any:
        inputs = _bound(node.inputs, done)
        if node.HasField("workflow_node"):
            name = node.workflow_node.sub_workflow_ref.name
            return self._workflow(path, workflows[name], workflows, inputs, tasks)
        if node.HasField("array_node"):
            return self._array(path, node, workflows, inputs, tasks)
        if node.HasField("branch_node"):
            chosen = _chosen(node.branch_node.if_else, inputs)
            return self._node(f"{path}/{chosen.id}", chosen, workflows, done, tasks)
        assert node.HasField("task_node"), f"{path}: {node.WhichOneof('target')} is not covered"
        return self._task(path, node, workflows, inputs, tasks)

    def _array(self, path: str, node: Any, workflows: dict[str, Any], inputs: Any, tasks: dict[str, Any]) -> Any:
        array, inner = node.array_node, node.array_node.node
        template = self._template(inner.task_node.reference_id, tasks)
        bound = set(array.bound_inputs)
        mapped = [v.collection.literals for name, v in inputs.literals.items() if name not in bound]
        count = len(mapped[0]) if mapped else 0

        def element(index: int) -> Any:
            index_env = {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_INDEX", "FLYTE_INDEX": str(index)}
            try:
                return self._task(f"{path}/{index}", inner, workflows, inputs, tasks, index_env)
            except TaskFailedError as error:
                return error

        with ThreadPoolExecutor(_PROCESSES) as pool:
            outputs = list(pool.map(element, range(count)))
        failed = [found for found in outputs if isinstance(found, TaskFailedError)]
        if failed and (count - len(failed)) < array.min_success_ratio * count:
            raise failed[0]
        merged = literals_pb2.LiteralMap()
        for name in template.interface.outputs.variables:
            merged.literals[name].collection.SetInParent()
            merged.literals[name].collection.literals.extend(
                _NONE if isinstance(found, TaskFailedError) else found.literals[name] for found in outputs
            )
        return merged

    def _template(self, identifier: Any, tasks: dict[str, Any]) -> Any:
        assert self.double is not None
        return tasks[identifier.name] if identifier.name in tasks else self.double.find(identifier).template

    def _task(
        self, path: str, node: Any, workflows: dict[str, Any], inputs: Any, tasks: dict[str, Any],
        index: Mapping[str, str] | None = None,
    ) -> Any:  # fmt: skip
        template = self._template(node.task_node.reference_id, tasks)
        prefix = f"s3://{BUCKET}/executions/{path}"
        self._put(f"{prefix}/inputs.pb", inputs.SerializeToString())
        retries = max(template.metadata.retries.retries, node.metadata.retries.retries)
        for attempt in range(retries + 1):
            output = f"{prefix}/{attempt}"
            code = self._container(path, template, prefix, output, attempt, index or {})
            error = self._get(f"{output}/error.pb")
            if code == 0 and error is None:
                return self._outputs(path, output, workflows, tasks)
            message = f"{template.id.name}: exit code {code}"
            if error is not None:
                found = errors_pb2.ErrorDocument.FromString(error).error
                message = f"{template.id.name}: {found.message}"
                if found.kind != errors_pb2.ContainerError.RECOVERABLE:
                    break
        raise TaskFailedError(message)

    def _outputs(self, path: str, output: str, workflows: dict[str, Any], tasks: dict[str, Any]) -> Any:
        futures = self._get(f"{output}/futures.pb")
        if futures is None:
            return literals_pb2.LiteralMap.FromString(self._get(f"{output}/outputs.pb") or b"")
        job = dynamic_job_pb2.DynamicJobSpec.FromString(futures)
        inner_workflows = workflows | {template.id.name: template for template in job.subworkflows}
        inner_tasks = tasks | {template.id.name: template for template in job.tasks}
        done: Values = {}
        for node in _in_order(job.nodes):
            done[node.id] = self._node(f"{path}/dynamic/{node.id}", node, inner_workflows, done, inner_tasks)
        return _bound(job.outputs, done)

    def _container(
        self, path: str, template: Any, prefix: str, output: str, attempt: int, index: Mapping[str, str]
    ) -> int:
        container = template.container
        words = {
            "{{.input}}": f"{prefix}/inputs.pb", "{{.outputPrefix}}": output,
            "{{.rawOutputDataPrefix}}": f"{output}/raw", "{{.checkpointOutputPrefix}}": f"{output}/checkpoint",
            "{{.prevCheckpointPrefix}}": '""', "{{ .dest_dir }}": ".", "{{.dest_dir}}": ".",
        }  # fmt: skip
        command = [words.get(arg, arg) for arg in [*container.command, *container.args]]
        work = self._folder / path.replace("/", "-") / str(attempt)
        work.mkdir(parents=True, exist_ok=True)
        own = {pair.key: pair.value for pair in container.env} | dict(index)
        identity = {
            "FLYTE_INTERNAL_EXECUTION_ID": path.split("/")[0], "FLYTE_ATTEMPT_NUMBER": str(attempt),
            "FLYTE_INTERNAL_IMAGE": container.image, "FLYTE_INTERNAL_VERSION": template.id.version,
        }  # fmt: skip
        env = {**self.env, **identity, **own}
        with (work / "log").open("wb") as log:
            process = warm.start(command, cwd=work, env=env, stdout=log, stderr=log, family="flyte")
            self.on_start(Container(template.id.name, index.get("FLYTE_INDEX", ""), process, work / "log"))
            code = process.wait()
        self.attempts.append((template.id.name, code))
        return code

    def _put(self, uri: str, data: bytes) -> None:
        self._s3.put_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"), Body=data)

    def _get(self, uri: str) -> bytes | None:
        try:
            found = self._s3.get_object(Bucket=BUCKET, Key=uri.removeprefix(f"s3://{BUCKET}/"))
        except ClientError:
            return None
        data: bytes = found["Body"].read()
        return data


def aws_env(s3_endpoint: str) -> dict[str, str]:
    """For flytekit's file system and for everything that uses botocore; programs are found as in the images."""
    return {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_endpoint, "FLYTE_AWS_ENDPOINT": s3_endpoint, "FLYTE_AWS_ACCESS_KEY_ID": "test",
        "FLYTE_AWS_SECRET_ACCESS_KEY": "test",
        warm.FAMILY_VARIABLE: "flyte",
        "PATH": f"{warm.commands()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip


def _in_order(nodes: Any) -> list[Any]:
    """Each after those it needs."""
    left = {node.id: node for node in nodes if node.id not in (_START, "end-node")}
    ordered: list[Any] = []
    while left:
        ready = [n for n in left.values() if not (_needs(n) & left.keys())]
        assert ready, f"nodes that wait for each other: {list(left)}"
        for node in ready:
            ordered.append(left.pop(node.id))
    return ordered


def _needs(node: Any) -> set[str]:
    found = set(node.upstream_node_ids)
    for binding in node.inputs:
        found |= _sources(binding.binding)
    return found - {_START}


def _sources(data: Any) -> set[str]:
    match data.WhichOneof("value"):
        case "promise":
            return {data.promise.node_id}
        case "collection":
            return set().union(*(_sources(part) for part in data.collection.bindings))
        case "map":
            return set().union(*(_sources(part) for part in data.map.bindings.values()))
    return set()


def _chosen(block: Any, inputs: Any) -> Any:
    """The node of the first case that holds, or the last one."""
    for case in (block.case, *block.other):
        compared = case.condition.comparison
        assert case.condition.WhichOneof("expr") == "comparison", f"{case.condition} is not covered"
        assert compared.operator == condition_pb2.ComparisonExpression.EQ, f"{case.condition} is not covered"
        if _operand(compared.left_value, inputs) == _operand(compared.right_value, inputs):
            return case.then_node
    return block.else_node


def _operand(operand: Any, inputs: Any) -> Any:
    found: Any = inputs.literals[operand.var].scalar.primitive if operand.HasField("var") else operand.primitive
    return found


def _bound(bindings: Any, done: Values) -> literals_pb2.LiteralMap:
    return literals_pb2.LiteralMap(literals={b.var: _literal(b.binding, done) for b in bindings})


def _literal(data: Any, done: Values) -> Any:
    match data.WhichOneof("value"):
        case "scalar":
            return literals_pb2.Literal(scalar=data.scalar)
        case "collection":
            parts = [_literal(part, done) for part in data.collection.bindings]
            return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=parts))
        case "map":
            parts = {name: _literal(part, done) for name, part in data.map.bindings.items()}
            return literals_pb2.Literal(map=literals_pb2.LiteralMap(literals=parts))
        case "promise":
            return _attribute(done[data.promise.node_id or _START].literals[data.promise.var], data.promise.attr_path)
    return literals_pb2.Literal()


def _attribute(literal: Any, path: Any) -> Any:
    """What `a.b[0]` of a promise names, as Flyte's engine looks it up: in collections, maps and dataclasses."""
    for number, step in enumerate(path):
        value = step.string_value if step.HasField("string_value") else step.int_value
        if literal.HasField("collection"):
            literal = literal.collection.literals[value]
        elif literal.HasField("map"):
            literal = literal.map.literals[value]
        else:
            found = msgpack.unpackb(literal.scalar.binary.value, strict_map_key=False)
            for rest in path[number:]:
                found = found[rest.string_value if rest.HasField("string_value") else rest.int_value]
            binary = literals_pb2.Binary(value=msgpack.packb(found), tag="msgpack")
            return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))
    return literal
