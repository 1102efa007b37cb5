"""What the pods of each kind of stage ask of a cluster, in Kubernetes' words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tasks.deployment.profile import Needs, Toleration
from tasks.preflight.kube import quantity

GPU = "nvidia.com/gpu"


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
        return f"{self.kind}: wants {pods}{', '.join(f'{amount} {name}' for name, amount in self.amounts.items())}"


def asks(stages: Mapping[str, Needs]) -> list[Ask]:
    """One for each kind of stage."""
    return [
        Ask(
            kind=kind,
            amounts={"cpu": needs.cpu, "memory": needs.memory} | ({GPU: str(needs.gpus)} if needs.gpus else {}),
            num_pods=needs.nodes,
            labels=dict(needs.node_selector),
            tolerations=needs.tolerations,
            priority_class=needs.priority_class,
        )
        for kind, needs in stages.items()
    ]
