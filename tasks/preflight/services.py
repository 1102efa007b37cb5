"""The other services that a run talks to: the object store and MLflow; and the images' names."""

import json
import re
import urllib.request
import uuid
from collections.abc import Iterator, Sequence

from tasks.core.store import Store
from tasks.preflight.prerequisite import Prerequisite, Status
from tasks.tracking.address import credentials, log_in

_SECONDS = 10
# A tag has no slash in it, so the colon before a registry's port is not taken for one.
_PINNED = re.compile(r".+(@sha256:[0-9a-f]{64}|:(?!latest$)[\w][\w.-]*)$")


def check_store(data_root: str) -> Iterator[Prerequisite]:
    """Can it be written, read and deleted from?"""
    store, key = Store(data_root), f"preflight/{uuid.uuid4().hex}"
    store.write_bytes(key, b"probe")
    assert store.read_bytes(key) == b"probe"
    store.delete(key)
    yield Prerequisite(
        name="object store", status=Status.OK, detail=f"{data_root}: written, read, deleted"
    )


def check_mlflow(tracking_uri: str) -> Iterator[Prerequisite]:
    """Does the server answer under this name, to this user, and which version is it?"""
    address = log_in(tracking_uri)
    if not address:
        yield Prerequisite(
            name="MLflow",
            status=Status.MISSING,
            detail="no server named",
            todo="give --tracking-uri http://HOST:PORT",
        )
        return
    headers = {"Content-Type": "application/json", **credentials()}
    request = urllib.request.Request(f"{address}/version", headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        version = answer.read().decode().strip()
    body = json.dumps({"max_results": 1}).encode()
    request = urllib.request.Request(
        f"{address}/api/2.0/mlflow/experiments/search", data=body, headers=headers
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):
        yield Prerequisite(
            name="MLflow", status=Status.OK, detail=f"{address} answers, version {version}"
        )


def check_images(images: Sequence[str]) -> Iterator[Prerequisite]:
    """Is every image named by a digest or a tag that means one thing?"""
    if not images:
        yield Prerequisite(
            name="images",
            status=Status.SKIPPED,
            detail="none named",
            todo="--image cpu=NAME:TAG, for each",
            is_required=False,
        )
    for image in images:
        name = image.split("=", 1)[-1]
        is_pinned = bool(_PINNED.fullmatch(name))
        yield Prerequisite(
            name="image",
            status=Status.OK if is_pinned else Status.MISSING,
            detail=name if is_pinned else f"{name}: no tag or digest, or latest",
            todo="name it by a version or digest (images/README.md): runs can then be told apart",
        )
