"""The Helm chart, rendered by the real Helm engine; no cluster is needed."""

from typing import Any

import helm_python
import yaml

from tests.helpers.pyflyte import REPO_ROOT

CHART = REPO_ROOT / "charts" / "videossr"
RELEASE, NAMESPACE = "release", "platform"

MINIMAL: dict[str, Any] = {
    "mlflow": {"enabled": False, "externalUri": "https://mlflow.example"},
    "flyte": {"register": {"enabled": False}},
    "executions": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "sweep": {"enabled": False},
}
FULL: dict[str, Any] = {
    "commonLabels": {"team": "video"},
    "image": {"cpu": {"tag": "sha256:" + "a" * 64}, "pullSecrets": ["pull"]},
    "flyte": {
        "clientId": "videossr",
        "clientSecretName": "flyte-client",
        "consoleUrl": "https://flyte.example/console",
        "register": {
            "launchPlans": ["retrain_nightly", "build_dataset"],
            "size": "small",
            "stages": {"train": {"memory": "16Gi", "priority_class": "urgent"}},
        },
    },
    "objectStore": {"secretName": "object-store", "endpoint": "http://minio.storage:9000"},
    "mlflow": {
        "replicas": 2,
        "database": {"kind": "postgresql", "secretName": "mlflow-database"},
        "artifacts": {"destination": "s3://videossr/mlflow"},
        "clientSecretName": "mlflow-client",
        "auth": {"enabled": True, "secretName": "mlflow-auth"},
        "podDisruptionBudget": {"enabled": True},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "host": "mlflow.example",
            "tlsSecretName": "mlflow-tls",
        },
        "nodeSelector": {"pool": "cpu"},
        "tolerations": [{"key": "spot", "operator": "Exists"}],
    },
    "serving": {
        "enabled": True,
        "gpus": 2,
        "autoscaling": {"enabled": True},
        "apiKeySecretName": "serving-key",
        "allowedMediaDomains": ["media.example", "cdn.example"],
    },
    "executions": {
        "env": {"HF_HUB_OFFLINE": "1"},
        "secrets": ["hub"],
        "pods": {
            "labels": {"kueue.x-k8s.io/queue-name": "videossr"},
            "annotations": {"team": "video"},
            "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
            "mounts": [{"name": "models", "mountPath": "/models", "readOnly": True}],
        },
    },
    "networkPolicy": {"allowFromNamespaces": [{"team": "video"}]},
    "monitoring": {"enabled": True, "labels": {"release": "prometheus"}},
}
VALUES: dict[str, dict[str, Any]] = {"default": {}, "minimal": MINIMAL, "full": FULL}

Resource = dict[str, Any]


def render(values: dict[str, Any], *, is_upgrade: bool = False) -> list[Resource]:
    """Every object of the chart with `values` over its defaults."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(values)
        files = chart.render(
            values,
            name=RELEASE,
            namespace=NAMESPACE,
            is_install=not is_upgrade,
            is_upgrade=is_upgrade,
        )
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    return [resource for text in texts for resource in yaml.safe_load_all(text) if resource]


def notes(values: dict[str, Any]) -> str:
    """What Helm prints after an installation."""
    with helm_python.Chart.load(CHART) as chart:
        return chart.render(values, name=RELEASE, namespace=NAMESPACE)[
            "videossr/templates/NOTES.txt"
        ]


def of_kind(resources: list[Resource], kind: str, name: str = "") -> Resource:
    """The only one of `resources` with this kind whose name ends in `name`."""
    (found,) = [r for r in resources if r["kind"] == kind and r["metadata"]["name"].endswith(name)]
    return found


def pod_specs(resources: list[Resource]) -> dict[str, Resource]:
    """The pods that the workloads among `resources` start, by kind and name."""
    workloads = [
        r
        for r in resources
        if r["kind"] in ("Deployment", "Job", "CronJob", "StatefulSet", "DaemonSet")
    ]
    return {
        f"{r['kind']}/{r['metadata']['name']}": r["spec"].get("jobTemplate", r)["spec"]["template"][
            "spec"
        ]
        for r in workloads
    }


def containers(pod: Resource) -> list[Resource]:
    return [*pod.get("initContainers", []), *pod["containers"]]
