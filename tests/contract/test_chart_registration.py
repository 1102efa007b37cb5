"""What the chart registers with Flyte, under which version, and when: after an installation until
before its end."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.deployment.profile import DEPLOYMENT_VARIABLE, read_deployment
from tests.helpers.chart import FULL, VALUES, Resource, containers, of_kind, pod_specs, render

REGISTER, DEACTIVATE = "Job/release-videossr-register", "Job/release-videossr-deactivate"
REGISTERED: dict[str, dict[str, Any]] = {
    "cron": {"flyte": {"register": {"cron": "0 1 * * *"}}},
    "videos": {"flyte": {"register": {"videos": "s3://other/videos"}}},
    "preset": {"flyte": {"register": {"preset": "demo"}}},
    "overrides": {"flyte": {"register": {"overrides": {"rounds": 2}}}},
    "stages": {"flyte": {"register": {"stages": {"train": {"gpus": 4}}}}},
    "size": {"flyte": {"register": {"size": "small"}}},
    "project": {"flyte": {"project": "other"}},
    "data root": {"objectStore": {"dataRoot": "s3://other/data"}},
    "store's secret": {"objectStore": {"secretName": "object-store"}},
    "gpu image": {"image": {"gpu": {"tag": "0.1.1"}}},
    "digest of an image": {"image": {"cpu": {"tag": "sha256:" + "b" * 64}}},
    "service account": {"executions": {"serviceAccount": {"name": "other"}}},
    "environment": {"executions": {"env": {"HF_HUB_OFFLINE": "1"}}},
    "labels": {"executions": {"pods": {"labels": {"team": "video"}}}},
    "priorities": {"executions": {"priorityClasses": {"enabled": False}}},
}
NOT_REGISTERED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "replicas": {"mlflow": {"workers": 4}},
    "launch plans": {"flyte": {"register": {"launchPlans": []}}},
    "serving": {"serving": {"enabled": True}},
}


@pytest.fixture(params=VALUES)
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    return render(VALUES[request.param])


def _version(values: dict[str, Any]) -> str:
    register, *_ = pod_specs(render(values))[REGISTER]["initContainers"]
    (version,) = [
        text.partition("=")[2] for text in register["args"] if text.startswith("--version=")
    ]
    return str(version)


def _deployment(values: dict[str, Any]) -> str:
    return str(of_kind(render(values), "ConfigMap", "-deployment")["data"]["deployment.json"])


@pytest.mark.parametrize("values", [*REGISTERED.values()], ids=[*REGISTERED])
def test_what_is_registered_is_in_the_version(values: dict[str, Any]) -> None:
    assert _version(values) != _version({})


@pytest.mark.parametrize("values", [*NOT_REGISTERED.values()], ids=[*NOT_REGISTERED])
def test_what_is_not_registered_leaves_the_version(values: dict[str, Any]) -> None:
    assert _version(values) == _version({})


@pytest.mark.parametrize(
    ("values", "tag"),
    [
        ({}, "0.1.0"),
        ({"image": {"cpu": {"tag": "2.0"}}}, "2.0"),
        ({"image": {"cpu": {"tag": "sha256:" + "a" * 64}}}, "0.1.0"),
        ({"flyte": {"register": {"version": "mine"}}}, "mine"),
    ],
    ids=["chart", "tag", "digest", "given"],
)
def test_a_version_says_the_tag_too(values: dict[str, Any], tag: str) -> None:
    name, _, digest = _version(values).rpartition("-")
    assert name == tag
    assert len(digest) == 10


def test_registration_comes_first_and_then_the_launch_plans_of_the_values() -> None:
    pod = pod_specs(render(FULL))[REGISTER]
    (register,), (plans,) = pod["initContainers"], pod["containers"]
    assert register["command"] == ["pyflyte"]
    assert {
        "register",
        f"--version={_version(FULL)}",
        "--service-account=videossr",
        "workflows",
    } <= {*register["args"]}
    assert f"--image=cpu=videossr-cpu@sha256:{'a' * 64}" in register["args"]
    assert plans["command"] == ["python", "-m", "tasks.preflight.plans"]
    where = ["--project=videossr", "--domain=production"]
    activate = [f"--version={_version(FULL)}", "--activate", "retrain_nightly", "build_dataset"]
    assert plans["args"] == [*where, *activate]


def test_without_a_launch_plan_none_stays_active() -> None:
    (plans,) = pod_specs(render({"flyte": {"register": {"launchPlans": []}}}))[REGISTER][
        "containers"
    ]
    assert plans["args"][2:] == ["--none"]


def test_activation_follows_the_values_from_installation_to_the_end() -> None:
    hooks = {
        r["metadata"]["name"]: r
        for r in render(FULL)
        if "helm.sh/hook" in r["metadata"].get("annotations", {})
    }
    when = {name: hook["metadata"]["annotations"]["helm.sh/hook"] for name, hook in hooks.items()}
    assert when == {
        "release-videossr-register": "post-install,post-upgrade,post-rollback",
        "release-videossr-deactivate": "pre-delete",
    }
    (plans,) = pod_specs(render(FULL))[DEACTIVATE]["containers"]
    assert plans["command"] == ["python", "-m", "tasks.preflight.plans"]
    assert plans["args"] == ["--project=videossr", "--domain=production", "--none"]
    ends = hooks["release-videossr-deactivate"]["spec"]
    assert ends["activeDeadlineSeconds"] < 300, (
        "helm waits five minutes for a hook, and says nothing of it"
    )


def test_hooks_need_only_what_is_there_before_the_first_and_after_the_last(
    resources: list[Resource],
) -> None:
    """Objects of the release, that is: a hook's own outlive an uninstallation, or are not there
    yet."""
    hooks = [r for r in resources if "helm.sh/hook" in r["metadata"].get("annotations", {})]
    own = {(r["kind"], r["metadata"]["name"]) for r in resources if r not in hooks}
    for pod in pod_specs(hooks).values():
        volumes = [
            volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume
        ]
        assert {
            ("ServiceAccount", pod["serviceAccountName"]),
            *(("ConfigMap", name) for name in volumes),
        } <= own


def test_the_registration_is_told_what_the_values_say(tmp_path: Path) -> None:
    stages = {"train": {"gpus": 4}}
    register = {
        "stages": stages,
        "cron": "0 1 * * *",
        "overrides": {"rounds": 2},
        "minSuccessRatio": 0.9,
    }
    values = {"flyte": {"register": register}, "objectStore": {"dataRoot": "s3://b/d"}}
    path = tmp_path / "deployment.json"
    path.write_text(_deployment(values))
    found = read_deployment({DEPLOYMENT_VARIABLE: str(path)})
    assert found.stages["train"].gpus == 4
    assert (found.nightly.cron, found.nightly.data_root) == ("0 1 * * *", "s3://b/d")
    assert (found.nightly.overrides, found.min_success_ratio) == ('{"rounds":2}', 0.9)
    assert found.nightly.tracking_uri.endswith(":5000")
    pod = pod_specs(render(values))[REGISTER]
    for container in containers(pod):
        assert {"name": DEPLOYMENT_VARIABLE, "value": "/etc/videossr/deployment.json"} in container[
            "env"
        ]


def test_the_stages_get_what_the_values_say() -> None:
    found = read_deployment({DEPLOYMENT_VARIABLE: _deployment(FULL)})
    assert found.size == "small"
    assert found.stages["train"].memory == "16Gi"
    assert found.pods.secrets == ("object-store", "flyte-client", "mlflow-client", "hub")
    assert found.pods.env == {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://minio.storage:9000",
        "MLFLOW_S3_ENDPOINT_URL": "http://minio.storage:9000",
        "FLYTE_PLATFORM_URL": "flyteadmin.flyte.svc.cluster.local:81",
        "FLYTE_PLATFORM_INSECURE": "true",
        "FLYTE_CREDENTIALS_CLIENT_ID": "videossr",
        "FLYTE_CREDENTIALS_AUTH_MODE": "client_credentials",
        "VIDEOSSR_FLYTE_CONSOLE": "https://flyte.example/console",
        "VIDEOSSR_IMAGE": f"videossr-cpu@{FULL['image']['cpu']['tag']}",
        "HF_HUB_OFFLINE": "1",
    }
    assert found.pods.labels == {"kueue.x-k8s.io/queue-name": "videossr"}
    assert found.pods.annotations == {"team": "video"}
    assert found.pods.mounts == ({"name": "models", "mountPath": "/models", "readOnly": True},)
    assert found.pods.service_account == "videossr"


def test_a_value_of_the_stages_goes_before_the_charts_own() -> None:
    env = {"FLYTE_PLATFORM_URL": "elsewhere:81"}
    values = {"executions": {"env": env, "pods": {"serviceAccount": "mine"}}}
    found = read_deployment({DEPLOYMENT_VARIABLE: _deployment(values)}).pods
    assert (found.env["FLYTE_PLATFORM_URL"], found.service_account) == ("elsewhere:81", "mine")


def test_stages_have_the_priorities_that_the_chart_makes() -> None:
    made = {r["metadata"]["name"] for r in render(FULL) if r["kind"] == "PriorityClass"}
    stages = read_deployment({DEPLOYMENT_VARIABLE: _deployment(FULL)}).stages
    assert {stages[kind].priority_class for kind in ("light", "cpu", "gpu")} == {
        "release-videossr-data"
    }
    assert stages["train"].priority_class == "urgent"
    train = read_deployment({DEPLOYMENT_VARIABLE: _deployment({})}).stages["train"]
    assert {train.priority_class, "release-videossr-data"} == made
    for off in ({"enabled": False}, {"priorityClasses": {"enabled": False}}):
        stages = read_deployment({DEPLOYMENT_VARIABLE: _deployment({"executions": off})}).stages
        assert {needs.priority_class for needs in stages.values()} == {""}


def test_where_the_chart_makes_no_service_account_it_names_none() -> None:
    found = read_deployment({DEPLOYMENT_VARIABLE: _deployment({"executions": {"enabled": False}})})
    assert found.pods.service_account == ""
    (register,) = pod_specs(render({"executions": {"enabled": False}}))[REGISTER]["initContainers"]
    assert not [text for text in register["args"] if text.startswith("--service-account")]


def test_the_deployment_is_there_without_a_registration_too() -> None:
    values = {"flyte": {"register": {"enabled": False, "size": "small"}}}
    assert json.loads(_deployment(values))["size"] == "small"
