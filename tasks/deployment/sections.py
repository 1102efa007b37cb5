"""The sections of a deployment: what a stage needs, what its pod is given, what the scheduled launch plans start."""

import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import ConfigDict, with_config

from tasks.core.checks import NAME, Rule, at_least, check, shown
from tasks.core.overrides import read_overrides
from tasks.core.redact import redact

DEPLOYMENT_VARIABLE = "VIDEOSSR_DEPLOYMENT"
_QUANTITY = Rule(
    lambda text: re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?(m|[kMGTP]|[KMGTP]i)?", text) is not None,
    'a quantity of Kubernetes such as "4", "500m" or "16Gi"',
)
_CPU = Rule(
    lambda text: re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3}|m)?", text) is not None,
    'a number of processors such as "4" or "500m"',
)
_QUANTITY_OR_NONE = Rule(lambda text: text == "" or _QUANTITY.holds(text), f"{_QUANTITY.expected}, or nothing")
_CRON = Rule(
    lambda text: re.fullmatch(r"@[a-z]+|([0-9A-Za-z*/,?#-]+ ){4}[0-9A-Za-z*/,?#-]+", text) is not None,
    'five fields as cron has them, such as "0 2 * * *"',
)
_VARIABLE = Rule(
    lambda text: re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) is not None, 'the name of a variable, such as "HF_HOME"'
)
_SECRET = re.compile(r"(PASSWORD|SECRET|TOKEN|ACCESS_KEY|ACCESS_KEY_ID|API_KEY)$")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Toleration:
    """Lets pods onto nodes with a taint; Kubernetes' words."""

    key: str
    operator: str = "Exists"
    value: str = ""
    effect: str = "NoSchedule"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Needs:
    """Of one kind of stage. Quantities are Kubernetes' ("4", "500m", "16Gi"); requests and limits are the same."""

    cpu: str = "1"
    memory: str = "2Gi"
    gpus: int = 0
    """Of one node."""
    nodes: int = 1
    """Nodes that train together, each with all of this; only for `train`. From two on, Kubeflow's training operator
    starts them, and the data root must be one that all of them see."""
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


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Pods:
    """What the pods of all stages are given besides. Nothing secret: secrets are named."""

    env: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    """Of the executions' namespace; their keys become environment variables (AWS_ACCESS_KEY_ID, ...)."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    service_account: str = ""
    """Empty for the one that Flyte gives the execution."""
    volumes: tuple[dict[str, Any], ...] = ()
    """In Kubernetes' words: {"name": "cache", "persistentVolumeClaim": {"claimName": "hub-cache"}}."""
    mounts: tuple[dict[str, Any], ...] = ()
    """Of those volumes, in Kubernetes' words: {"name": "cache", "mountPath": "/cache"}."""

    def __post_init__(self) -> None:
        kept = [name for name in self.env if name == DEPLOYMENT_VARIABLE or not _VARIABLE.holds(name)]
        if kept:
            raise ValueError(f"env: got {shown(kept[0])}, expected {_VARIABLE.expected}, and not {DEPLOYMENT_VARIABLE}")
        secret = [name for name, value in self.env.items() if redact(value) != value or _SECRET.search(name)]
        if secret:
            raise ValueError(
                f"env: {secret[0]} looks like a secret, which Flyte would keep and show: put it into a secret of the "
                "executions' namespace and name that in pods.secrets"
            )
        names = {volume.get("name") for volume in self.volumes}
        lost = [mount.get("name") for mount in self.mounts if mount.get("name") not in names]
        if lost:
            raise ValueError(f"mounts: got {shown(lost[0])}, expected the name of one of pods.volumes")


@with_config(ConfigDict(extra="forbid"))
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
                f"tracking_uri: got {redact(self.tracking_uri)!r}, expected an address without a password, which Flyte "
                "would keep and show: give MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to the pods"
            )
