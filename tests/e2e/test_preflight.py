"""`make preflight` against real services where they run here, a double of Flyte, and Kubernetes'
answers by hand."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tasks.deployment.profile import DEPLOYMENT_VARIABLE, read_deployment
from tasks.preflight.cluster import check_cluster
from tasks.preflight.kube import Kubernetes
from tests.helpers.flyte_admin import BUCKET, FlyteDouble
from tests.helpers.flyte_runner import Runner, aws_env
from tests.helpers.kubernetes_api import Json, kubernetes_api, listed, named
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.s3_server import s3_server
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow

CORE, SPACE = "/api/v1", "/api/v1/namespaces/videossr-production"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}


def _node(name: str, *taints: dict[str, str], **amounts: str) -> Json:
    return named(name, spec={"taints": list(taints)}, status={"allocatable": amounts})


def _answers() -> dict[str, Json | int]:
    """Of a cluster that has what the default deployment asks for, by path."""
    gpus = {"cpu": "96", "memory": "1Ti", "nvidia.com/gpu": "8"}
    default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    return {
        "/version/": {"gitVersion": "v1.34.4"},
        f"{CORE}/nodes": listed(
            "Node", _node("a", GPU_TAINT, **gpus), _node("b", cpu="8", memory="32Gi")
        ),
        SPACE: named("videossr-production"),
        f"{SPACE}/resourcequotas": listed("ResourceQuota"),
        f"{SPACE}/limitranges": listed("LimitRange"),
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pytorchjobs.kubeflow.org": named(
            "pytorchjobs.kubeflow.org", spec={}
        ),
        "/apis/storage.k8s.io/v1/storageclasses": listed(
            "StorageClass", named("fast", provisioner="csi.example", metadata=default)
        ),
    }


def _preflight(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = warm.run(["python", "-m", "tasks.preflight", *arguments], cwd=REPO_ROOT, env=env)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout


def _of_cluster(answers: Mapping[str, Json | int], folder: Path, deployment: Json) -> list[str]:
    """The lines about Kubernetes."""
    with kubernetes_api(answers, folder) as kubeconfig:
        found = check_cluster(
            Kubernetes(str(kubeconfig)),
            read_deployment({DEPLOYMENT_VARIABLE: json.dumps(deployment)}),
            namespace="videossr-production",
            flyte_namespace="flyte",
        )
        return [finding.line() for finding in found]


@pytest.fixture
def s3() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


def test_with_everything_there_it_is_ready(
    tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in aws_env(s3).items():
        monkeypatch.setenv(name, value)
    double = FlyteDouble(s3, Runner(s3, {}, tmp_path))
    mlflow = MlflowServer(tmp_path)
    mlflow.start()
    places = [
        f"--endpoint=127.0.0.1:{double.port}",
        f"--data-root=s3://{BUCKET}/data",
        f"--tracking-uri={mlflow.uri}",
    ]
    try:
        with kubernetes_api(_answers(), tmp_path) as kubeconfig:
            env = aws_env(s3) | {"KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)}
            code, said = _preflight(env, *places, "--image=cpu=registry.example/cpu:0.1.0")
            assert code == 0, said
            assert said.splitlines()[-1] == "ready"
            for text in (
                "videossr/production",
                "Flyte grants what every stage asks for",
                "written, read, deleted",
                "answers, version 3",
                "answers, v1.34.4",
                "train: wants 64 cpu, 768Gi memory, 8 nvidia.com/gpu; 1 of 2 nodes can take it",
                "fast is the default",
            ):
                assert text in said
            code, again = _preflight(env, *places, "--image=cpu=registry.example/cpu:0.1.0")
            assert (code, again) == (
                0,
                said,
            )  # what it registered is no other thing the second time
            code, said = _preflight(
                env, *places, "--project=other", "--image=gpu=registry.example/gpu:latest"
            )
            assert code == 1
            assert "missing      project and domain no other/production among videossr" in said
            assert "no tag or digest, or latest" in said
            assert said.splitlines()[-1] == "3 to do"  # its namespace is not there either
            code, said = _preflight(env, *places, "--domain=nowhere")
            assert code == 1
            assert "missing      project and domain no videossr/nowhere" in said
    finally:
        double.stop()
        mlflow.kill()


def test_with_nothing_there_every_line_says_what_to_do(tmp_path: Path) -> None:
    env = {"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path), "PATH": ""}
    places = [
        "--endpoint=127.0.0.1:9",
        "--data-root=/proc/none",
        "--tracking-uri=http://127.0.0.1:9",
    ]
    code, said = _preflight(env, *places)
    assert code == 1
    lines = said.splitlines()
    assert [line.split()[0] for line in lines] == ["unreachable"] * 3 + [
        "skipped",
        "unreachable",
        "4",
    ]
    assert all(";" in line for line in lines[:-1])
    assert "127.0.0.1:9" in lines[0]


def test_a_small_deployment_needs_no_gpu(tmp_path: Path) -> None:
    answers = _answers() | {f"{CORE}/nodes": listed("Node", _node("b", cpu="2", memory="8Gi"))}
    lines = _of_cluster(answers, tmp_path, {"size": "small"})
    assert {line.split()[0] for line in lines} == {"ok"}


def test_what_flytes_own_charts_set_up_is_told_with_what_to_raise(tmp_path: Path) -> None:
    hard = {"limits.cpu": "5", "limits.memory": "4000Mi"}
    answers = _answers() | {
        f"{SPACE}/resourcequotas": listed(
            "ResourceQuota", named("project-quota", spec={"hard": hard})
        )
    }
    told = [line for line in _of_cluster(answers, tmp_path, {}) if line.startswith("missing")]
    assert all("quota project-quota allows" in line and "projectQuota" in line for line in told)
    assert [line.split()[2] for line in told] == ["cpu:", "gpu:", "gpu:", "train:", "train:"]


def _named_things() -> Json:
    claim: Any = {"name": "cache", "persistentVolumeClaim": {"claimName": "hub-cache"}}
    pods = {"secrets": ["object-store", "hub"], "service_account": "stages", "volumes": [claim]}
    return {"pods": pods, "stages": {"train": {"priority_class": "training"}}}


def test_what_the_deployment_names_must_be_there(tmp_path: Path) -> None:
    lines = _of_cluster(
        _answers() | {f"{SPACE}/secrets/hub": named("hub", data={"A": "c2VjcmV0"})},
        tmp_path,
        _named_things(),
    )
    told = [line for line in lines if line.startswith("missing")]
    assert [line.split("missing")[1].split(";")[0].split() for line in told] == [
        ["secrets", "object-store", "is", "not", "there"],
        ["service", "account", "stages", "is", "not", "there"],
        ["volume", "claims", "hub-cache", "is", "not", "there"],
        ["priority", "classes", "training", "is", "not", "there"],
    ]


def test_what_the_deployment_names_is_found(tmp_path: Path) -> None:
    there = {
        f"{SPACE}/secrets/object-store": named("object-store", data={"A": "c2VjcmV0"}),
        f"{SPACE}/secrets/hub": named("hub", data={"A": "c2VjcmV0"}),
        f"{SPACE}/serviceaccounts/stages": named("stages"),
        f"{SPACE}/persistentvolumeclaims/hub-cache": named("hub-cache", spec={}),
        "/apis/scheduling.k8s.io/v1/priorityclasses/training": named("training", value=1),
    }
    lines = _of_cluster(_answers() | there, tmp_path, _named_things())
    assert {line.split()[0] for line in lines} == {"ok"}
    assert any("hub, object-store" in line for line in lines)


def test_what_may_not_be_read_costs_no_other_line(tmp_path: Path) -> None:
    refused: dict[str, Json | int] = {f"{CORE}/nodes": 403, f"{SPACE}/secrets/hub": 403}
    lines = _of_cluster(_answers() | refused, tmp_path, {"pods": {"secrets": ["hub"]}})
    told = [line for line in lines if line.startswith("unreachable")]
    assert [line.split()[1] for line in told] == ["nodes", "secrets"]
    assert all("Kubernetes answers 403: /api/v1/" in line and "KUBECONFIG" in line for line in told)
    assert sum(line.startswith("ok") for line in lines) == 5


TWO_NODES = {
    "stages": {"train": {"nodes": 2, "gpus": 0, "cpu": "4", "memory": "8Gi", "tolerations": []}}
}


@pytest.mark.parametrize(
    ("enabled", "line"),
    [
        ("[container, pytorch]", "ok           plugins            enabled: container, pytorch"),
        (
            "[container]",
            "missing      plugins            enabled: container; see that tasks.task-plugins",
        ),
        (
            "",
            "unreachable  plugins            no ConfigMap of flyte that this user may read tells "
            "them",
        ),
    ],
    ids=["enabled", "not enabled", "not told"],
)
def test_training_on_two_nodes_needs_the_plugin_and_the_operator(
    tmp_path: Path, enabled: str, line: str
) -> None:
    text = f"tasks: {{task-plugins: {{enabled-plugins: {enabled}}}}}" if enabled else "a: b"
    maps = listed("ConfigMap", named("flyte-propeller-config", data={"enabled_plugins.yaml": text}))
    answers = _answers() | {f"{CORE}/namespaces/flyte/configmaps": maps}
    del answers["/apis/apiextensions.k8s.io/v1/customresourcedefinitions/pytorchjobs.kubeflow.org"]
    lines = _of_cluster(answers, tmp_path, TWO_NODES)
    assert any(found.startswith(line) for found in lines)
    assert any(found.startswith("missing      training operator") for found in lines)
    assert any(
        "train: wants 2 x 4 cpu, 8Gi memory; 1 of 2 nodes can take it, the nearest other "
        "is a: has the taint" in found
        for found in lines
    )
