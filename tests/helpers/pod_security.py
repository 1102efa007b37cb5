"""The restricted Pod Security standard, field by field: what a namespace that enforces it would
refuse.

https://kubernetes.io/docs/concepts/security/pod-security-standards/, as of Kubernetes 1.34.
"""

from collections.abc import Iterator
from typing import Any

Spec = dict[str, Any]

_VOLUMES = {
    *(
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ),
}
_SECCOMP = ("RuntimeDefault", "Localhost")
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
}
_SELINUX_TYPES = (
    None,
    "",
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
)


def violations(pod: Spec) -> list[str]:
    """What the standard forbids in a pod's spec, one line each; none if a restricted namespace
    takes it."""
    return [
        *_of_the_pod(pod),
        *(line for container in _containers(pod) for line in _of_a_container(container, pod)),
    ]


def _containers(pod: Spec) -> list[Spec]:
    return [
        one
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for one in pod.get(kind, [])
    ]


def _of_the_pod(pod: Spec) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(field):
            yield field
    if pod.get("hostUsers") is True:
        yield "hostUsers"
    for volume in pod.get("volumes", []):
        for kind in volume.keys() - {"name"} - _VOLUMES:
            yield f"volume {volume['name']}: {kind}"
    security = pod.get("securityContext", {})
    for sysctl in security.get("sysctls", []):
        if sysctl["name"] not in _SYSCTLS:
            yield f"sysctl {sysctl['name']}"
    yield from _of_a_context(security, "pod")


def _of_a_context(security: Spec, where: str) -> Iterator[str]:
    """What may stand in either context, and may not have these values."""
    if security.get("windowsOptions", {}).get("hostProcess"):
        yield f"{where}: windowsOptions.hostProcess"
    if security.get("appArmorProfile", {}).get("type", "RuntimeDefault") not in _SECCOMP:
        yield f"{where}: appArmorProfile"
    selinux = security.get("seLinuxOptions", {})
    if selinux.get("type") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{where}: seLinuxOptions"
    if security.get("runAsUser") == 0:
        yield f"{where}: runAsUser"


def _of_a_container(container: Spec, pod: Spec) -> Iterator[str]:
    name, security = container["name"], container.get("securityContext", {})
    yield from _of_a_context(security, name)
    effective = {**pod.get("securityContext", {}), **security}
    if effective.get("runAsNonRoot") is not True:
        yield f"{name}: runAsNonRoot"
    if effective.get("seccompProfile", {}).get("type") not in _SECCOMP:
        yield f"{name}: seccompProfile"
    if security.get("privileged"):
        yield f"{name}: privileged"
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    if security.get("procMount", "Default") != "Default":
        yield f"{name}: procMount"
    capabilities = security.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {
        "NET_BIND_SERVICE"
    }:
        yield f"{name}: capabilities"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{name}: hostPort"
    hooks = [*(container.get(f"{kind}Probe", {}) for kind in ("startup", "readiness", "liveness"))]
    hooks += container.get("lifecycle", {}).values()
    if any(hook.get(kind, {}).get("host") for hook in hooks for kind in ("httpGet", "tcpSocket")):
        yield f"{name}: host of a probe"
