"""On which nodes the pods of a kind of stage can be placed, and what the nearest one lacks."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tasks.deployment.profile import Toleration
from tasks.preflight.asks import Ask
from tasks.preflight.finding import Finding, Status
from tasks.preflight.kube import Json, quantity

_KEEPS_AWAY = ("NoSchedule", "NoExecute")


def check_nodes(asks: Sequence[Ask], nodes: Sequence[Json]) -> Iterator[Finding]:
    """One line for each kind of stage. `nodes` are Kubernetes' own; what runs on them already does not count."""
    for ask in asks:
        others = [node for node in nodes if misses(ask, node)]
        fits = len(nodes) - len(others) >= ask.num_pods
        detail = f"{ask}; {len(nodes) - len(others)} of {len(nodes)} nodes can take it"
        yield Finding(
            name="nodes",
            status=Status.OK if fits else Status.MISSING,
            detail=detail if fits or not others else f"{detail}, the nearest other is {_nearest(ask, others)}",
            todo=f"add such nodes, or change stages.{ask.kind} of the deployment (its amounts, tolerations, ...)",
        )


def misses(ask: Ask, node: Json) -> list[str]:
    """Why a pod cannot be placed on the node, each reason once; none if it can."""
    allocatable, labels = node["status"].get("allocatable", {}), node["metadata"].get("labels", {})
    few = [
        f"has {allocatable.get(name, 0)} of {amount} {name}"
        for name, amount in ask.amounts.items()
        if quantity(allocatable.get(name, 0)) < quantity(amount)
    ]
    other = [f"lacks the label {name}={value}" for name, value in ask.labels.items() if labels.get(name) != value]
    return few + other + list(_taints(ask.tolerations, node))


def _taints(tolerations: Sequence[Toleration], node: Json) -> Iterator[str]:
    for taint in node.get("spec", {}).get("taints", []):
        key, value, effect = taint["key"], taint.get("value", ""), taint["effect"]
        if effect in _KEEPS_AWAY and not any(_tolerates(one, key, value, effect) for one in tolerations):
            yield f"has the taint {key}{f'={value}' if value else ''}:{effect} (not tolerated)"


def _tolerates(one: Toleration, key: str, value: str, effect: str) -> bool:
    """An empty key or effect stands for all of them."""
    same_value = one.operator == "Exists" or one.value == value
    return one.key in ("", key) and one.effect in ("", effect) and same_value


def _nearest(ask: Ask, nodes: Sequence[Json]) -> str:
    """Taints and labels are changed sooner than hardware."""
    node = min(nodes, key=lambda one: (_shortfall(ask, one), len(misses(ask, one)), one["metadata"]["name"]))
    return f"{node['metadata']['name']}: {', '.join(misses(ask, node))}"


def _shortfall(ask: Ask, node: Json) -> Decimal:
    """0 if it has as much as is asked for; 1 for each resource that it has nothing of."""
    allocatable = node["status"].get("allocatable", {})
    parts = [quantity(allocatable.get(name, 0)) / ask.least(name) for name in ask.amounts if ask.least(name)]
    return sum((1 - min(part, Decimal(1)) for part in parts), Decimal(0))
