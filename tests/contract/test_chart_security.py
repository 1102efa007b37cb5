"""What the chart's pods may do, who may call them and whom they may call."""

import copy
import re
from typing import Any

import helm_python
import pytest

from tests.helpers.chart import FULL, VALUES, Resource, containers, of_kind, pod_specs, render
from tests.helpers.pod_security import violations

WRITABLE = {"/tmp", "/data", "/model", "/dev/shm"}
FORBIDDEN: dict[str, dict[str, Any]] = {
    "hostNetwork": {"hostNetwork": True},
    "hostPath": {"volumes": [{"name": "node", "hostPath": {"path": "/"}}]},
    "sysctl": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "root": {"securityContext": {"runAsUser": 0}},
    "selinux": {"securityContext": {"seLinuxOptions": {"user": "system_u"}}},
    "nobody said non-root": {"securityContext": {"runAsNonRoot": None}},
    "seccomp": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
}
FORBIDDEN_OF_A_CONTAINER: dict[str, dict[str, Any]] = {
    "privileged": {"securityContext": {"privileged": True}},
    "escalation": {"securityContext": {"allowPrivilegeEscalation": None}},
    "capabilities": {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}},
    "all but some dropped": {"securityContext": {"capabilities": {"drop": ["NET_RAW"]}}},
    "proc": {"securityContext": {"procMount": "Unmasked"}},
    "apparmor": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "own root": {"securityContext": {"runAsNonRoot": False}},
    "hostPort": {"ports": [{"containerPort": 5000, "hostPort": 5000}]},
    "probe elsewhere": {"livenessProbe": {"httpGet": {"host": "10.0.0.1", "port": 80}}},
}


@pytest.fixture(params=VALUES)
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    return render(VALUES[request.param])


def test_pods_meet_the_restricted_standard(resources: list[Resource]) -> None:
    found = {name: violations(pod) for name, pod in pod_specs(resources).items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize("change", [*FORBIDDEN.values()], ids=[*FORBIDDEN])
def test_the_standard_would_be_seen_to_be_broken_by_a_pod(change: dict[str, Any]) -> None:
    pod = pod_specs(render(FULL))["Deployment/release-videossr-mlflow"]
    assert len(violations(_with(pod, change))) == 1


@pytest.mark.parametrize(
    "change", [*FORBIDDEN_OF_A_CONTAINER.values()], ids=[*FORBIDDEN_OF_A_CONTAINER]
)
def test_the_standard_would_be_seen_to_be_broken_by_a_container(change: dict[str, Any]) -> None:
    pod = pod_specs(render(FULL))["Deployment/release-videossr-mlflow"]
    (container,) = pod["containers"]
    assert len(violations({**pod, "containers": [_with(container, change)]})) == 1


def test_a_pod_writes_where_it_is_said_and_no_more(resources: list[Resource]) -> None:
    for pod in pod_specs(resources).values():
        writable = {
            one["name"]
            for one in pod["volumes"]
            if {"emptyDir", "persistentVolumeClaim"} & one.keys()
        }
        for container in containers(pod):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            mounts = {
                mount["mountPath"]
                for mount in container["volumeMounts"]
                if mount["name"] in writable
            }
            assert {"/tmp"} <= mounts <= WRITABLE
            assert container["resources"]["limits"]["memory"]


def test_the_sweep_alone_speaks_to_kubernetes_and_only_lists_pods(
    resources: list[Resource],
) -> None:
    with_token = [
        name for name, pod in pod_specs(resources).items() if pod["automountServiceAccountToken"]
    ]
    roles = [resource for resource in resources if resource["kind"] in ("Role", "ClusterRole")]
    sweep = "CronJob/release-videossr-sweep"
    assert with_token == [sweep] * (sweep in pod_specs(resources))
    assert len(roles) == len(with_token)
    for role in roles:
        assert role["metadata"]["namespace"] == "videossr-production"
        assert role["rules"] == [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
        ]
        (binding,) = [resource for resource in resources if resource["kind"] == "RoleBinding"]
        assert binding["metadata"]["namespace"] == "videossr-production"
        assert binding["subjects"][0]["name"] == pod_specs(resources)[sweep]["serviceAccountName"]
        assert binding["subjects"][0]["namespace"] == "platform"


def test_secrets_are_named_and_never_written(resources: list[Resource]) -> None:
    assert not [resource for resource in resources if resource["kind"] == "Secret"]
    for pod in pod_specs(resources).values():
        for container in containers(pod):
            for variable in container.get("env", []):
                written = "value" in variable
                assert not (
                    written and re.search("SECRET|PASSWORD|API_KEY|ACCESS_KEY", variable["name"])
                )


def test_images_of_a_private_registry_reach_the_stages_too() -> None:
    account = of_kind(render(FULL), "ServiceAccount", "videossr")
    assert account["metadata"]["namespace"] == "videossr-production"
    assert account["imagePullSecrets"] == [{"name": "pull"}]


@pytest.mark.parametrize(
    "policy",
    [{"enabled": False}, {"allowFromNamespaces": [{"team": "video"}]}],
    ids=["no policy", "other namespaces"],
)
def test_a_model_server_that_others_may_call_wants_a_key(policy: dict[str, Any]) -> None:
    values = {"serving": {"enabled": True}, "networkPolicy": policy}
    with pytest.raises(
        helm_python.HelmError, match=r"serving\.apiKeySecretName: name the secret with VLLM_API_KEY"
    ):
        render(values)
    given = pod_specs(render({**values, "serving": {"enabled": True, "apiKeySecretName": "key"}}))
    (server,) = given["Deployment/release-videossr-serving"]["containers"]
    (key,) = [variable for variable in server["env"] if variable["name"] == "VLLM_API_KEY"]
    assert key["valueFrom"] == {"secretKeyRef": {"name": "key", "key": "VLLM_API_KEY"}}


@pytest.mark.parametrize(
    ("key", "num_peers"), [("", 1), ("serving-key", 2)], ids=["without a key", "with a key"]
)
def test_without_a_key_only_the_releases_own_namespace_calls_the_model_server(
    key: str, num_peers: int
) -> None:
    rendered = render({"serving": {"enabled": True, "apiKeySecretName": key}})
    (rule,) = of_kind(rendered, "NetworkPolicy", "-serving")["spec"]["ingress"]
    assert rule["from"][0] == {"podSelector": {}}
    assert len(rule["from"]) == num_peers


@pytest.mark.parametrize("domains", [[], ["a.example", "b.example"]], ids=["none", "two"])
def test_the_model_server_fetches_media_from_the_allowed_domains_alone(domains: list[str]) -> None:
    pods = pod_specs(
        render(
            {
                "serving": {
                    "enabled": True,
                    "allowedMediaDomains": domains,
                    "extraArgs": ["--seed=1"],
                }
            }
        )
    )
    (server,) = pods["Deployment/release-videossr-serving"]["containers"]
    at = server["args"].index("--allowed-media-domains")
    assert server["args"][at + 1 :] == [*(domains or ["none.invalid"]), "--seed=1"]
    assert {"name": "VLLM_MEDIA_URL_ALLOW_REDIRECTS", "value": "0"} in server["env"]


@pytest.mark.slow
def test_a_list_of_no_domain_stops_every_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list would allow all: this is what vLLM makes of the chart's."""
    from vllm.multimodal.media import MediaConnector

    connector = MediaConnector(allowed_media_domains=["none.invalid"])
    with pytest.raises(ValueError, match="must be from one of the allowed domains"):
        connector.fetch_image("http://127.0.0.1:9/picture.png")
    everywhere = MediaConnector(allowed_media_domains=[])
    monkeypatch.setattr(
        everywhere.connection, "get_bytes", lambda url, **_: pytest.fail(f"asked for {url}")
    )
    with pytest.raises(pytest.fail.Exception, match=r"asked for http://127\.0\.0\.1"):
        everywhere.fetch_image("http://127.0.0.1:9/picture.png")


def test_an_ingress_to_mlflow_wants_a_sign_in() -> None:
    ingress = {"enabled": True, "host": "mlflow.example", "annotations": {"a": "b"}}
    with pytest.raises(
        helm_python.HelmError, match=r"mlflow\.ingress: by itself MLflow lets everyone in"
    ):
        render({"mlflow": {"ingress": ingress}})
    proxy = {"nginx.ingress.kubernetes.io/auth-url": "https://login.example/oauth2/auth"}
    behind = of_kind(
        render({"mlflow": {"ingress": {**ingress, "signInAnnotations": proxy}}}), "Ingress"
    )
    assert behind["metadata"]["annotations"] == {**proxy, "a": "b"}
    own = render({"mlflow": {"ingress": ingress, "auth": {"enabled": True, "secretName": "s"}}})
    (server,) = pod_specs(own)["Deployment/release-videossr-mlflow"]["containers"]
    assert "--app-name=basic-auth" in server["args"]


def test_whom_a_pod_may_call_is_said() -> None:
    policies = {
        r["metadata"]["name"]: r["spec"] for r in render(FULL) if r["kind"] == "NetworkPolicy"
    }
    assert {name.rpartition("-")[2] for name in policies} == {"mlflow", "serving", "executions"}
    for policy in policies.values():
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert all("ports" in rule or "to" in rule for rule in policy["egress"]), (
            "a rule without either allows all"
        )
    assert _open_ports(policies["release-videossr-mlflow"]) == {53, 443, 9000, 5432}
    assert _open_ports(policies["release-videossr-serving"]) == {53, 443, 9000}
    assert _open_ports(policies["release-videossr-executions"]) == {53, 443, 9000, 81, 8089}
    peers = [
        rule["to"] for rule in policies["release-videossr-executions"]["egress"] if "to" in rule
    ]
    assert [{"podSelector": {}}] in peers
    assert [_component(to) for to in peers if "namespaceSelector" in to[0]] == ["mlflow", "serving"]


def test_where_the_places_outside_lie_is_for_the_values_to_narrow() -> None:
    inside, outside = (
        [{"ipBlock": {"cidr": "10.0.0.0/8"}}],
        [{"ipBlock": {"cidr": "203.0.113.0/24"}}],
    )
    more = {
        "to": [{"ipBlock": {"cidr": "169.254.169.254/32"}}],
        "ports": [{"protocol": "TCP", "port": 80}],
    }
    egress = {
        "objectStore": {"to": inside},
        "flyte": {"to": inside, "ports": []},
        "mlflow": {"to": outside},
    }
    values = {
        "mlflow": {"enabled": False, "externalUri": "https://mlflow.example/base"},
        "networkPolicy": {"egress": {**egress, "extra": [more]}},
    }
    rules = of_kind(render(values), "NetworkPolicy", "-executions")["spec"]["egress"]
    assert {"to": inside, "ports": [{"protocol": "TCP", "port": 81}]} in rules
    assert {"to": inside, "ports": [{"protocol": "TCP", "port": 443}]} in rules
    assert {"to": outside, "ports": [{"protocol": "TCP", "port": 443}]} in rules
    assert more in rules


def _open_ports(policy: Resource) -> set[int]:
    """Those that may be called anywhere."""
    return {
        port["port"] for rule in policy["egress"] if not rule.get("to") for port in rule["ports"]
    }


def _component(to: list[Resource]) -> str:
    (peer,) = to
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "platform"}
    return str(peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"])


def _with(spec: Resource, change: dict[str, Any]) -> Resource:
    """`spec` with the change in it, one level deep; None takes away."""
    changed = copy.deepcopy(spec)
    for name, value in change.items():
        if isinstance(value, dict):
            inner = {**changed.get(name, {}), **value}
            changed[name] = {key: inner[key] for key in inner if inner[key] is not None}
        else:
            changed[name] = value
    return changed
