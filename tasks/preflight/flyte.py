"""Flyte's admin service: whether it answers, what it knows, and what it lets tasks ask for.

It refuses tasks that ask for more than its limits when they are registered, and has no call that
tells the limits. So a task is registered that asks for as much as the deployment's largest stage: a
probe, of one resource. It is harmless: no workflow holds it, nothing starts it, and its version
says what it is, so that asking again registers nothing. What is refused is not kept at all.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any

import grpc
from flyteidl.admin import (
    matchable_resource_pb2,
    project_domain_attributes_pb2,
    project_pb2,
    task_pb2,
)
from flyteidl.core import identifier_pb2, interface_pb2, tasks_pb2

from tasks.core.errors import causes
from tasks.deployment.flyte import refusal
from tasks.preflight.capacity import GPU, Ask
from tasks.preflight.kube import quantity
from tasks.preflight.prerequisite import Prerequisite, Status, run_check

PROBE = "videossr.preflight"
_RESOURCES = {
    "cpu": tasks_pb2.Resources.CPU,
    "memory": tasks_pb2.Resources.MEMORY,
    GPU: tasks_pb2.Resources.GPU,
}
_LIMIT = re.compile(r"greater than current limit set in the platform configuration \[([^]]+)\]")
"""The words of flyteadmin 1.16 (`validation/task_validator.go`)."""
_NOTHING = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.ALREADY_EXISTS)


def ask(client: Any, method: Callable[[Any], Any], request: Any) -> Any | None:
    """The answer; None if what is asked for is not there, or what is to be made is there already.

    Raises:
        ValueError: Flyte finds something wrong with the request; its words.
        ConnectionError: it does not answer, or not to this user; with its address and its words.
    """
    try:
        return method(request)
    except Exception as error:
        answer = refusal(error)
        if answer is None:
            *_, origin = causes(error)  # the client puts it behind words of its own
            first_line = (str(origin).strip() or type(origin).__name__).splitlines()[0]
            raise ConnectionError(f"{client.url}: {first_line}") from error
        if answer.code() in _NOTHING:
            return None
        if answer.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise ValueError(answer.details()) from error
        raise ConnectionError(f"{client.url}: {answer.code().name}, {answer.details()}") from error


def check_flyte(
    client: Any, asks: Sequence[Ask], *, project: str, domain: str
) -> Iterator[Prerequisite]:
    """Does the admin service answer to this user, does it know project and domain, does it grant
    what stages ask?"""
    listed = ask(client, client.raw.list_projects, project_pb2.ProjectListRequest(limit=1000))
    found = listed.projects if listed else []
    yield Prerequisite(
        name="Flyte", status=Status.OK, detail=f"{client.url} answers, {len(found)} projects"
    )
    domains = {known.id: [one.id for one in known.domains] for known in found}
    has_both = domain in domains.get(project, [])
    yield Prerequisite(
        name="project and domain",
        status=Status.OK if has_both else Status.MISSING,
        detail=f"{project}/{domain}"
        if has_both
        else f"no {project}/{domain} among {', '.join(sorted(domains))}",
        todo=f"flytectl create project --id {project} --name {project}",
    )
    if has_both:
        limits = partial(check_limits, client, asks, project=project, domain=domain)
        yield from run_check("limits", limits, "see that this user may register tasks")


def check_limits(
    client: Any, asks: Sequence[Ask], *, project: str, domain: str
) -> Iterator[Prerequisite]:
    """One line for each resource of which a stage asks for more than Flyte grants; one if all are
    granted."""
    refused = 0
    for resource in _RESOURCES:
        # What the largest is granted, all others are: one probe for each resource is enough.
        largest = max(asks, key=lambda one: one.least(resource))
        amount = largest.amounts.get(resource)
        words = _register(client, resource, amount, project, domain) if amount else ""
        if words:
            refused += 1
            yield _refused(resource, asks, words, _where(client, resource, project, domain))
    if not refused:
        yield Prerequisite(
            name="limits", status=Status.OK, detail="Flyte grants what every stage asks for"
        )


def _register(client: Any, resource: str, amount: str, project: str, domain: str) -> str:
    """Flyte's words if it refuses a task that asks for this; empty if it takes it, or has it."""
    try:
        ask(client, client.raw.create_task, _probe(resource, amount, project, domain))
    except ValueError as error:
        return str(error)
    return ""


def _probe(resource: str, amount: str, project: str, domain: str) -> task_pb2.TaskCreateRequest:
    entry = [tasks_pb2.Resources.ResourceEntry(name=_RESOURCES[resource], value=amount)]
    runtime = tasks_pb2.RuntimeMetadata(
        type=tasks_pb2.RuntimeMetadata.FLYTE_SDK, version="preflight", flavor="python"
    )
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


def _refused(resource: str, asks: Sequence[Ask], words: str, where: str) -> Prerequisite:
    limit = _LIMIT.search(words)
    if limit is None:
        return Prerequisite(
            name="limits",
            status=Status.MISSING,
            detail=words.splitlines()[0][:200],
            todo="see flyteadmin",
        )
    # Flyte compares whole cores and bytes.
    above = [one for one in asks if ceil(one.least(resource)) > ceil(quantity(limit[1]))]
    largest = max(above, key=lambda one: one.least(resource)).amounts[resource]
    wanted = ", ".join(f"{one.kind} {one.amounts[resource]}" for one in above)
    return Prerequisite(
        name="limits",
        status=Status.MISSING,
        detail=f"Flyte grants a task at most {limit[1]} {resource}; wanted by {wanted}",
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
