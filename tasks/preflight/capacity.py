"""What the pods of each kind of stage ask of a cluster, held against its nodes and the namespace's
quotas and ranges.

Nodes, quotas and ranges are Kubernetes' own objects; what runs already does not count.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tasks.deployment.profile import Needs, Toleration
from tasks.preflight.kube import Json, quantity
from tasks.preflight.prerequisite import Prerequisite, Status

GPU = "nvidia.com/gpu"
_KEEPS_AWAY = ("NoSchedule", "NoExecute")
_ENDS_AT_ONCE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Flyte 1.16 fails a stage for good, and does not wait until others are done, if its pod is refused
while it asks for as much as one of these allows altogether (`backoff/handler.go`)."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Of the pods of one kind of stage. Requests and limits are the same."""

    kind: str
    amounts: dict[str, str]
    """By resource ("cpu", "memory", "nvidia.com/gpu"), of one pod."""
    num_pods: int = 1
    """Pods that must run at once."""
    labels: dict[str, str] = field(default_factory=dict)
    """Of the nodes that will do."""
    tolerations: tuple[Toleration, ...] = ()
    priority_class: str = ""

    def least(self, resource: str) -> Decimal:
        """Of one pod; 0 for a resource that it does not ask for."""
        return quantity(self.amounts.get(resource, "0"))

    def __str__(self) -> str:
        pods = f"{self.num_pods} x " if self.num_pods > 1 else ""
        return (
            f"{self.kind}: wants "
            f"{pods}{', '.join(f'{amount} {name}' for name, amount in self.amounts.items())}"
        )


def asks(stages: Mapping[str, Needs]) -> list[Ask]:
    """One for each kind of stage."""
    return [
        Ask(
            kind=kind,
            amounts={"cpu": needs.cpu, "memory": needs.memory}
            | ({GPU: str(needs.gpus)} if needs.gpus else {}),
            num_pods=needs.nodes,
            labels=dict(needs.node_selector),
            tolerations=needs.tolerations,
            priority_class=needs.priority_class,
        )
        for kind, needs in stages.items()
    ]


def check_nodes(asks: Sequence[Ask], nodes: Sequence[Json]) -> Iterator[Prerequisite]:
    """One line for each kind of stage."""
    for ask in asks:
        others = [node for node in nodes if misses(ask, node)]
        # Pods that run at once are those of one training, of which each has a node of its own.
        fits = len(nodes) - len(others) >= ask.num_pods
        detail = f"{ask}; {len(nodes) - len(others)} of {len(nodes)} nodes can take it"
        yield Prerequisite(
            name="nodes",
            status=Status.OK if fits else Status.MISSING,
            detail=detail
            if fits or not others
            else f"{detail}, the nearest other is {_nearest(ask, others)}",
            todo=f"add such nodes, or change stages.{ask.kind} of the deployment (its amounts, "
            "tolerations, ...)",
        )


def misses(ask: Ask, node: Json) -> list[str]:
    """Why a pod cannot be placed on the node, each reason once; none if it can."""
    # Not `capacity`, a part of which Kubernetes keeps for the node's own services.
    allocatable, labels = node["status"].get("allocatable", {}), node["metadata"].get("labels", {})
    few = [
        f"has {allocatable.get(name, 0)} of {amount} {name}"
        for name, amount in ask.amounts.items()
        if quantity(allocatable.get(name, 0)) < quantity(amount)
    ]
    other = [
        f"lacks the label {name}={value}"
        for name, value in ask.labels.items()
        if labels.get(name) != value
    ]
    return few + other + list(_taints(ask.tolerations, node))


def _taints(tolerations: Sequence[Toleration], node: Json) -> Iterator[str]:
    for taint in node.get("spec", {}).get("taints", []):
        key, value, effect = taint["key"], taint.get("value", ""), taint["effect"]
        if effect in _KEEPS_AWAY and not any(
            _tolerates(one, key, value, effect) for one in tolerations
        ):
            yield f"has the taint {key}{f'={value}' if value else ''}:{effect} (not tolerated)"


def _tolerates(one: Toleration, key: str, value: str, effect: str) -> bool:
    """An empty key or effect stands for all of them."""
    same_value = one.operator == "Exists" or one.value == value
    return one.key in ("", key) and one.effect in ("", effect) and same_value


def _nearest(ask: Ask, nodes: Sequence[Json]) -> str:
    """Taints and labels are changed sooner than hardware."""
    node = min(
        nodes,
        key=lambda one: (_shortfall(ask, one), len(misses(ask, one)), one["metadata"]["name"]),
    )
    return f"{node['metadata']['name']}: {', '.join(misses(ask, node))}"


def _shortfall(ask: Ask, node: Json) -> Decimal:
    """0 if it has as much as is asked for; 1 for each resource that it has nothing of."""
    allocatable = node["status"].get("allocatable", {})
    parts = [
        quantity(allocatable.get(name, 0)) / ask.least(name)
        for name in ask.amounts
        if ask.least(name)
    ]
    return sum((1 - min(part, Decimal(1)) for part in parts), Decimal(0))


def check_quotas(
    asks: Sequence[Ask], quotas: Sequence[Json], ranges: Sequence[Json], namespace: str
) -> list[Prerequisite]:
    """One line for each kind of stage and rule that its pods break; one if they break none."""
    broken = [one for ask in asks for quota in quotas for one in _of_quota(ask, quota)]
    broken += [one for ask in asks for item in ranges for one in _of_range(ask, item)]
    if broken:
        return broken
    detail = (
        f"{len(quotas)} quotas and {len(ranges)} limit ranges of {namespace} let every stage in"
    )
    return [Prerequisite(name="quotas", status=Status.OK, detail=detail)]


def _of_quota(ask: Ask, quota: Json) -> Iterator[Prerequisite]:
    if not all(_counts(ask, scope) for scope in _scopes(quota)):
        return
    for key, hard in quota["spec"].get("hard", {}).items():
        resource = key.removeprefix("requests.").removeprefix("limits.")
        wanted, allowed = ask.least(resource) * ask.num_pods, quantity(hard)
        ends_at_once = key in _ENDS_AT_ONCE and ask.num_pods == 1
        if wanted > allowed or (ends_at_once and wanted == allowed > 0):
            yield _broken(
                f"{ask}; quota {quota['metadata']['name']} allows {hard} {key} altogether",
                "raise it above that (in flyte-core: cluster_resource_manager's "
                f"projectQuota...), or lower stages.{ask.kind}",
            )


def _scopes(quota: Json) -> list[Json]:
    spec = quota["spec"]
    plain = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes", [])]
    return [*plain, *spec.get("scopeSelector", {}).get("matchExpressions", [])]


def _counts(ask: Ask, scope: Json) -> bool:
    """Whether pods of the stage count towards quotas of this scope."""
    name, operator, values = scope["scopeName"], scope["operator"], scope.get("values", [])
    if name != "PriorityClass":
        # A stage always asks for something, so none of its pods is BestEffort.
        return name in ("NotBestEffort", "NotTerminating")
    if operator in ("In", "NotIn"):
        return (ask.priority_class in values) is (operator == "In")
    return bool(ask.priority_class) is (operator == "Exists")


def _of_range(ask: Ask, limit_range: Json) -> Iterator[Prerequisite]:
    """A pod of a stage is one container."""
    for rule in limit_range["spec"]["limits"]:
        if rule["type"] not in ("Pod", "Container"):
            continue
        for resource, amount in ask.amounts.items():
            most, least = rule.get("max", {}).get(resource), rule.get("min", {}).get(resource)
            where = (
                f"{ask}; limit range {limit_range['metadata']['name']} gives a "
                f"{rule['type'].lower()}"
            )
            if most and quantity(amount) > quantity(most):
                yield _broken(
                    f"{where} at most {most} {resource}", f"raise its max to {amount} at least"
                )
            if least and quantity(amount) < quantity(least):
                yield _broken(f"{where} at least {least} {resource}", f"lower its min to {amount}")


def _broken(detail: str, todo: str) -> Prerequisite:
    return Prerequisite(name="quotas", status=Status.MISSING, detail=detail, todo=todo)
