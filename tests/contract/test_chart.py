"""The chart through the real Helm engine: what it renders is valid, and it says clearly what is
wrong."""

import json
import re
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import pytest
import yaml

from tests.helpers.chart import (
    CHART,
    FULL,
    MINIMAL,
    VALUES,
    Resource,
    containers,
    notes,
    of_kind,
    pod_specs,
    render,
)

MAJOR, MINOR = map(int, kubernetes_validate.latest_version().split(".")[:2])
NEWEST_KUBERNETES = [f"{MAJOR}.{minor}" for minor in range(MINOR - 3, MINOR + 1)]
OF_THE_OPERATOR = ("ServiceMonitor", "PrometheusRule")


@pytest.fixture(params=VALUES)
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    return render(VALUES[request.param])


@pytest.mark.slow
@pytest.mark.parametrize("version", NEWEST_KUBERNETES)
def test_every_object_is_valid_in_the_newest_versions(
    resources: list[Resource], version: str
) -> None:
    for resource in resources:
        if resource["kind"] not in OF_THE_OPERATOR:
            kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("insecure", [True, False])
def test_flyte_is_spoken_to_with_or_without_tls_as_the_values_say(insecure: bool) -> None:
    rendered = render({**FULL, "flyte": {**FULL["flyte"], "insecure": insecure}})
    variables = [
        variable["value"]
        for pod in pod_specs(rendered).values()
        for container in containers(pod)
        for variable in container.get("env", [])
        if variable["name"] == "FLYTE_PLATFORM_INSECURE"
    ]
    assert variables
    assert set(variables) == {str(insecure).lower()}


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_lint_finds_nothing(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True)
    assert report["errors"] == []
    assert [m["error"] for m in report["messages"] if m["severity"] > 1] == []


def test_commands_need_no_shell(resources: list[Resource]) -> None:
    for pod in pod_specs(resources).values():
        for container in containers(pod):
            assert container["command"][0] not in ("sh", "bash", "/bin/sh", "/bin/bash")
            assert all(
                isinstance(argument, str) for argument in container["command"] + container["args"]
            )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mlflow": {"replicsa": 2}}, "additional properties 'replicsa' not allowed"),
        (
            {"mlflow": {"database": {"kind": "mysql"}}},
            "value must be one of 'sqlite', 'postgresql'",
        ),
        ({"objectStore": {"dataRoot": "/data"}}, "'/data' does not match pattern"),
        ({"serving": {"gpus": "two"}}, "got string, want integer"),
        ({"mlflow": {"replicas": 2}}, "mlflow.replicas: got 2 with database.kind sqlite"),
        (
            {"mlflow": {"database": {"kind": "postgresql"}}},
            "mlflow.database.secretName: name the secret",
        ),
        ({"mlflow": {"enabled": False}}, "mlflow.externalUri: name an MLflow server"),
        ({"mlflow": {"ingress": {"enabled": True}}}, "mlflow.ingress.host: name the host"),
        ({"mlflow": {"auth": {"enabled": True}}}, "mlflow.auth.secretName: name the secret"),
        ({"mlflow": {"auth": {"password": "x"}}}, "additional properties 'password' not allowed"),
        ({"flyte": {"register": {"size": "large"}}}, "value must be one of 'node', 'small'"),
        ({"flyte": {"consoleUrl": "flyte.example"}}, "'flyte.example' does not match pattern"),
        ({"sweep": {"pendingMinutes": 0}}, "minimum: got 0, want 1"),
        ({"sweep": {"schedule": "hourly"}}, "'hourly' does not match pattern"),
        ({"executions": {"env": {"A": 1}}}, "got number, want string"),
        ({"executions": {"env": {"a-b": "c"}}}, "invalid propertyName 'a-b'"),
        ({"executions": {"pods": {"label": {}}}}, "additional properties 'label' not allowed"),
        ({"executions": {"secrets": "hub"}}, "got string, want array"),
        (
            {"serving": {"allowedMediaDomains": ["https://a.example"]}},
            "'https://a.example' does not match pattern",
        ),
        (
            {"networkPolicy": {"egress": {"objectstore": {}}}},
            "additional properties 'objectstore' not allowed",
        ),
        (
            {"networkPolicy": {"egress": {"database": {"ports": ["5432"]}}}},
            "got string, want integer",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else json.dumps(value),
)
def test_wrong_values_are_refused_with_the_reason(values: dict[str, Any], message: str) -> None:
    with pytest.raises(helm_python.HelmError, match=re.escape(message)):
        render(values)


def test_schema_and_values_know_the_same_names() -> None:
    def names(schema: dict[str, Any]) -> dict[str, Any]:
        closed = schema.get("additionalProperties") is False and "properties" in schema
        return (
            {name: names(inner) for name, inner in schema["properties"].items()} if closed else {}
        )

    def given(value: Any, schema: dict[str, Any]) -> dict[str, Any]:
        return {name: given(value[name], inner) for name, inner in schema.items()}

    schema = names(json.loads((CHART / "values.schema.json").read_text()))
    schema.pop("global")  # Helm's own
    resources = {"requests": {}, "limits": {}}
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert (
        given(values, {name: inner for name, inner in schema.items() if inner != resources})
        == schema
    )
    assert values.keys() == schema.keys()


def test_every_value_is_documented() -> None:
    text = (CHART / "README.md").read_text()
    missing = [
        name
        for name in yaml.safe_load((CHART / "values.yaml").read_text())
        if f"`{name}" not in text
    ]
    assert missing == []


@pytest.mark.parametrize("place", [0, 1], ids=["team", "without a GPU"])
def test_values_that_the_readme_shows_are_taken(place: int) -> None:
    shown = re.findall(
        r"^```yaml\n(.*?)^```", (CHART / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert len(shown) == 2
    assert render(yaml.safe_load(shown[place]))


def test_an_upgrade_changes_nothing_that_may_not_change(tmp_path: Path) -> None:
    old = render(FULL)
    newer = _with_version(tmp_path, "9.9.9")
    new = newer.render(FULL, name="release", namespace="platform", is_upgrade=True)
    after = [r for text in new.values() for r in _objects(text)]
    newer.close()
    for kind, fields in {
        "Deployment": ("selector",),
        "Service": ("selector",),
        "PersistentVolumeClaim": ("accessModes", "storageClassName", "resources"),
    }.items():
        before = {r["metadata"]["name"]: r for r in old if r["kind"] == kind}
        for name, resource in {
            r["metadata"]["name"]: r for r in after if r["kind"] == kind
        }.items():
            assert [resource["spec"].get(field) for field in fields] == [
                before[name]["spec"].get(field) for field in fields
            ]
    for job in (resource for resource in after if resource["kind"] == "Job"):
        assert (
            job["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "before-hook-creation"
        )
    roles = {r["metadata"]["name"]: r["roleRef"] for r in old if r["kind"] == "RoleBinding"}
    assert roles
    assert roles == {
        r["metadata"]["name"]: r["roleRef"] for r in after if r["kind"] == "RoleBinding"
    }


def test_the_volume_of_runs_and_models_outlives_the_release() -> None:
    claim = of_kind(render({}), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_dashboard_is_json_that_asks_for_this_release() -> None:
    text = of_kind(render(FULL), "ConfigMap", "dashboard")["data"]["videossr.json"]
    assert len(json.loads(text)["panels"]) > 5
    assert "videossr-production" in text
    assert "__" not in text


def test_every_alarm_is_in_the_runbook() -> None:
    rules = of_kind(render(FULL), "PrometheusRule")["spec"]["groups"][0]["rules"]
    runbook = (CHART / "README.md").read_text()
    assert [rule["alert"] for rule in rules if rule["alert"] not in runbook] == []


def test_notes_tell_the_next_steps() -> None:
    assert "port-forward service/release-videossr-mlflow" in notes({})
    assert "https://mlflow.example" in notes(FULL)
    assert all("get pods" in notes(values) for values in VALUES.values())
    assert "Active: retrain_nightly, build_dataset;" in notes(FULL)
    assert "Active: none;" in notes({"flyte": {"register": {"launchPlans": []}}})
    assert "pyflyte register --copy=none" in notes(MINIMAL)


def _with_version(folder: Path, version: str) -> helm_python.Chart:
    copy = Path(helm_python.Chart.load(CHART).save_dir(folder))
    text = (copy / "Chart.yaml").read_text()
    (copy / "Chart.yaml").write_text(
        re.sub(r"(?m)^(version|appVersion): .*$", rf"\1: {version}", text)
    )
    return helm_python.Chart.load(copy)


def _objects(text: str) -> list[Resource]:
    return (
        [r for r in yaml.safe_load_all(text) if isinstance(r, dict)] if "apiVersion" in text else []
    )
