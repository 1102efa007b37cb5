"""The services that a run talks to: Flyte, the object store, MLflow, the images' names."""

import json
import re
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from flyteidl.admin import project_pb2

from tasks.core.store import Store
from tasks.preflight.asks import Ask
from tasks.preflight.finding import Finding, Status, run_check
from tasks.preflight.flyte import ask
from tasks.preflight.limits import check_limits
from tasks.tracking.address import credentials, log_in

_SECONDS = 10
_PINNED = re.compile(r".+(@sha256:[0-9a-f]{64}|:(?!latest$)[\w][\w.-]*)$")


def check_flyte(client: Any, asks: Sequence[Ask], *, project: str, domain: str) -> Iterator[Finding]:
    """Does the admin service answer to this user, does it know project and domain, does it grant what stages ask?"""
    listed = ask(client, client.raw.list_projects, project_pb2.ProjectListRequest(limit=1000))
    found = listed.projects if listed else []
    yield Finding(name="Flyte", status=Status.OK, detail=f"{client.url} answers, {len(found)} projects")
    domains = {known.id: [one.id for one in known.domains] for known in found}
    has_both = domain in domains.get(project, [])
    yield Finding(
        name="project and domain",
        status=Status.OK if has_both else Status.MISSING,
        detail=f"{project}/{domain}" if has_both else f"no {project}/{domain} among {', '.join(sorted(domains))}",
        todo=f"flytectl create project --id {project} --name {project}",
    )
    if has_both:
        limits = partial(check_limits, client, asks, project=project, domain=domain)
        yield from run_check("limits", limits, "see that this user may register tasks")


def check_store(data_root: str) -> Iterator[Finding]:
    """Can it be written, read and deleted from?"""
    store, key = Store(data_root), f"preflight/{uuid.uuid4().hex}"
    store.write_bytes(key, b"probe")
    assert store.read_bytes(key) == b"probe"
    store.delete(key)
    yield Finding(name="object store", status=Status.OK, detail=f"{data_root}: written, read, deleted")


def check_mlflow(tracking_uri: str) -> Iterator[Finding]:
    """Does the server answer under this name, to this user, and which version is it?"""
    address = log_in(tracking_uri)
    if not address:
        yield Finding(
            name="MLflow", status=Status.MISSING, detail="no server named", todo="give --tracking-uri http://HOST:PORT"
        )
        return
    headers = {"Content-Type": "application/json", **credentials()}
    request = urllib.request.Request(f"{address}/version", headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        version = answer.read().decode().strip()
    body = json.dumps({"max_results": 1}).encode()
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/search", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS):
        yield Finding(name="MLflow", status=Status.OK, detail=f"{address} answers, version {version}")


def check_images(images: Sequence[str]) -> Iterator[Finding]:
    """Is every image named by a digest or a tag that means one thing?"""
    if not images:
        yield Finding(
            name="images",
            status=Status.SKIPPED,
            detail="none named",
            todo="--image cpu=NAME:TAG, for each",
            is_required=False,
        )
    for image in images:
        name = image.split("=", 1)[-1]
        is_pinned = bool(_PINNED.fullmatch(name))
        yield Finding(
            name="image",
            status=Status.OK if is_pinned else Status.MISSING,
            detail=name if is_pinned else f"{name}: no tag or digest, or latest",
            todo="name it by a version or digest (images/README.md), so that runs can be told apart",
        )
