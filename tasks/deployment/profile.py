"""What each kind of stage needs on a cluster, and what the launch plans start: one typed place for
all.

A deployment changes it without editing code: the environment variable VIDEOSSR_DEPLOYMENT is JSON,
or names a file of it, read when the workflows are registered, e.g. {"size": "small", "stages":
{"train": {"gpus": 4}}}. Every registered task carries it on in its own environment: what a dynamic
starts is compiled in a pod, where no such file is.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tasks.core.checks import NAME, Rule, at_least, check, shown
from tasks.core.errors import InputError
from tasks.core.overrides import changed, read_overrides
from tasks.core.redact import redact
from tasks.core.strict_json import read_object

DEPLOYMENT_VARIABLE = "VIDEOSSR_DEPLOYMENT"
_QUANTITY = Rule(
    lambda text: re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?(m|[kMGTP]|[KMGTP]i)?", text) is not None,
    'a quantity of Kubernetes such as "4", "500m" or "16Gi"',
)
_CPU = Rule(
    lambda text: re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3}|m)?", text) is not None,
    'a number of processors such as "4" or "500m"',
)
_QUANTITY_OR_NONE = Rule(
    lambda text: text == "" or _QUANTITY.holds(text), f"{_QUANTITY.expected}, or nothing"
)
_CRON = Rule(
    lambda text: (
        re.fullmatch(r"@[a-z]+|([0-9A-Za-z*/,?#-]+ ){4}[0-9A-Za-z*/,?#-]+", text) is not None
    ),
    'five fields as cron has them, such as "0 2 * * *"',
)
_VARIABLE = Rule(
    lambda text: re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is not None,
    'the name of a variable, such as "HF_HOME"',
)
_RATIO = Rule(lambda ratio: 0 < ratio <= 1, "a number above 0, at most 1")
_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|ACCESS_KEY|ACCESS_KEY_ID|API_KEY)$")


@dataclass(frozen=True, kw_only=True)
class Toleration:
    """Lets pods onto nodes with a taint; Kubernetes' words."""

    key: str
    operator: str = "Exists"
    value: str = ""
    effect: str = "NoSchedule"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Of one kind of stage. Quantities are Kubernetes' ("4", "500m", "16Gi"); requests and limits
    are the same."""

    cpu: str = "1"
    memory: str = "2Gi"
    gpus: int = 0
    """Of one node."""
    nodes: int = 1
    """Nodes that train together, each with all of this; only for `train`. From two on, Kubeflow's
    training operator starts them, and the data root must be one that all of them see."""
    accelerator: str = ""
    """Kind of GPU as the nodes are labelled, e.g. "nvidia-h100"; empty for any."""
    shared_memory: str = ""
    """Of /dev/shm; empty for the node's default."""
    image: str = "cpu"
    """Name of the image given at registration: `--image cpu=...`."""
    retries: int = 2
    """Of errors that may pass; bad input is never tried again."""
    interruptible: bool = True
    """May run on nodes that are taken away; every stage goes on where it stopped."""
    timeout_minutes: int = 120
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()
    priority_class: str = ""
    """Of Kubernetes; empty for the namespace's default."""
    grace_seconds: int = 60
    """From the word that a pod must go to its end: training writes a checkpoint in it."""

    def __post_init__(self) -> None:
        check(self, _CPU, "cpu")
        check(self, _QUANTITY, "memory")
        check(self, _QUANTITY_OR_NONE, "shared_memory")
        check(self, at_least(0, most=64), "gpus")
        check(self, at_least(1, most=4096), "nodes")
        check(self, at_least(0, most=100), "retries")
        check(self, at_least(1, most=90 * 24 * 60), "timeout_minutes")
        check(self, at_least(0, most=24 * 60 * 60), "grace_seconds")
        check(self, NAME, "image")

    @property
    def num_processors(self) -> int:
        """Whole ones, at least one: "500m" and "1.5" are one."""
        cores = float(self.cpu[:-1]) / 1000 if self.cpu.endswith("m") else float(self.cpu)
        return max(1, int(cores))


@dataclass(frozen=True, kw_only=True)
class Pods:
    """What the pods of all stages are given besides. Nothing secret: secrets are named."""

    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Of the executions' namespace; their keys become environment variables (AWS_ACCESS_KEY_ID,
    ...)."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    service_account: str = ""
    """Empty for the one that Flyte gives the execution."""
    volumes: tuple[dict[str, Any], ...] = ()
    """In Kubernetes' words: {"name": "cache", "persistentVolumeClaim": {"claimName":
    "hub-cache"}}."""
    mounts: tuple[dict[str, Any], ...] = ()
    """Of those volumes, in Kubernetes' words: {"name": "cache", "mountPath": "/cache"}."""

    def __post_init__(self) -> None:
        kept = [
            name for name in self.env if name == DEPLOYMENT_VARIABLE or not _VARIABLE.holds(name)
        ]
        if kept:
            raise ValueError(
                f"env: got {shown(kept[0])}, expected {_VARIABLE.expected}, and not "
                f"{DEPLOYMENT_VARIABLE}"
            )
        secret = [
            name
            for name, value in self.env.items()
            if redact(value) != value or _SECRET.search(name)
        ]
        if secret:
            raise ValueError(
                f"env: {secret[0]} looks like a secret, which Flyte would keep and show: put it "
                "into a secret of the executions' namespace and name that in pods.secrets"
            )
        names = {volume.get("name") for volume in self.volumes}
        lost = [mount.get("name") for mount in self.mounts if mount.get("name") not in names]
        if lost:
            raise ValueError(
                f"mounts: got {shown(lost[0])}, expected the name of one of pods.volumes"
            )


@dataclass(frozen=True, kw_only=True)
class Nightly:
    """What the scheduled launch plan starts. The defaults are the chart's."""

    cron: str = "0 2 * * *"
    arrival_cron: str = "*/15 * * * *"
    """How often retrain_on_arrival looks for new videos."""
    videos: str = "s3://videossr/videos"
    data_root: str = "s3://videossr/data"
    tracking_uri: str = "http://videossr-mlflow:5000"
    preset: str = "videossr_8b"
    overrides: str = "{}"

    def __post_init__(self) -> None:
        check(self, _CRON, "cron", "arrival_cron")
        check(self, NAME, "videos", "data_root", "tracking_uri", "preset")
        read_overrides(self.overrides)
        if redact(self.tracking_uri) != self.tracking_uri:
            raise ValueError(
                f"tracking_uri: got {redact(self.tracking_uri)!r}, expected an address without a "
                "password, which Flyte would keep and show: give MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD to the pods"
            )


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything that a cluster decides."""

    size: str = "node"
    """Which numbers `stages` changes: a key of `SIZES`."""
    stages: dict[str, Needs]
    """By kind, the same in every size."""
    pods: Pods = field(default_factory=Pods)
    nightly: Nightly = field(default_factory=Nightly)
    min_success_ratio: float = 0.95
    """Least share of ingest's shards that must end well; the videos of the others are listed with
    that reason."""

    def __post_init__(self) -> None:
        check(self, _RATIO, "min_success_ratio")
        for kind, needs in self.stages.items():
            if needs.nodes != 1 and kind != "train":
                raise ValueError(
                    f"stages.{kind}.nodes: got {needs.nodes}, expected 1, or more of train alone"
                )


_GPU_NODES = (Toleration(key="nvidia.com/gpu"),)
SIZES: dict[str, dict[str, Needs]] = {
    "node": {
        "light": Needs(timeout_minutes=60),
        "cpu": Needs(cpu="4", memory="8Gi", timeout_minutes=240),
        "gpu": Needs(
            cpu="8",
            memory="64Gi",
            gpus=1,
            shared_memory="16Gi",
            image="gpu",
            timeout_minutes=720,
            tolerations=_GPU_NODES,
        ),
        "train": Needs(
            cpu="64",
            memory="768Gi",
            gpus=8,
            shared_memory="128Gi",
            image="gpu",
            interruptible=False,
            timeout_minutes=2880,
            grace_seconds=600,
            tolerations=_GPU_NODES,
        ),
    },
    "small": {
        "light": Needs(cpu="500m", memory="2Gi", timeout_minutes=60),
        "cpu": Needs(cpu="1", memory="2Gi", timeout_minutes=120),
        "gpu": Needs(cpu="1", memory="4Gi", image="gpu", timeout_minutes=120),
        "train": Needs(
            cpu="1", memory="4Gi", image="gpu", interruptible=False, timeout_minutes=240
        ),
    },
}
"""`light`: listing, merging, reports. `cpu`: decoding, planning, checks. `gpu`: rollouts. `train`:
whole nodes.

`node` trains the paper's model on a node of eight GPUs; `small` runs the presets smoke and demo on
two cores, without.
"""
DEFAULT = Deployment(stages=SIZES["node"])


_EXPECTED = (
    f"expected a JSON object with some of {', '.join(one.name for one in fields(Deployment))}"
)


def read_deployment(environment: Mapping[str, str] = os.environ) -> Deployment:
    """The default with the changes that the environment has, or the file that it names.

    Raises:
        InputError: there is no such file, or it holds an unknown key or a wrong value.
    """
    given = environment.get(DEPLOYMENT_VARIABLE, "").strip()
    if not given:
        return DEFAULT
    if given.startswith("{"):
        return _of_size(read_object(given, DEPLOYMENT_VARIABLE, _EXPECTED), DEPLOYMENT_VARIABLE)
    try:
        text = Path(given).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{DEPLOYMENT_VARIABLE}: cannot read {given!r}: {error}") from error
    return _of_size(read_object(text, f"{DEPLOYMENT_VARIABLE}: {given}", _EXPECTED), given)


def travelling(deployment: Deployment) -> str:
    """`deployment` as every task carries it, for `read_deployment` in its pod: what differs from
    its size's numbers.

    What launch plans start is not in it: no pod makes one.
    """
    here, there = (
        asdict(deployment),
        asdict(Deployment(size=deployment.size, stages=SIZES[deployment.size])),
    )
    differing = {
        name: here[name] for name in ("pods", "min_success_ratio") if here[name] != there[name]
    }
    changes = {
        kind: _differing(needs, there["stages"][kind]) for kind, needs in here["stages"].items()
    }
    stages = {kind: changes_of_kind for kind, changes_of_kind in changes.items() if changes_of_kind}
    differing |= {"size": deployment.size} | ({"stages": stages} if stages else {})
    # Sorted, because a digest of this text tells deployments apart.
    return json.dumps(differing, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _differing(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in here.items() if value != there[name]}


def _of_size(changes: Mapping[str, Any], name: str) -> Deployment:
    """The numbers of the size that `changes` name, with all other changes."""
    size = changes.get("size", DEFAULT.size)
    if not isinstance(size, str) or size not in SIZES:
        raise InputError(f"{name}: size: got {shown(size)}, expected {' or '.join(SIZES)}")
    return changed(replace(DEFAULT, stages=SIZES[size]), changes, f"{name}: ")
