"""What each kind of stage needs on a cluster, and what the launch plans start: one typed place for all.

A deployment changes it without editing code: the environment variable VIDEOSSR_DEPLOYMENT names a JSON file, read when
the workflows are registered, e.g. {"stages": {"train": {"gpus": 4}}, "nightly": {"cron": "0 1 * * *"}}.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from tasks.core.checks import NAME, Rule, at_least, check, shown
from tasks.core.errors import InputError
from tasks.core.overrides import read_overrides
from tasks.core.redact import redact
from tasks.core.strict_json import read_object
from tasks.core.suggest import suggest

_EXPECTED = "expected a JSON object with stages, nightly and min_success_ratio"
_QUANTITY = Rule(
    lambda text: re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?(m|[kMGTP]|[KMGTP]i)?", text) is not None,
    'a quantity of Kubernetes such as "4", "500m" or "16Gi"',
)
_QUANTITY_OR_NONE = Rule(lambda text: text == "" or _QUANTITY.holds(text), f"{_QUANTITY.expected}, or nothing")
_CRON = Rule(
    lambda text: re.fullmatch(r"@[a-z]+|([0-9A-Za-z*/,?#-]+ ){4}[0-9A-Za-z*/,?#-]+", text) is not None,
    'five fields as cron has them, such as "0 2 * * *"',
)
SectionT = TypeVar("SectionT", "Needs", "Nightly")
DEPLOYMENT_VARIABLE = "VIDEOSSR_DEPLOYMENT"


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

    def __post_init__(self) -> None:
        check(self, _QUANTITY, "cpu", "memory")
        check(self, _QUANTITY_OR_NONE, "shared_memory")
        check(self, at_least(0, most=64), "gpus")
        check(self, at_least(1, most=4096), "nodes")
        check(self, at_least(0, most=100), "retries")
        check(self, at_least(1, most=90 * 24 * 60), "timeout_minutes")
        check(self, NAME, "image")


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


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything that a cluster decides."""

    stages: dict[str, Needs]
    nightly: Nightly = field(default_factory=Nightly)
    min_success_ratio: float = 0.95
    """Least share of ingest's shards that must end well; the videos of the others are listed with that reason."""


DEFAULT = Deployment(
    stages={
        "light": Needs(timeout_minutes=60),
        "cpu": Needs(cpu="4", memory="8Gi", timeout_minutes=240),
        "gpu": Needs(cpu="8", memory="64Gi", gpus=1, shared_memory="16Gi", image="gpu", timeout_minutes=720),
        "train": Needs(
            cpu="64",
            memory="768Gi",
            gpus=8,
            shared_memory="128Gi",
            image="gpu",
            interruptible=False,
            timeout_minutes=2880,
        ),
    }
)
"""`light`: listing, merging, reports. `cpu`: decoding, planning, checks. `gpu`: rollouts. `train`: whole nodes."""


def read_deployment(environment: Mapping[str, str] = os.environ) -> Deployment:
    """The default with the changes of the file that the environment names.

    Raises:
        InputError: there is no such file, or it holds an unknown key or a wrong value.
    """
    name = environment.get(DEPLOYMENT_VARIABLE, "")
    if not name:
        return DEFAULT
    try:
        text = Path(name).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{DEPLOYMENT_VARIABLE}: cannot read {name!r}: {error}") from error
    return _changed(read_object(text, f"{DEPLOYMENT_VARIABLE}: {name}", _EXPECTED), name)


def _changed(found: Mapping[str, Any], name: str) -> Deployment:
    if not isinstance(found.get("stages", {}), dict):
        raise InputError(f"{name}: stages: got {shown(found['stages'])}, expected sections by stage")
    ratio = found.get("min_success_ratio", DEFAULT.min_success_ratio)
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 < ratio <= 1:
        raise InputError(f"{name}: min_success_ratio: got {shown(ratio)}, expected a number above 0, at most 1")
    unknown = [key for key in found if key not in ("stages", "nightly", "min_success_ratio")]
    unknown += [f"stages.{key}" for key in found.get("stages", {}) if key not in DEFAULT.stages]
    if unknown:
        raise InputError(
            f"{name}: unknown {shown(unknown[0])}{_meant(unknown[0])}; expected stages ({', '.join(DEFAULT.stages)}), "
            "nightly and min_success_ratio"
        )
    stages = {
        key: _merged(needs, found.get("stages", {}).get(key, {}), f"{name}: stages.{key}")
        for key, needs in DEFAULT.stages.items()
    }
    several = [key for key, needs in stages.items() if needs.nodes != 1 and (key != "train" or needs.nodes < 1)]
    if several:
        found_nodes = stages[several[0]].nodes
        raise InputError(f"{name}: stages.{several[0]}.nodes: got {found_nodes}, expected 1, or more of train alone")
    nightly = _merged(DEFAULT.nightly, found.get("nightly", {}), f"{name}: nightly")
    return Deployment(stages=stages, nightly=nightly, min_success_ratio=float(ratio))


def _merged(section: SectionT, changes: object, where: str) -> SectionT:
    adapter = TypeAdapter(type(section))
    try:
        given = adapter.dump_python(section) | TypeAdapter(dict[str, object]).validate_python(changes)
        # By way of JSON, where strictness still takes lists for tuples, and whole numbers for others.
        return adapter.validate_json(json.dumps(given), strict=True)
    except InputError as error:  # of the overrides in it
        raise InputError(f"{where}.{error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "value_error":
            raise InputError(f"{where}.{first['ctx']['error']}") from error
        place = ".".join(map(str, first["loc"]))
        unknown = (
            _meant(f"{where.rpartition(': ')[2]}.{place}") if first["type"] == "unexpected_keyword_argument" else ""
        )
        raise InputError(f"{where}.{place}: got {redact(shown(first['input']))}: {first['msg']}{unknown}") from error


def _meant(unknown: str) -> str:
    known = [f"stages.{stage}" for stage in DEFAULT.stages] + [f"nightly.{own.name}" for own in fields(Nightly)]
    known += [f"stages.{stage}.{own.name}" for stage in DEFAULT.stages for own in fields(Needs)]
    meant = suggest(unknown, ["stages", "nightly", "min_success_ratio", *known])
    return f", did you mean {meant}?" if meant else ""
