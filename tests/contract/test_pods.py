"""The pods of all stages as they are registered: restricted, writing where it is said, and carrying
the deployment."""

import importlib
import json
import pkgutil
from typing import Any

import pytest
from flytekit.configuration import ImageConfig, SerializationSettings
from flytekit.core.base_task import PythonTask
from flytekit.core.context_manager import FlyteEntities
from flytekit.core.python_function_task import PythonFunctionTask

import workflows
from tasks.deployment.pods import HOME, StagePod, pod_environment
from tasks.deployment.profile import DEFAULT, DEPLOYMENT_VARIABLE, read_deployment

for _module in pkgutil.iter_modules(workflows.__path__):
    importlib.import_module(f"workflows.{_module.name}")
TASKS = {
    entity.name: entity
    for entity in FlyteEntities.entities
    if isinstance(entity, PythonFunctionTask) and entity.name.startswith(("tasks.", "workflows."))
}
SETTINGS = SerializationSettings(
    image_config=ImageConfig.validate_image(None, "", ("cpu:1", "cpu=cpu:1", "gpu=gpu:1")),
    project="p", domain="d", version="v",
)  # fmt: skip
GIVEN = {
    "stages": {"train": {"priority_class": "high"}},
    "pods": {
        "env": {"A": "b"},
        "secrets": ["object-store"],
        "labels": {"kueue.x-k8s.io/queue-name": "nightly"},
        "annotations": {"team": "video"},
        "service_account": "videossr",
        "volumes": [{"name": "cache", "persistentVolumeClaim": {"claimName": "hub"}}],
        "mounts": [{"name": "cache", "mountPath": "/cache"}],
    },
}


def _pod(task: PythonTask) -> dict[str, Any]:
    return dict(task.get_k8s_pod(SETTINGS).pod_spec)


def test_there_are_stages() -> None:
    assert len(TASKS) > 40


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_pod_meets_the_restricted_standard_and_says_where_it_writes(name: str) -> None:
    pod = _pod(TASKS[name])
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert all(set(volume) == {"name", "emptyDir"} for volume in pod["volumes"])
    (container,) = pod["containers"]
    context = container["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["readOnlyRootFilesystem"] is True
    assert container["workingDir"] == HOME, "`--copy all` unpacks into it"
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {HOME, "/tmp"}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_task_carries_the_deployment_into_its_pod(name: str) -> None:
    (container,) = _pod(TASKS[name])["containers"]
    found = {entry["name"]: entry["value"] for entry in container["env"]}
    assert read_deployment(found) == DEFAULT


def test_what_starts_others_has_no_time_limit_that_could_end_them() -> None:
    dynamics = [
        task
        for task in TASKS.values()
        if task.execution_mode == PythonFunctionTask.ExecutionBehavior.DYNAMIC
    ]
    assert dynamics
    assert [task.name for task in dynamics if task.metadata.timeout] == []
    others = [task for task in TASKS.values() if task not in dynamics]
    assert [task.name for task in others if not task.metadata.timeout] == [], (
        "all others end some day"
    )


@pytest.mark.parametrize(
    ("cpu", "threads"), [("4", "4"), ("500m", "1"), ("1.5", "1"), ("2000m", "2")]
)
def test_a_stage_starts_as_many_threads_as_its_pod_has_processors(cpu: str, threads: str) -> None:
    deployment = read_deployment(
        {DEPLOYMENT_VARIABLE: json.dumps({"stages": {"cpu": {"cpu": cpu}}})}
    )
    assert pod_environment(deployment.stages["cpu"], deployment)["OMP_NUM_THREADS"] == threads


def test_with_gpus_the_ranks_decide_about_threads() -> None:
    assert "OMP_NUM_THREADS" not in pod_environment(DEFAULT.stages["train"], DEFAULT)


def test_stages_with_gpus_go_to_nodes_with_the_usual_taint() -> None:
    for kind, needs in DEFAULT.stages.items():
        assert bool(needs.gpus) == any(one.key == "nvidia.com/gpu" for one in needs.tolerations), (
            kind
        )


def test_the_smallest_cluster_needs_no_gpu() -> None:
    small = read_deployment({DEPLOYMENT_VARIABLE: '{"size": "small"}'})
    assert {needs.gpus for needs in small.stages.values()} == {0}
    assert {needs.shared_memory for needs in small.stages.values()} == {""}


def test_a_pod_gets_what_the_deployment_gives() -> None:
    deployment = read_deployment({DEPLOYMENT_VARIABLE: json.dumps(GIVEN)})
    template = StagePod(deployment.stages["train"], deployment)
    assert template.labels == GIVEN["pods"]["labels"]  # type: ignore[index]
    assert template.annotations is not None
    assert template.annotations["team"] == "video"
    from kubernetes.client import ApiClient

    pod = ApiClient().sanitize_for_serialization(template.pod_spec)
    assert pod["priorityClassName"] == "high"
    assert pod["serviceAccountName"] == "videossr"
    assert pod["terminationGracePeriodSeconds"] == 600
    assert pod["volumes"][-1] == {"name": "cache", "persistentVolumeClaim": {"claimName": "hub"}}
    (container,) = pod["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "object-store"}}]
    assert container["volumeMounts"][-1] == {"name": "cache", "mountPath": "/cache"}


def test_another_deployment_is_another_version_of_what_is_started_by_hand() -> None:
    """flytekit's version of `pyflyte run --remote` counts pod templates, not the resources beside
    them."""
    one, other = (
        read_deployment({DEPLOYMENT_VARIABLE: json.dumps({"stages": {"train": {"gpus": gpus}}})})
        for gpus in (1, 2)
    )
    hashes = {StagePod(found.stages["light"], found).version_hash() for found in (one, one, other)}
    assert len(hashes) == 2
