"""Flyte's limits of what a task may ask for: it refuses larger ones when they are registered.

The admin service has no call that tells them, so a task is registered that asks for as much as the deployment's
largest stage: a probe, of one resource. It is harmless: no workflow holds it, nothing starts it, and its version says
what it is, so that asking again registers nothing. What is refused is not kept at all.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

from flyteidl.admin import matchable_resource_pb2, project_domain_attributes_pb2, task_pb2
from flyteidl.core import identifier_pb2, interface_pb2, tasks_pb2

from tasks.preflight.asks import GPU, Ask
from tasks.preflight.finding import Finding, Status
from tasks.preflight.flyte import ask
from tasks.preflight.kube import quantity

PROBE = "videossr.preflight"
_RESOURCES = {
    "cpu": tasks_pb2.Resources.CPU,
    "memory": tasks_pb2.Resources.MEMORY,
    GPU: tasks_pb2.Resources.GPU,
}
_LIMIT = re.compile(r"greater than current limit set in the platform configuration \[([^]]+)\]")
"""The words of flyteadmin 1.16 (`validation/task_validator.go`)."""


def check_limits(client: Any, asks: Sequence[Ask], *, project: str, domain: str) -> Iterator[Finding]:
    """One line for each resource of which a stage asks for more than Flyte grants; one if all are granted."""
    refused = 0
    for resource in _RESOURCES:
        largest = max(asks, key=lambda one: one.least(resource))
        amount = largest.amounts.get(resource)
        words = _register(client, resource, amount, project, domain) if amount else ""
        if words:
            refused += 1
            yield _refused(resource, asks, words, _where(client, resource, project, domain))
    if not refused:
        yield Finding(name="limits", status=Status.OK, detail="Flyte grants what every stage asks for")


def _register(client: Any, resource: str, amount: str, project: str, domain: str) -> str:
    """Flyte's words if it refuses a task that asks for this; empty if it takes it, or has it."""
    try:
        ask(client, client.raw.create_task, _probe(resource, amount, project, domain))
    except ValueError as error:
        return str(error)
    return ""


def _probe(resource: str, amount: str, project: str, domain: str) -> task_pb2.TaskCreateRequest:
    entry = [tasks_pb2.Resources.ResourceEntry(name=_RESOURCES[resource], value=amount)]
    runtime = tasks_pb2.RuntimeMetadata(type=tasks_pb2.RuntimeMetadata.FLYTE_SDK, version="preflight", flavor="python")
    template = tasks_pb2.TaskTemplate(
        type="python-task",
        metadata=tasks_pb2.TaskMetadata(runtime=runtime),
        interface=interface_pb2.TypedInterface(),
        container=tasks_pb2.Container(
            image="videossr/preflight:never-started",
            resources=tasks_pb2.Resources(requests=entry, limits=entry),
        ),
    )
    digest = hashlib.sha256(template.SerializeToString(deterministic=True)).hexdigest()[:8]
    template.id.CopyFrom(
        identifier_pb2.Identifier(
            resource_type=identifier_pb2.TASK,
            project=project,
            domain=domain,
            name=PROBE,
            version=f"{resource.rpartition('/')[2]}-{amount}-{digest}",
        )
    )
    return task_pb2.TaskCreateRequest(id=template.id, spec=task_pb2.TaskSpec(template=template))


def _refused(resource: str, asks: Sequence[Ask], words: str, where: str) -> Finding:
    found = _LIMIT.search(words)
    if found is None:
        return Finding(name="limits", status=Status.MISSING, detail=words.splitlines()[0][:200], todo="see flyteadmin")
    # Flyte compares whole cores and bytes.
    above = [one for one in asks if ceil(one.least(resource)) > ceil(quantity(found[1]))]
    largest = max(above, key=lambda one: one.least(resource)).amounts[resource]
    wanted = ", ".join(f"{one.kind} {one.amounts[resource]}" for one in above)
    return Finding(
        name="limits",
        status=Status.MISSING,
        detail=f"Flyte grants a task at most {found[1]} {resource}; wanted by {wanted}",
        todo=f"raise {where} to {largest} at least",
    )


def _where(client: Any, resource: str, project: str, domain: str) -> str:
    """Project and domain may have limits of their own, which stand for all of the platform's."""
    request = project_domain_attributes_pb2.ProjectDomainAttributesGetRequest(
        project=project, domain=domain, resource_type=matchable_resource_pb2.TASK_RESOURCE
    )
    short = resource.rpartition("/")[2]
    if ask(client, client.raw.get_project_domain_attributes, request) is None:
        return f"task_resources.limits.{short} in flyteadmin's configuration"
    return f"limits.{short} of {project}/{domain} (flytectl update task-resource-attribute)"
