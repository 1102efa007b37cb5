"""What preflight finds in nodes, quotas, limit ranges and Flyte's configuration, as Kubernetes and
Flyte write them."""

from decimal import Decimal
from typing import Any

import pytest

from tasks.deployment.profile import DEFAULT, SIZES, Needs, Toleration
from tasks.preflight.capacity import Ask, asks, check_nodes, check_quotas, misses
from tasks.preflight.kube import quantity
from tasks.preflight.prerequisite import Status
from tasks.preflight.propeller import Propeller, placed, read_propeller

GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
TRAIN = Ask(kind="train", amounts={"cpu": "64", "memory": "768Gi", "nvidia.com/gpu": "8"})


def _node(
    name: str, *taints: dict[str, str], labels: dict[str, str] | None = None, **amounts: str
) -> dict[str, Any]:
    allocatable = {key.replace("gpu", "nvidia.com/gpu"): value for key, value in amounts.items()}
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {"allocatable": allocatable},
    }


def _tolerating(*tolerations: Toleration) -> Ask:
    return Ask(kind="train", amounts=TRAIN.amounts, tolerations=tolerations)


@pytest.mark.parametrize(
    ("text", "number"), [("500m", "0.5"), ("2Ki", "2048"), ("16", "16"), ("1M", "1000000")]
)
def test_quantities_are_kubernetes_own(text: str, number: str) -> None:
    assert quantity(text) == Decimal(number)


def test_each_kind_of_stage_asks_for_its_numbers() -> None:
    node, small = asks(DEFAULT.stages), asks(SIZES["small"])
    assert str(node[-1]) == "train: wants 64 cpu, 768Gi memory, 8 nvidia.com/gpu"
    assert all("nvidia.com/gpu" not in one.amounts for one in small)
    assert str(asks({"train": Needs(nodes=2)})[0]) == "train: wants 2 x 1 cpu, 2Gi memory"


def test_a_node_too_small_is_told_with_what_it_has() -> None:
    assert misses(TRAIN, _node("a", cpu="8", memory="31Gi")) == [
        "has 8 of 64 cpu",
        "has 31Gi of 768Gi memory",
        "has 0 of 8 nvidia.com/gpu",
    ]
    assert misses(TRAIN, _node("a", cpu="64", memory="805306368Ki", gpu="8")) == []


@pytest.mark.parametrize(
    ("toleration", "taint", "fits"),
    [
        (None, GPU_TAINT, False),
        (None, GPU_TAINT | {"effect": "NoExecute"}, False),
        (None, GPU_TAINT | {"effect": "PreferNoSchedule"}, True),
        (Toleration(key="nvidia.com/gpu"), GPU_TAINT, True),
        (Toleration(key="nvidia.com/gpu"), GPU_TAINT | {"effect": "NoExecute"}, False),
        (Toleration(key="nvidia.com/gpu", effect=""), GPU_TAINT | {"effect": "NoExecute"}, True),
        (Toleration(key="nvidia.com/gpu", operator="Equal", value="present"), GPU_TAINT, True),
        (Toleration(key="nvidia.com/gpu", operator="Equal", value="other"), GPU_TAINT, False),
        (
            Toleration(key="nvidia.com/gpu", operator="Equal"),
            {"key": "nvidia.com/gpu", "effect": "NoSchedule"},
            True,
        ),
        (Toleration(key="other"), GPU_TAINT, False),
        (Toleration(key=""), GPU_TAINT, True),
    ],
    ids=str,
)
def test_taints_keep_pods_away_unless_tolerated(
    toleration: Toleration | None, taint: dict[str, str], fits: bool
) -> None:
    ask = _tolerating(*([toleration] if toleration else []))
    lacks = misses(ask, _node("a", taint, cpu="96", memory="1Ti", gpu="8"))
    assert lacks == (
        [] if fits else [f"has the taint nvidia.com/gpu=present:{taint['effect']} (not tolerated)"]
    )


def test_labels_of_the_selector_must_be_there() -> None:
    ask = Ask(kind="light", amounts={"cpu": "1"}, labels={"pool": "ml"})
    assert misses(ask, _node("a", cpu="4")) == ["lacks the label pool=ml"]
    assert misses(ask, _node("a", cpu="4", labels={"pool": "web"})) == ["lacks the label pool=ml"]
    assert misses(ask, _node("a", cpu="4", labels={"pool": "ml"})) == []


def test_the_line_of_a_stage_that_fits_nowhere_names_the_nearest_node() -> None:
    nodes = [
        _node("cpu-0", cpu="8", memory="31Gi"),
        _node("gpu-0", GPU_TAINT, cpu="96", memory="1Ti", gpu="8"),
    ]
    (found,) = check_nodes([TRAIN], nodes)
    assert found.status is Status.MISSING
    assert found.detail == (
        "train: wants 64 cpu, 768Gi memory, 8 nvidia.com/gpu; 0 of 2 nodes can take it, the "
        "nearest other is gpu-0: has the taint nvidia.com/gpu=present:NoSchedule (not tolerated)"
    )
    assert "stages.train" in found.todo
    (found,) = check_nodes([_tolerating(Toleration(key="nvidia.com/gpu"))], nodes)
    assert found.status is Status.OK
    assert found.detail.endswith("1 of 2 nodes can take it")


def test_hardware_counts_more_than_taints_in_what_is_nearest() -> None:
    ask = Ask(kind="gpu", amounts={"cpu": "4", "nvidia.com/gpu": "16"})
    nodes = [_node("a", cpu="96"), _node("b", GPU_TAINT, cpu="96", gpu="8"), _node("c", cpu="2")]
    (found,) = check_nodes([ask], nodes)
    assert "the nearest other is b: has 8 of 16 nvidia.com/gpu, has the taint" in found.detail


def test_training_on_two_nodes_needs_two() -> None:
    two = Ask(kind="train", amounts={"cpu": "4"}, num_pods=2)
    (found,) = check_nodes([two], [_node("a", cpu="4"), _node("b", cpu="2")])
    assert found.status is Status.MISSING
    assert found.detail.endswith("1 of 2 nodes can take it, the nearest other is b: has 2 of 4 cpu")
    (found,) = check_nodes([two], [_node("a", cpu="4"), _node("b", cpu="4")])
    assert found.status is Status.OK


def test_a_cluster_without_nodes_is_told() -> None:
    (found,) = check_nodes([TRAIN], [])
    assert found.status is Status.MISSING
    assert found.detail.endswith("0 of 0 nodes can take it")


def _quota(hard: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "project-quota"}, "spec": {"hard": hard, **spec}}


def _of_quota(ask: Ask, quota: dict[str, Any]) -> list[str]:
    return [
        found.detail
        for found in check_quotas([ask], [quota], [], "p-d")
        if found.status is Status.MISSING
    ]


@pytest.mark.parametrize(
    ("hard", "fits"),
    [
        ({"limits.cpu": "5", "limits.memory": "4000Mi"}, False),  # flyte-core's of production
        ({"limits.cpu": "64"}, False),  # as much as that fails for good
        ({"requests.cpu": "64"}, False),
        ({"limits.cpu": "64001m"}, True),
        ({"cpu": "64"}, True),  # waits until others are done
        ({"cpu": "63"}, False),
        ({"requests.nvidia.com/gpu": "8"}, True),
        ({"requests.nvidia.com/gpu": "4"}, False),
        ({"pods": "1", "persistentvolumeclaims": "0"}, True),
    ],
    ids=str,
)
def test_a_quota_that_a_stage_can_never_meet_is_told(hard: dict[str, str], fits: bool) -> None:
    assert (not _of_quota(TRAIN, _quota(hard))) is fits


def test_the_line_of_a_quota_says_what_it_allows() -> None:
    assert _of_quota(TRAIN, _quota({"limits.cpu": "5"})) == [
        "train: wants 64 cpu, 768Gi memory, 8 nvidia.com/gpu; quota project-quota allows 5 "
        "limits.cpu altogether"
    ]


def test_a_quota_counts_all_nodes_of_a_training() -> None:
    two = Ask(kind="train", amounts={"cpu": "4"}, num_pods=2)
    assert _of_quota(two, _quota({"limits.cpu": "7"}))
    assert not _of_quota(two, _quota({"limits.cpu": "8"}))


def _of_priority(operator: str, *values: str) -> dict[str, Any]:
    """A quota's scope."""
    expression: dict[str, Any] = {"scopeName": "PriorityClass", "operator": operator}
    expression |= {"values": list(values)} if values else {}
    return {"scopeSelector": {"matchExpressions": [expression]}}


@pytest.mark.parametrize(
    ("spec", "counts"),
    [
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["NotBestEffort"]}, True),
        ({"scopes": ["Terminating"]}, False),
        (_of_priority("In", "high"), True),
        (_of_priority("NotIn", "high"), False),
        (_of_priority("Exists"), True),
        (_of_priority("DoesNotExist"), False),
    ],
    ids=str,
)
def test_quotas_of_other_pods_do_not_count(spec: dict[str, Any], counts: bool) -> None:
    ask = Ask(kind="train", amounts={"cpu": "64"}, priority_class="high")
    assert bool(_of_quota(ask, _quota({"limits.cpu": "5"}, **spec))) is counts


def _range(kind: str, **rule: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "sizes"}, "spec": {"limits": [{"type": kind, **rule}]}}


@pytest.mark.parametrize(
    ("limit_range", "told"),
    [
        (_range("Container", max={"memory": "64Gi"}), "gives a container at most 64Gi memory"),
        (_range("Pod", max={"cpu": "63"}), "gives a pod at most 63 cpu"),
        (_range("Container", min={"cpu": "65"}), "gives a container at least 65 cpu"),
        (_range("Container", max={"cpu": "64"}, min={"cpu": "64"}, default={"cpu": "1"}), ""),
        (_range("PersistentVolumeClaim", max={"storage": "1Gi"}), ""),
    ],
    ids=str,
)
def test_a_limit_range_that_refuses_a_stage_is_told(limit_range: dict[str, Any], told: str) -> None:
    (found,) = check_quotas([TRAIN], [], [limit_range], "p-d")
    assert found.status is (Status.MISSING if told else Status.OK)
    assert told in found.detail


CORE = {
    "data": {
        "enabled_plugins.yaml": "tasks:\n  task-plugins:\n    enabled-plugins: [container, "
        "sidecar, K8S-ARRAY, pytorch]\n",
        "k8s.yaml": (
            "plugins:\n  k8s:\n    gpu-device-node-label: example/gpu\n    default-tolerations: "
            "[{key: flyte, operator: Exists}]\n    interruptible-tolerations: [{key: spot, value: "
            "'yes', effect: NoSchedule}]\n    resource-tolerations:\n      nvidia.com/gpu: [{key: "
            "dear, operator: Exists, effect: NoSchedule}]\n"
        ),
    }
}


def test_flytes_configuration_is_found_whatever_its_files_are_called() -> None:
    found = read_propeller([{"data": {"notes": "{no: [yaml"}}, {}, {"data": None}, CORE])
    assert found == Propeller(
        plugins=("container", "sidecar", "k8s-array", "pytorch"),
        accelerator_label="example/gpu",
        tolerations=(Toleration(key="flyte", effect=""),),
        interruptible_tolerations=(Toleration(key="spot", operator="Equal", value="yes"),),
        resource_tolerations=(("nvidia.com/gpu", Toleration(key="dear")),),
    )
    assert read_propeller([]).plugins is None
    assert read_propeller([{"data": {"a": "enabled-plugins:\n"}}]).plugins == ()


def test_what_flyte_adds_to_pods_counts() -> None:
    propeller = read_propeller([CORE])
    stages = {
        "cpu": Needs(cpu="4"),
        "train": Needs(cpu="4", gpus=8, accelerator="nvidia-h100", interruptible=False),
    }
    cpu, train = (placed(ask, stages[ask.kind], propeller) for ask in asks(stages))
    assert [one.key for one in cpu.tolerations] == ["flyte", "spot"]
    assert cpu.labels == {}
    assert [one.key for one in train.tolerations] == ["flyte", "dear", "example/gpu"]
    assert train.labels == {"example/gpu": "nvidia-h100"}
    node = _node(
        "a",
        {"key": "example/gpu", "value": "nvidia-h100", "effect": "NoSchedule"},
        cpu="8",
        memory="4Gi",
        gpu="8",
        labels={"example/gpu": "nvidia-h100"},
    )
    assert misses(train, node) == []
    assert misses(train, _node("b", cpu="8", memory="4Gi", gpu="8")) == [
        "lacks the label example/gpu=nvidia-h100"
    ]
