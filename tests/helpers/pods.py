"""Pods of registered tasks: what the task asks of Kubernetes, in the image that its Dockerfile
makes.

As root a pod is a room: user and group as the pod or the image says, the image's root-owned
folders, emptyDirs, a read-only root. Else (`warm.room.why_none`) it is a process in a folder.
Either way its environment is what image, pod and Flyte give it and nothing else. Not there: limits
of memory and CPU, pulling of images, network policies.
"""

import importlib.metadata
import json
import os
import re
import shlex
import shutil
import sys
import sysconfig
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

from google.protobuf.json_format import MessageToDict

from tests.helpers.dockerfile import read_stages
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.warm import process as warm
from tests.helpers.warm.room import Mount, Room, why_none

PACKAGES = ("rewards", "tasks", "workflows")
Secrets = Mapping[str, Mapping[str, str]]
"""Of the namespace of executions: variables by name of the secret."""
_BASE_PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
_MACHINE = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "TORCHDYNAMO_DISABLE": "1",
    warm.FAMILY_VARIABLE: "flyte",
}
"""What the machine of the tests adds: no network, few cores, processes that start quickly."""
_PROGRAMS, _SERVERS = "/opt/venv/bin", "/opt/venv"


class PodRefusedError(Exception):
    """Kubernetes does not make the pod, or cannot start it."""


@dataclass(frozen=True)
class Image:
    """The last stage of a Dockerfile."""

    env: dict[str, str]
    user: int
    group: int
    work: str


@dataclass(frozen=True)
class Pod:
    """One that a task asks for."""

    spec: dict[str, Any]
    """In Kubernetes' words."""
    container: dict[str, Any]
    """The primary one."""

    @property
    def command(self) -> list[str]:
        return [*self.container.get("command", ()), *self.container.get("args", ())]

    def environment(self, secrets: Secrets) -> dict[str, str]:
        """What the pod itself says.

        Raises:
            PodRefusedError: it names a secret that is not there.
        """
        found: dict[str, str] = {}
        for source in self.container.get("envFrom", ()):
            name = source["secretRef"]["name"]
            if name not in secrets:
                raise PodRefusedError(f'CreateContainerConfigError: secret "{name}" not found')
            found |= secrets[name]
        return found | {one["name"]: one.get("value", "") for one in self.container.get("env", ())}

    def violations(self) -> list[str]:
        """What the restricted Pod Security standard has against it, in Kubernetes' words."""
        own, pods = self.container.get("securityContext", {}), self.spec.get("securityContext", {})
        both = pods | own
        name = self.container["name"]
        lacks = {
            "allowPrivilegeEscalation != false": own.get("allowPrivilegeEscalation") is False,
            "unrestricted capabilities": own.get("capabilities", {}).get("drop") == ["ALL"],
            "runAsNonRoot != true": both.get("runAsNonRoot") is True,
            "seccompProfile": both.get("seccompProfile", {}).get("type")
            in ("RuntimeDefault", "Localhost"),
        }
        return [f'{rule} (container "{name}")' for rule, is_kept in lacks.items() if not is_kept]


def pod_of(template: Any) -> Pod:
    """Of a task's template, as Flyte makes it: from its pod spec, or around its container."""
    if template.HasField("k8s_pod"):
        spec = _whole_numbers(MessageToDict(template.k8s_pod.pod_spec))
        primary = template.config["primary_container_name"]
    else:
        found, primary = template.container, template.id.name
        env = [{"name": pair.key, "value": pair.value} for pair in found.env]
        container = {
            "image": found.image,
            "command": list(found.command),
            "args": list(found.args),
            "env": env,
        }
        spec = {"containers": [{"name": primary, **container}]}
    [container] = [one for one in spec["containers"] if one["name"] == primary]
    return Pod(spec=spec, container=container)


@cache
def image_of(name: str) -> Image:
    """What `images/cpu.Dockerfile` makes, for `registry.example/cpu:1`."""
    kind = re.split("[:@]", name.rsplit("/", 1)[-1])[0]
    last = read_stages((REPO_ROOT / "images" / f"{kind}.Dockerfile").read_text())[-1]
    said = {one.keyword: one.value for one in last.instructions}
    pairs = [
        word.split("=", 1)
        for one in last.instructions
        if one.keyword == "ENV"
        for word in shlex.split(one.value)
    ]
    user, group = said["USER"].split(":")
    env = {key: value.replace("$PATH", _BASE_PATH) for key, value in pairs} | {
        "HOME": "/home/videossr"
    }
    return Image(env=env, user=int(user), group=int(group), work=said["WORKDIR"])


def start(
    pod: Pod, command: list[str], env: Mapping[str, str], folder: Path, code: Path, log: IO[bytes]
) -> warm.WarmProcess:
    """The primary container. `folder` is the pod's own, for its volumes; `code` holds the packages
    of the image."""
    image = image_of(pod.container["image"])
    given = {**image.env, **_MACHINE, **env}
    if why_none():
        work = folder / "work"
        work.mkdir()
        programs = f"{warm.commands()}:{Path(sys.executable).parent}:{_BASE_PATH}"
        given |= {"PATH": programs, "HOME": str(work), "TMPDIR": str(work), "PYTHONPATH": str(code)}
        return warm.start(command, cwd=work, env=given, stdout=log, stderr=log, family="flyte")
    given["PATH"] = given["PATH"].replace(_PROGRAMS, f"{_PROGRAMS}:{Path(sys.executable).parent}")
    work = Path(pod.container.get("workingDir", image.work))
    room = _room(pod, image, folder, code)
    return warm.start(
        command, cwd=work, env=given, stdout=log, stderr=log, family="flyte", room=room
    )


def remove_volumes(folder: Path) -> None:
    """Once the pod has ended."""
    shutil.rmtree(folder / "volumes", ignore_errors=True)
    shutil.rmtree(folder / "root", ignore_errors=True)


def _room(pod: Pod, image: Image, folder: Path, code: Path) -> Room:
    security = pod.spec.get("securityContext", {}) | pod.container.get("securityContext", {})
    user, group = security.get("runAsUser", image.user), security.get("runAsGroup", image.group)
    shared = security.get("fsGroup")
    root, own = folder / "root", folder / "volumes"
    root.mkdir()
    is_read_only = security.get("readOnlyRootFilesystem", False)
    mounts = {
        mount["target"]: mount for mount in [*_image_mounts(own, code, user, group, is_read_only)]
    }
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
    for wish in pod.container.get("volumeMounts", ()):
        source = _volume(volumes[wish["name"]], own, shared)
        target = wish["mountPath"]
        mounts[target] = Mount(
            source=str(source), target=target, is_read_only=wish.get("readOnly", False)
        )
    groups = [] if shared is None else [shared]
    return Room(
        root=str(root),
        mounts=list(mounts.values()),
        is_read_only=is_read_only,
        user=user,
        group=group,
        groups=groups,
    )


def _volume(volume: Mapping[str, Any], own: Path, shared: int | None) -> Path:
    if "hostPath" in volume:
        return Path(volume["hostPath"]["path"])
    assert "emptyDir" in volume, f"{volume} is not covered"
    return _folder(own / volume["name"], 0o2777 if shared is not None else 0o777, 0, shared or 0)


def _image_mounts(own: Path, code: Path, user: int, group: int, is_read_only: bool) -> list[Mount]:
    """What an image has besides the system: root's /app and environment, the user's home, what
    starts quickly."""
    users = _written(
        own / "passwd",
        f"root:x:0:0::/root:/bin/sh\nvideossr:x:{user}:{group}::/home/videossr:/bin/sh\n",
    )
    found = [
        (code / "workflows", "/app/workflows"),
        (users, "/etc/passwd"),
        (warm.commands(), _PROGRAMS),
    ]
    found += [(warm.socket_of(family), f"{_SERVERS}/{family}") for family in ("plain", "flyte")]
    found += [
        (Path(prefix), prefix)
        for prefix in {sys.prefix, os.path.realpath(sys.prefix), sys.base_prefix}
    ]
    found += [(code / name, f"{_installed()}/{name}") for name in PACKAGES]
    if not is_read_only:
        found += [(_folder(own / "image-tmp", 0o1777, 0, 0), "/tmp")]
        found += [(_folder(own / "image-home", 0o755, user, group), "/home/videossr")]
    kept = {"/tmp", "/home/videossr"}
    return [
        Mount(source=str(source), target=target, is_read_only=target not in kept)
        for source, target in found
    ]


@cache
def _installed() -> str:
    """The folder from which this environment imports our packages: in a pod they are the
    image's."""
    places = [
        sysconfig.get_path("purelib")
    ]  # not the checkout, where a build leaves metadata of its own
    found = importlib.metadata.distributions(name="videossr", path=places)
    text = next(filter(None, (one.read_text("direct_url.json") for one in found)), None)
    assert text is not None, "videossr is not installed in the environment of the tests"
    return urllib.parse.unquote(urllib.parse.urlparse(json.loads(text)["url"]).path)


def _folder(path: Path, mode: int, user: int, group: int) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, user, group)
    path.chmod(mode)
    return path


def _written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _whole_numbers(value: Any) -> Any:
    """A protobuf struct has no integers."""
    match value:
        case dict():
            return {key: _whole_numbers(one) for key, one in value.items()}
        case list():
            return [_whole_numbers(one) for one in value]
        case float() if value.is_integer():
            return int(value)
    return value
