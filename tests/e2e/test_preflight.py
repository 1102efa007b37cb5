"""`make preflight` against real services where they run here, a double of Flyte, and Kubernetes' answers by hand."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.flyte_admin import BUCKET, FlyteDouble
from tests.helpers.flyte_runner import Runner, aws_env
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.s3_server import s3_server
from tests.helpers.warm import process as warm


def _listed(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": list(items)}


def _named(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name} | more.pop("metadata", {}), **more}


def _answers(gpus: str) -> dict[str, dict[str, Any]]:
    """By path, shaped as the Kubernetes API documents these lists."""
    crd = {"group": "kubeflow.org", "names": {"kind": "PyTorchJob", "plural": "pytorchjobs"}, "scope": "Namespaced",
           "versions": [{"name": "v1", "served": True, "storage": True}]}  # fmt: skip
    default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    return {
        "/api/v1/nodes": _listed("Node", _named("a", status={"allocatable": {"cpu": "96", "nvidia.com/gpu": gpus}}),
                                 _named("b", status={"allocatable": {"cpu": "8"}})),
        "/api/v1/namespaces": _listed("Namespace", _named("default"), _named("videossr-production")),
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": _listed(
            "CustomResourceDefinition", _named("pytorchjobs.kubeflow.org", spec=crd)),
        "/apis/storage.k8s.io/v1/storageclasses": _listed(
            "StorageClass", _named("fast", provisioner="csi.example", metadata=default)),
    }  # fmt: skip


class Kubernetes:
    """An HTTP server with the four lists, and a kubeconfig for it."""

    def __init__(self, folder: Path, gpus: str) -> None:
        answers = _answers(gpus)

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers[self.path.split("?")[0]]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        cluster = {"server": f"http://127.0.0.1:{self.server.server_port}"}
        self.kubeconfig = folder / "kubeconfig"
        self.kubeconfig.write_text(
            json.dumps(
                {"apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
                 "clusters": [{"name": "k", "cluster": cluster}],
                 "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]}
            )
        )  # fmt: skip


def _preflight(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = warm.run(["python", "-m", "tasks.preflight", *arguments], cwd=REPO_ROOT, env=env)
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout


@pytest.fixture
def s3() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.mark.slow
def test_with_everything_there_it_is_ready(tmp_path: Path, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in aws_env(s3).items():
        monkeypatch.setenv(name, value)
    double = FlyteDouble(s3, Runner(s3, {}, tmp_path))
    mlflow, kubernetes = MlflowServer(tmp_path), Kubernetes(tmp_path, gpus="8")
    mlflow.start()
    env = aws_env(s3) | {"KUBECONFIG": str(kubernetes.kubeconfig), "HOME": str(tmp_path)}
    places = [f"--endpoint=127.0.0.1:{double.port}", f"--data-root=s3://{BUCKET}/data", f"--tracking-uri={mlflow.uri}"]
    try:
        code, said = _preflight(env, *places, "--image=cpu=registry.example/cpu:0.1.0")
        assert code == 0, said
        assert said.splitlines()[-1] == "ready"
        for text in ("videossr/production", "written, read, deleted", "answers, version 3", "1 nodes with 8", "fast"):
            assert text in said
        code, said = _preflight(env, *places, "--project=other", "--image=gpu=registry.example/gpu:latest")
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
        kubernetes.server.shutdown()
        kubernetes.server.server_close()


@pytest.mark.slow
def test_with_nothing_there_every_line_says_what_to_do(tmp_path: Path) -> None:
    env = {"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path), "PATH": ""}
    places = ["--endpoint=127.0.0.1:9", "--data-root=/proc/none", "--tracking-uri=http://127.0.0.1:9"]
    code, said = _preflight(env, *places)
    assert code == 1
    lines = said.splitlines()
    assert [line.split()[0] for line in lines] == ["unreachable"] * 3 + ["skipped", "unreachable", "4"]
    assert all(";" in line for line in lines[:-1])
