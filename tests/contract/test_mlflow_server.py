"""The MLflow server with the very command line that the chart renders, on a real PostgreSQL and an
S3 server.

It asks for a sign-in, as the chart's `mlflow.auth` makes it do; users lie in the same database.
"""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import boto3
import pytest

from tests.helpers.chart import FULL, containers, pod_specs, render
from tests.helpers.mlflow_server import start_mlflow
from tests.helpers.ports import answers, free_port
from tests.helpers.s3_server import s3_server
from tests.helpers.warm import process as warm
from tests.helpers.warm.process import WarmProcess

POSTGRES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        POSTGRES is None, reason="needs PostgreSQL (Debian: apt install postgresql)"
    ),
]
ADMIN, STAGES = ("admin", "a long password"), ("videossr", "another password")
CLIENT = """
import sys, mlflow
uri, step = sys.argv[1:]
client = mlflow.MlflowClient(uri)
if step == "write":
    run = client.create_run(client.create_experiment("chart"))
    client.log_metric(run.info.run_id, "reward/mean", 0.5)
    client.log_text(run.info.run_id, "a report", "report.html")
    client.create_registered_model("videossr")
    version = client.create_model_version(
        "videossr", f"runs:/{run.info.run_id}/report.html", run.info.run_id
    )
    client.set_registered_model_alias("videossr", "champion", version.version)
version = client.get_model_version_by_alias("videossr", "champion")
run = client.get_run(version.run_id)
path = client.download_artifacts(run.info.run_id, "report.html")
print(run.data.metrics["reward/mean"], open(path).read(), version.version)
"""


def test_runs_models_and_artifacts_outlive_a_restart(tmp_path: Path) -> None:
    with _postgres(tmp_path) as database, _s3() as s3:
        port = free_port()
        with _mlflow(port, database, s3, tmp_path) as uri:
            _make_user(uri)
            assert _client(uri, "write", tmp_path) == "0.5 a report 1"
            assert _status(uri, host="elsewhere.example") == 403
            assert _status(uri) == 401
            assert _status(uri, user=("videossr", "a guess")) == 401
            assert _status(uri, user=STAGES) == 200
        with _mlflow(port, database, s3, tmp_path) as uri:
            assert _client(uri, "read", tmp_path) == "0.5 a report 1"
    assert not list(tmp_path.glob("**/mlflow.db"))
    assert not list(tmp_path.glob("**/mlartifacts")), "artifacts went to the object store"


def _client(uri: str, step: str, folder: Path) -> str:
    user, password = STAGES
    signed_in = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
    environment = {**os.environ, **signed_in, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = warm.run(["python", "-c", CLIENT, uri, step], cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def _make_user(uri: str) -> None:
    """As the chart's README says."""
    body = json.dumps(dict(zip(("username", "password"), STAGES, strict=True))).encode()
    headers = {"Content-Type": "application/json", **_signed_in(ADMIN)}
    request = urllib.request.Request(
        f"{uri}/api/2.0/mlflow/users/create", data=body, headers=headers
    )
    urllib.request.urlopen(request, timeout=30).close()


def _signed_in(user: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(':'.join(user).encode()).decode()}"}


def _status(uri: str, *, host: str = "", user: tuple[str, str] | None = None) -> int:
    headers = {**({"Host": host} if host else {}), **(_signed_in(user) if user else {})}
    request = urllib.request.Request(
        f"{uri}/api/2.0/mlflow/experiments/get?experiment_id=0", headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@contextmanager
def _mlflow(port: int, database: str, s3: dict[str, str], folder: Path) -> Iterator[str]:
    values = {**FULL, "mlflow": {**FULL["mlflow"], "service": {"port": port}, "workers": 1}}
    (container,) = containers(pod_specs(render(values))["Deployment/release-videossr-mlflow"])
    secret = {
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test",
    }
    mounted = {"MLFLOW_AUTH_CONFIG_PATH": str(_users(folder, database))}
    written = {v["name"]: v["value"] for v in container["env"] if "value" in v}
    environment = {
        "PATH": os.environ["PATH"],
        **written,
        **secret,
        **mounted,
        **s3,
        "HOME": str(folder),
    }
    program, *args = [*container["command"], *container["args"]]
    assert program == "mlflow"
    uri = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        server = start_mlflow(args, cwd=folder, env=environment, log=log)
        try:
            _wait(lambda: answers(f"{uri}/health"), server, log)
            yield uri
        finally:
            if server.poll() is None:
                os.kill(server.pid, signal.SIGTERM)
            server.wait()


def _users(folder: Path, database: str) -> Path:
    """What the secret of mlflow.auth holds, as the chart's README makes it."""
    name, password = ADMIN
    lines = ["[mlflow]", "default_permission = READ", f"database_uri = {database}"]
    path = folder / "basic_auth.ini"
    path.write_text(
        "\n".join([*lines, f"admin_username = {name}", f"admin_password = {password}", ""])
    )
    return path


@contextmanager
def _s3() -> Iterator[dict[str, str]]:
    with s3_server() as uri:
        environment = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_ENDPOINT_URL": uri,
        }
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
        boto3.client("s3", endpoint_url=uri, region_name="us-east-1", **keys).create_bucket(
            Bucket="videossr"
        )
        yield {**environment, "MLFLOW_S3_ENDPOINT_URL": uri}


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    """A database of its own, under another user where this one is root (PostgreSQL refuses
    root)."""
    assert POSTGRES is not None
    data, port = Path("/tmp") / f"videossr-postgres-{os.getpid()}", free_port()
    user: dict[str, str] = {"user": "postgres"} if os.geteuid() == 0 else {}
    data.mkdir()
    if user:
        shutil.chown(data, "postgres")
    try:
        initdb = [POSTGRES / "initdb", "-D", data, "-U", "mlflow", "--auth=trust", "--no-sync"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd="/", **user)  # type: ignore[call-overload]
        command = [
            POSTGRES / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-h",
            "127.0.0.1",
            "-k",
            data,
            "-F",
        ]
        with tempfile.TemporaryFile() as log:
            server = subprocess.Popen(
                command, cwd="/", stdout=log, stderr=subprocess.STDOUT, **user
            )  # type: ignore[call-overload]
            try:
                _wait(lambda: _accepts(port), server, log)
                yield f"postgresql://mlflow@127.0.0.1:{port}/postgres"
            finally:
                server.terminate()
                server.wait()
    finally:
        shutil.rmtree(data)


def _wait(
    condition: Callable[[], bool], server: "subprocess.Popen[bytes] | WarmProcess", log: IO[bytes]
) -> None:
    while not condition():
        if server.poll() is not None:
            log.seek(0)
            pytest.fail(
                f"no answer, exit code {server.poll()}: "
                f"{log.read().decode(errors='replace')[-3000:]}"
            )
        time.sleep(0.2)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
