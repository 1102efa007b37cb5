"""What `pyflyte package` would register, as text that a person can read and a test can compare."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from google.protobuf import json_format

_SPECS = {"1": task_pb2.TaskSpec, "2": workflow_pb2.WorkflowSpec, "3": launch_plan_pb2.LaunchPlan}


def registered_text(package: Path) -> str:
    """One block a task, workflow or launch plan, by kind and name."""
    with tarfile.open(package) as archive:
        specs = [
            _SPECS[member.name[-4]].FromString(found.read())
            for member in archive.getmembers()
            if (found := archive.extractfile(member)) is not None
        ]
    return "\n".join(sorted("\n".join(_lines(spec)) + "\n" for spec in specs))


def _lines(spec: Any) -> Iterator[str]:
    if isinstance(spec, task_pb2.TaskSpec):
        yield from _task(spec.template)
    elif isinstance(spec, workflow_pb2.WorkflowSpec):
        yield f"workflow {spec.template.id.name}"
        yield f"  {_signature(spec.template.interface)}"
        yield f"  {len(spec.template.nodes)} nodes"
        if spec.template.HasField("failure_node"):
            yield f"  on failure {spec.template.failure_node.task_node.reference_id.name}"
    else:
        yield f"launch plan {spec.id.name}"
        yield from _launch_plan(spec.spec)


def _task(task: Any) -> Iterator[str]:
    yield f"task {task.id.name}"
    yield f"  {_signature(task.interface)}"
    pod = json_format.MessageToDict(task.k8s_pod.pod_spec)
    (container,) = pod["containers"]
    requests = sorted(container["resources"]["requests"].items())
    yield f"  {', '.join(f'{name} {value}' for name, value in requests)}"
    extended = task.extended_resources
    if extended.HasField("shared_memory"):
        yield f"  shared memory {extended.shared_memory.size_limit}"
    if extended.gpu_accelerator.device:
        yield f"  accelerator {extended.gpu_accelerator.device}"
    retries, minutes = task.metadata.retries.retries, task.metadata.timeout.seconds // 60
    kind = "interruptible" if task.metadata.interruptible else "not interruptible"
    limit = f"{minutes} minutes" if minutes else "no limit of its own"
    yield f"  image {container['image']}, {retries} retries, {limit}, {kind}"
    yield (
        "  taints tolerated: "
        f"{', '.join(one['key'] for one in pod.get('tolerations', [])) or 'none'}"
    )


def _launch_plan(spec: Any) -> Iterator[str]:
    yield f"  of {spec.workflow_id.name}"
    for name, literal in sorted(spec.fixed_inputs.literals.items()):
        yield f"  fixed {name} = {literal.scalar.primitive.string_value}"
    for name, parameter in sorted(spec.default_inputs.parameters.items()):
        if parameter.HasField("default"):
            yield f"  default {name} = {parameter.default.scalar.primitive.string_value}"
    schedule = spec.entity_metadata.schedule
    if schedule.HasField("cron_schedule"):
        yield f"  schedule {schedule.cron_schedule.schedule}"
    if spec.HasField("concurrency_policy"):
        yield (
            f"  at most {spec.concurrency_policy.max} at once, behavior "
            f"{spec.concurrency_policy.behavior}"
        )


def _signature(interface: Any) -> str:
    return (
        f"({', '.join(sorted(interface.inputs.variables))}) -> "
        f"({', '.join(sorted(interface.outputs.variables))})"
    )
