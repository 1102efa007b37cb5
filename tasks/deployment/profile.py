"""What each kind of stage needs on a cluster, and what the launch plans start: one typed place for all.

A deployment changes it without editing code: the environment variable VIDEOSSR_DEPLOYMENT is JSON, or names a file of
it, read when the workflows are registered, e.g. {"size": "small", "stages": {"train": {"gpus": 4}}}. Every registered
task carries it on in its own environment: what a dynamic starts is compiled in a pod, where no such file is.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from tasks.core.checks import shown
from tasks.core.errors import InputError
from tasks.core.redact import redact
from tasks.core.strict_json import read_object
from tasks.core.suggest import suggest
from tasks.deployment.sections import DEPLOYMENT_VARIABLE, Needs, Nightly, Pods, Toleration

_KEYS = ("size", "stages", "pods", "nightly", "min_success_ratio")
_EXPECTED = f"expected a JSON object with {', '.join(_KEYS[:-1])} and {_KEYS[-1]}"
SectionT = TypeVar("SectionT", "Needs", "Nightly", "Pods")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Everything that a cluster decides."""

    stages: dict[str, Needs]
    size: str = "node"
    """Which numbers `stages` changes: a key of `SIZES`."""
    pods: Pods = field(default_factory=Pods)
    nightly: Nightly = field(default_factory=Nightly)
    min_success_ratio: float = 0.95
    """Least share of ingest's shards that must end well; the videos of the others are listed with that reason."""


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
        "train": Needs(cpu="1", memory="4Gi", image="gpu", interruptible=False, timeout_minutes=240),
    },
}
"""`light`: listing, merging, reports. `cpu`: decoding, planning, checks. `gpu`: rollouts. `train`: whole nodes.

`node` trains the paper's model on a node of eight GPUs; `small` runs the presets smoke and demo on two cores, without.
"""
DEFAULT = Deployment(stages=SIZES["node"])


def read_deployment(environment: Mapping[str, str] = os.environ) -> Deployment:
    """The default with the changes that the environment has, or the file that it names.

    Raises:
        InputError: there is no such file, or it holds an unknown key or a wrong value.
    """
    given = environment.get(DEPLOYMENT_VARIABLE, "").strip()
    if not given:
        return DEFAULT
    if given.startswith("{"):
        return _changed(read_object(given, DEPLOYMENT_VARIABLE, _EXPECTED), DEPLOYMENT_VARIABLE)
    try:
        text = Path(given).read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise InputError(f"{DEPLOYMENT_VARIABLE}: cannot read {given!r}: {error}") from error
    return _changed(read_object(text, f"{DEPLOYMENT_VARIABLE}: {given}", _EXPECTED), given)


def travelling(deployment: Deployment) -> str:
    """`deployment` as every task carries it, for `read_deployment` in its pod: what differs from its size's numbers.

    What launch plans start is not in it: no pod makes one.
    """
    usual = Deployment(size=deployment.size, stages=SIZES[deployment.size])
    here, there = (TypeAdapter(Deployment).dump_python(one, mode="json") for one in (deployment, usual))
    found = {name: here[name] for name in ("pods", "min_success_ratio") if here[name] != there[name]}
    changes = {kind: _differing(needs, there["stages"][kind]) for kind, needs in here["stages"].items()}
    stages = {kind: changed for kind, changed in changes.items() if changed}
    found |= {"size": deployment.size} | ({"stages": stages} if stages else {})
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _differing(here: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in here.items() if value != there[name]}


def _changed(found: Mapping[str, Any], name: str) -> Deployment:
    size = found.get("size", DEFAULT.size)
    if not isinstance(size, str) or size not in SIZES:
        raise InputError(f"{name}: size: got {shown(size)}, expected {' or '.join(SIZES)}")
    if not isinstance(found.get("stages", {}), dict):
        raise InputError(f"{name}: stages: got {shown(found['stages'])}, expected sections by stage")
    ratio = found.get("min_success_ratio", DEFAULT.min_success_ratio)
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 < ratio <= 1:
        raise InputError(f"{name}: min_success_ratio: got {shown(ratio)}, expected a number above 0, at most 1")
    unknown = [key for key in found if key not in _KEYS]
    unknown += [f"stages.{key}" for key in found.get("stages", {}) if key not in DEFAULT.stages]
    if unknown:
        raise InputError(
            f"{name}: unknown {shown(unknown[0])}{_meant(unknown[0])}; {_EXPECTED} (stages: "
            f"{', '.join(DEFAULT.stages)})"
        )
    stages = {
        key: _merged(needs, found.get("stages", {}).get(key, {}), f"{name}: stages.{key}")
        for key, needs in SIZES[size].items()
    }
    several = [key for key, needs in stages.items() if needs.nodes != 1 and (key != "train" or needs.nodes < 1)]
    if several:
        found_nodes = stages[several[0]].nodes
        raise InputError(f"{name}: stages.{several[0]}.nodes: got {found_nodes}, expected 1, or more of train alone")
    return Deployment(
        size=size,
        stages=stages,
        pods=_merged(DEFAULT.pods, found.get("pods", {}), f"{name}: pods"),
        nightly=_merged(DEFAULT.nightly, found.get("nightly", {}), f"{name}: nightly"),
        min_success_ratio=float(ratio),
    )


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
    known += [f"pods.{own.name}" for own in fields(Pods)]
    meant = suggest(unknown, [*_KEYS, *known])
    return f", did you mean {meant}?" if meant else ""
