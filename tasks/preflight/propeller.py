"""What Flyte's propeller is configured to do with pods, as far as ConfigMaps of its namespace
tell."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from tasks.deployment.profile import Needs, Toleration
from tasks.preflight.capacity import Ask
from tasks.preflight.kube import Json


@dataclass(frozen=True, kw_only=True)
class Propeller:
    """Its own defaults where a field says so."""

    plugins: tuple[str, ...] | None = None
    """Enabled ones, in small letters; None if no ConfigMap tells."""
    accelerator_label: str = "k8s.amazonaws.com/accelerator"
    """Of nodes, whose value is the kind of their GPUs."""
    tolerations: tuple[Toleration, ...] = ()
    """That every pod is given."""
    interruptible_tolerations: tuple[Toleration, ...] = ()
    resource_tolerations: tuple[tuple[str, Toleration], ...] = ()
    """Of pods that ask for that resource."""


def read_propeller(config_maps: Sequence[Json]) -> Propeller:
    """From the YAML in ConfigMaps of Flyte's namespace: those of Flyte's charts have different
    names and files."""
    found = Propeller()
    for text in (
        text for one in config_maps for _, text in sorted((one.get("data") or {}).items())
    ):
        for key, value in _settings(text):
            found = replace(found, **_MEANING[key](value)) if key in _MEANING else found
    return found


def placed(ask: Ask, needs: Needs, propeller: Propeller) -> Ask:
    """`ask` with what Flyte adds to its pods."""
    added = list(propeller.tolerations)
    added += propeller.interruptible_tolerations if needs.interruptible else ()
    added += [
        toleration
        for resource, toleration in propeller.resource_tolerations
        if resource in ask.amounts
    ]
    labels = dict(ask.labels)
    if needs.accelerator:
        label = propeller.accelerator_label
        labels[label] = needs.accelerator
        added.append(Toleration(key=label, operator="Equal", value=needs.accelerator))
    return replace(ask, labels=labels, tolerations=(*ask.tolerations, *added))


def _settings(text: str) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at whatever depth; none of a text that is no YAML."""
    try:
        yield from _keys(yaml.safe_load(text))
    except yaml.YAMLError:
        return


def _keys(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield str(key), value
            yield from _keys(value)


def _toleration(found: Mapping[str, Any]) -> Toleration:
    return Toleration(
        key=found.get("key", ""),
        # Kubernetes' default, which is another one than ours.
        operator=found.get("operator", "Equal"),
        value=str(found.get("value", "")),
        effect=found.get("effect", ""),
    )


def _tolerations(found: Sequence[Mapping[str, Any]] | None) -> tuple[Toleration, ...]:
    return tuple(map(_toleration, found or ()))


def _by_resource(found: Mapping[str, Any] | None) -> tuple[tuple[str, Toleration], ...]:
    return tuple(
        (resource, one)
        for resource, listed in (found or {}).items()
        for one in _tolerations(listed)
    )


_MEANING: dict[str, Callable[[Any], dict[str, Any]]] = {
    "enabled-plugins": lambda names: {
        "plugins": tuple(str(name).strip().lower() for name in names or ())
    },
    "gpu-device-node-label": lambda label: {"accelerator_label": str(label)},
    "default-tolerations": lambda listed: {"tolerations": _tolerations(listed)},
    "interruptible-tolerations": lambda listed: {"interruptible_tolerations": _tolerations(listed)},
    "resource-tolerations": lambda by_resource: {"resource_tolerations": _by_resource(by_resource)},
}
"""What a key of Flyte's configuration says, as fields of `Propeller`."""
