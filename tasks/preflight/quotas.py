"""What the executions' namespace allows: its quotas and ranges, held against each kind of stage."""

from collections.abc import Iterator, Sequence

from tasks.preflight.asks import Ask
from tasks.preflight.finding import Finding, Status
from tasks.preflight.kube import Json, quantity

_ENDS_AT_ONCE = ("requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Flyte 1.16 fails a stage for good, and does not wait until others are done, if its pod is refused while it asks for
as much as one of these allows altogether (`backoff/handler.go`)."""


def check_quotas(asks: Sequence[Ask], quotas: Sequence[Json], ranges: Sequence[Json], namespace: str) -> list[Finding]:
    """One line for each kind of stage and rule that its pods break; one if they break none. All of Kubernetes' own."""
    broken = [found for ask in asks for quota in quotas for found in _of_quota(ask, quota)]
    broken += [found for ask in asks for item in ranges for found in _of_range(ask, item)]
    if broken:
        return broken
    detail = f"{len(quotas)} quotas and {len(ranges)} limit ranges of {namespace} let every stage in"
    return [Finding(name="quotas", status=Status.OK, detail=detail)]


def _of_quota(ask: Ask, quota: Json) -> Iterator[Finding]:
    if not all(_counts(ask, scope) for scope in _scopes(quota)):
        return
    for key, hard in quota["spec"].get("hard", {}).items():
        resource = key.removeprefix("requests.").removeprefix("limits.")
        wanted, allowed = ask.least(resource) * ask.num_pods, quantity(hard)
        ends_at_once = key in _ENDS_AT_ONCE and ask.num_pods == 1
        if wanted > allowed or (ends_at_once and wanted == allowed > 0):
            yield _broken(
                f"{ask}; quota {quota['metadata']['name']} allows {hard} {key} altogether",
                f"raise it above that (in flyte-core: cluster_resource_manager's projectQuota...), or lower "
                f"stages.{ask.kind}",
            )


def _scopes(quota: Json) -> list[Json]:
    spec = quota["spec"]
    plain = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes", [])]
    return [*plain, *spec.get("scopeSelector", {}).get("matchExpressions", [])]


def _counts(ask: Ask, scope: Json) -> bool:
    """Whether pods of the stage count towards quotas of this scope."""
    name, operator, values = scope["scopeName"], scope["operator"], scope.get("values", [])
    if name != "PriorityClass":
        return name in ("NotBestEffort", "NotTerminating")
    if operator in ("In", "NotIn"):
        return (ask.priority_class in values) is (operator == "In")
    return bool(ask.priority_class) is (operator == "Exists")


def _of_range(ask: Ask, limit_range: Json) -> Iterator[Finding]:
    """A pod of a stage is one container."""
    for rule in limit_range["spec"]["limits"]:
        if rule["type"] not in ("Pod", "Container"):
            continue
        for resource, amount in ask.amounts.items():
            most, least = rule.get("max", {}).get(resource), rule.get("min", {}).get(resource)
            where = f"{ask}; limit range {limit_range['metadata']['name']} gives a {rule['type'].lower()}"
            if most and quantity(amount) > quantity(most):
                yield _broken(f"{where} at most {most} {resource}", f"raise its max to {amount} at least")
            if least and quantity(amount) < quantity(least):
                yield _broken(f"{where} at least {least} {resource}", f"lower its min to {amount}")


def _broken(detail: str, todo: str) -> Finding:
    return Finding(name="quotas", status=Status.MISSING, detail=detail, todo=todo)
