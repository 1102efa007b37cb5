"""What Kubernetes has for the executions, compared with what the deployment asks for."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from tasks.deployment.profile import Deployment
from tasks.preflight.capacity import asks, check_nodes, check_quotas
from tasks.preflight.kube import Kubernetes
from tasks.preflight.prerequisite import Prerequisite, Status, run_check
from tasks.preflight.propeller import Propeller, placed, read_propeller

_TRAINING = "pytorchjobs.kubeflow.org"
_RIGHTS = "give a kubeconfig (KUBECONFIG) of someone who may ask"


def check_cluster(
    kube: Kubernetes, deployment: Deployment, *, namespace: str, flyte_namespace: str
) -> Iterator[Prerequisite]:
    """`namespace` is the executions'. What a user may not read costs the line that needs it, and no
    other."""
    yield Prerequisite(name="Kubernetes", status=Status.OK, detail=f"answers, {kube.version()}")
    propeller = _propeller(kube, flyte_namespace)
    yield from run_check("nodes", partial(_nodes, kube, deployment, propeller), _RIGHTS)
    yield from run_check("training operator", partial(_training, kube, deployment), _RIGHTS)
    yield from _plugin(deployment, propeller, flyte_namespace)
    yield from run_check("storage class", partial(_storage, kube), _RIGHTS)
    # Quotas, secrets and claims lie in it, and would be missed line by line without it.
    if not kube.has_namespace(namespace):
        todo = "Flyte makes it when project and domain are made"
        yield Prerequisite(name="namespace", status=Status.MISSING, detail=namespace, todo=todo)
        return
    yield Prerequisite(name="namespace", status=Status.OK, detail=namespace)
    yield from run_check("quotas", partial(_quotas, kube, deployment, namespace), _RIGHTS)
    yield from _named_things(kube, deployment, namespace)


def _propeller(kube: Kubernetes, flyte_namespace: str) -> Propeller:
    """Its defaults where its configuration is not to be read: `_plugin` says so where that
    matters."""
    try:
        return read_propeller(kube.config_maps(flyte_namespace))
    except ConnectionError:
        return Propeller()


def _nodes(
    kube: Kubernetes, deployment: Deployment, propeller: Propeller
) -> Iterator[Prerequisite]:
    stages = deployment.stages
    return check_nodes(
        [placed(ask, stages[ask.kind], propeller) for ask in asks(stages)], kube.nodes()
    )


def _training(kube: Kubernetes, deployment: Deployment) -> Iterator[Prerequisite]:
    yield Prerequisite(
        name="training operator",
        status=Status.OK if kube.has_definition(_TRAINING) else Status.MISSING,
        detail=_TRAINING,
        todo="wanted for training on more than one node: install Kubeflow's training operator",
        is_required=deployment.stages["train"].nodes > 1,
    )


def _plugin(
    deployment: Deployment, propeller: Propeller, flyte_namespace: str
) -> Iterator[Prerequisite]:
    """An empty list enables all of them."""
    if deployment.stages["train"].nodes == 1:
        return
    todo = (
        "see that tasks.task-plugins.enabled-plugins of flytepropeller's configuration has pytorch"
    )
    if propeller.plugins is None:
        status = Status.UNREACHABLE
        detail = (
            f"no ConfigMap of {flyte_namespace} that this user may read tells them "
            "(--flyte-namespace)"
        )
    else:
        has = not propeller.plugins or "pytorch" in propeller.plugins
        status, detail = (
            Status.OK if has else Status.MISSING,
            f"enabled: {', '.join(propeller.plugins) or 'all'}",
        )
    is_required = status is Status.MISSING
    yield Prerequisite(
        name="plugins", status=status, detail=detail, todo=todo, is_required=is_required
    )


def _storage(kube: Kubernetes) -> Iterator[Prerequisite]:
    classes = [found["metadata"] for found in kube.storage_classes()]
    # The annotation was beta at first, and Kubernetes still goes by that name too.
    marks = (
        "storageclass.kubernetes.io/is-default-class",
        "storageclass.beta.kubernetes.io/is-default-class",
    )
    default = [
        c["name"]
        for c in classes
        if any(c.get("annotations", {}).get(mark) == "true" for mark in marks)
    ]
    yield Prerequisite(
        name="storage class",
        status=Status.OK if default else Status.MISSING,
        detail=f"{default[0]} is the default"
        if default
        else f"none of {len(classes)} is the default",
        todo="name one in mlflow.persistence, or keep MLflow's data in PostgreSQL and an object "
        "store",
        is_required=False,
    )


def _quotas(kube: Kubernetes, deployment: Deployment, namespace: str) -> Iterator[Prerequisite]:
    # As the stages ask: the labels and tolerations that Flyte adds are nothing to a quota.
    rules = kube.quotas(namespace), kube.limit_ranges(namespace)
    yield from check_quotas(asks(deployment.stages), *rules, namespace)


def _named_things(
    kube: Kubernetes, deployment: Deployment, namespace: str
) -> Iterator[Prerequisite]:
    """What the deployment names and somebody else makes."""
    pods = deployment.pods
    claims = [
        volume.get("persistentVolumeClaim", {}).get("claimName", "") for volume in pods.volumes
    ]
    classes = [needs.priority_class for needs in deployment.stages.values()]
    by_chart = "charts/videossr makes it"
    rows: list[tuple[str, Sequence[str], Callable[[str], bool], str]] = [
        (
            "secrets",
            pods.secrets,
            lambda name: kube.has_secret(name, namespace),
            f"make it in {namespace}",
        ),
        (
            "service account",
            [pods.service_account],
            lambda name: kube.has_service_account(name, namespace),
            by_chart,
        ),
        (
            "volume claims",
            claims,
            lambda name: kube.has_claim(name, namespace),
            f"make it in {namespace}",
        ),
        ("priority classes", classes, kube.has_priority_class, by_chart),
    ]
    for what, names, has, todo in rows:
        named = sorted({name for name in names if name})
        yield from run_check(what, partial(_there, what, named, has, todo), _RIGHTS)


def _there(
    what: str, names: Sequence[str], has: Callable[[str], bool], todo: str
) -> Iterator[Prerequisite]:
    lost = [name for name in names if not has(name)]
    for name in lost:
        yield Prerequisite(
            name=what, status=Status.MISSING, detail=f"{name} is not there", todo=todo
        )
    if names and not lost:
        yield Prerequisite(name=what, status=Status.OK, detail=", ".join(names))
