"""What Kubernetes has: GPU nodes, the device plugin, the training operator, storage; a home of its client."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from kubernetes import client, config

from tasks.preflight.finding import Finding, Status

_GPU = "nvidia.com/gpu"
_TRAINING = "pytorchjobs.kubeflow.org"
_SECONDS = 10


def check_cluster(*, namespace: str, gpus_per_node: int) -> Iterator[Finding]:
    """With the credentials of the pod, or of the user's kubeconfig."""
    load: Any = config  # its functions have no types
    try:
        load.load_incluster_config()
    except config.ConfigException:
        load.load_kube_config()
    core: Any = client.CoreV1Api()
    nodes = core.list_node(_request_timeout=_SECONDS).items
    yield Finding(name="Kubernetes", status=Status.OK, detail=f"answers, {len(nodes)} nodes")
    yield _gpus(nodes, gpus_per_node)
    yield _namespace([found.metadata.name for found in core.list_namespace(_request_timeout=_SECONDS).items], namespace)
    yield _training_operator()
    yield _storage()


def _gpus(nodes: Sequence[Any], wanted: int) -> Finding:
    found = Counter(int((node.status.allocatable or {}).get(_GPU, 0)) for node in nodes)
    largest = max(found, default=0)
    detail = ", ".join(f"{number} nodes with {gpus}" for gpus, number in sorted(found.items(), reverse=True) if gpus)
    return Finding(
        name="GPUs",
        status=Status.OK if largest >= wanted else Status.MISSING,
        detail=detail or f"no node offers {_GPU}",
        todo=f"install the GPU operator (device plugin), or lower train's gpus ({wanted}) in the deployment",
    )


def _namespace(names: list[str], wanted: str) -> Finding:
    return Finding(
        name="namespace",
        status=Status.OK if wanted in names else Status.MISSING,
        detail=wanted,
        todo="Flyte makes it when project and domain are made",
    )


def _training_operator() -> Finding:
    extensions: Any = client.ApiextensionsV1Api()
    listed = extensions.list_custom_resource_definition(_request_timeout=_SECONDS).items
    has = any(found.metadata.name == _TRAINING for found in listed)
    return Finding(
        name="training operator",
        status=Status.OK if has else Status.MISSING,
        detail=_TRAINING,
        todo="wanted only for training on more than one node",
        is_required=False,
    )


def _storage() -> Finding:
    storage: Any = client.StorageV1Api()
    classes = storage.list_storage_class(_request_timeout=_SECONDS).items
    marks = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
    default = [c.metadata.name for c in classes if any((c.metadata.annotations or {}).get(m) == "true" for m in marks)]
    return Finding(
        name="storage class",
        status=Status.OK if default else Status.MISSING,
        detail=f"{default[0]} is the default" if default else f"none of {len(classes)} is the default",
        todo="name one in mlflow.persistence, or keep MLflow's data in PostgreSQL and an object store",
        is_required=False,
    )
