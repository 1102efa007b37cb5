"""The pod of a stage: what the restricted Pod Security standard asks of it, what it may write to,
what it is given.

In Kubernetes' own words, and made when tasks are registered: on a laptop that only runs them
nothing of it is needed.
"""

from functools import cached_property
from typing import Any

from flytekit import PodTemplate

from tasks.core.digest import digest_of
from tasks.deployment.profile import DEPLOYMENT_VARIABLE, Deployment, Needs, Toleration, travelling

PRIMARY_CONTAINER = "primary"
HOME = "/home/videossr"
"""Working directory, too: the root of the images is read-only, and `pyflyte run --copy all` unpacks
where it starts."""
_WRITABLE = {"home": HOME, "tmp": "/tmp"}
# The user that the images make and run as.
_USER = 10001
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": _USER,
    "runAsGroup": _USER,
    "fsGroup": _USER,
    # Otherwise the owner of every file of a volume is set again at each start.
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
DIGEST = "videossr/deployment"
"""The annotation that tells pods of one deployment from those of another; flytekit's version of
what is started by hand (`pyflyte run --remote`) counts it, so that a changed number is a new
version."""


class StagePod(PodTemplate):  # type: ignore[misc]
    """flytekit's pod template, whose spec is made when it is asked for: Kubernetes' client is
    hundreds of modules."""

    def __init__(self, needs: Needs, deployment: Deployment) -> None:
        self.needs = needs
        self.pods = deployment.pods
        self.primary_container_name = PRIMARY_CONTAINER
        self.labels = {**self.pods.labels}
        self.annotations = {DIGEST: digest_of(travelling(deployment)), **self.pods.annotations}

    @cached_property
    def pod_spec(self) -> Any:
        from kubernetes import client

        # Its types are of objects, all of which may be mappings as the API has them: those need no
        # translation.
        kubernetes: Any = client
        needs, pods = self.needs, self.pods
        mounts = [{"name": name, "mountPath": path} for name, path in _WRITABLE.items()]
        container = kubernetes.V1Container(
            name=PRIMARY_CONTAINER,
            working_dir=HOME,
            env_from=[{"secretRef": {"name": name}} for name in pods.secrets] or None,
            security_context=_CONTAINER_SECURITY,
            volume_mounts=[*mounts, *pods.mounts],
        )
        return kubernetes.V1PodSpec(
            containers=[container],
            # No stage asks Kubernetes for anything, so no pod needs the key to it.
            automount_service_account_token=False,
            node_selector=needs.node_selector or None,
            priority_class_name=needs.priority_class or None,
            security_context=_POD_SECURITY,
            service_account_name=pods.service_account or None,
            termination_grace_period_seconds=needs.grace_seconds,
            tolerations=[_toleration(one) for one in needs.tolerations] or None,
            volumes=[*({"name": name, "emptyDir": {}} for name in _WRITABLE), *pods.volumes],
        )


def pod_environment(needs: Needs, deployment: Deployment) -> dict[str, str]:
    """Variables of a stage: the deployment itself, a home that can be written to, threads, what it
    is given besides."""
    threads = {
        "OMP_WAIT_POLICY": "PASSIVE"
    }  # those that wait by spinning take the processor from those that work
    if (
        not needs.gpus
    ):  # libraries would start one for each processor of the node, of which the pod has a few
        threads["OMP_NUM_THREADS"] = str(needs.num_processors)
    return {
        "HOME": HOME,
        **threads,
        # Behind ours, so that a deployment may say otherwise.
        **deployment.pods.env,
        DEPLOYMENT_VARIABLE: travelling(deployment),
    }


def _toleration(one: Toleration) -> dict[str, Any]:
    found = {"key": one.key, "operator": one.operator, "value": one.value, "effect": one.effect}
    return {name: value for name, value in found.items() if value}
