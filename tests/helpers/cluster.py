"""A cluster for tests: a double of Flyte's services, the pods' own commands, S3 (moto), an MLflow
server.

The laptop that registers and starts is `env` and the folder `checkout`; nothing of it reaches a pod
but through what is registered. Keys of the object store are a secret in the namespace of the
executions.
"""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3

from tasks.video.generate import generate_clips
from tests.helpers.flyte_admin import BUCKET, FlyteDouble
from tests.helpers.flyte_runner import Runner, aws_env, propeller_env
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.pods import PACKAGES
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.warm import process as warm

IMAGES = [
    "--image=registry.example/cpu:1",
    "--image=cpu=registry.example/cpu:1",
    "--image=gpu=registry.example/gpu:1",
]
POLL = ["--poll-interval=1"]
"""Seconds; flytekit looks every thirty otherwise."""
PLACE = ["--project=videossr", "--domain=production"]
SECRET = "object-store"
"""Keys and address of the object store, as the chart makes it."""


class Backend:
    """Flyte, its pods and the object store for one package of workflows, and a laptop that
    registers and starts them.

    Whoever makes it has keys of the object store in its own environment.
    """

    def __init__(self, folder: Path, env: dict[str, str], endpoint: str, workflows: Path) -> None:
        self.endpoint = endpoint
        self.runner = Runner(endpoint, propeller_env(endpoint), folder / "pods")
        self.double = FlyteDouble(endpoint, self.runner)
        self.runner.double = self.double
        self.runner.secrets = {SECRET: aws_env(endpoint)}
        self.checkout = folder / "elsewhere"
        self.checkout.mkdir()
        for name in PACKAGES:
            shutil.copytree(
                workflows if name == "workflows" else REPO_ROOT / name, self.checkout / name
            )
        self.runner.code = self.checkout
        self.flyte = {
            "FLYTE_PLATFORM_URL": f"127.0.0.1:{self.double.port}",
            "FLYTE_PLATFORM_INSECURE": "true",
        }
        self.env = env | aws_env(endpoint) | self.flyte | {"OMP_NUM_THREADS": "1"}
        self.env["PYTHONPATH"] = str(self.checkout)
        self.env.pop("COLUMNS")
        self.deploy({})

    def pyflyte(self, *args: str) -> "subprocess.CompletedProcess[str]":
        return warm.run(["pyflyte", *args], cwd=self.checkout, env=self.env)

    def register(self, version: str = "v1") -> "subprocess.CompletedProcess[str]":
        """Everything, with the code in the images."""
        return self.pyflyte(
            "register", *PLACE, *IMAGES, f"--version={version}", "--non-fast", "workflows"
        )

    def stop(self) -> None:
        self.double.stop()

    def deploy(self, deployment: Mapping[str, Any]) -> None:
        """What this cluster decides, from now on: `deployment`, and that pods get the object store
        and find Flyte."""
        env = {**self.flyte, "VIDEOSSR_IMAGE": "registry.example/cpu:1"}
        pods = {"secrets": [SECRET], "env": env, **deployment.get("pods", {})}
        path = self.checkout.with_name("deployment.json")
        path.write_text(json.dumps({**deployment, "pods": pods}))
        self.env["VIDEOSSR_DEPLOYMENT"] = str(path)


class Cluster(Backend):
    """The product on a cluster whose namespace of executions has the restricted Pod Security
    standard, with MLflow."""

    def __init__(self, folder: Path, env: dict[str, str], endpoint: str) -> None:
        super().__init__(folder, env, endpoint, REPO_ROOT / "workflows")
        self.runner.is_restricted = True
        self.s3 = boto3.client("s3", endpoint_url=endpoint)
        self.mlflow = MlflowServer(folder)
        self.mlflow.start()

    def put_videos(self, prefix: str, folder: Path, num_clips: int) -> None:
        """Generated videos, through `folder` below `prefix` of the bucket."""
        for path in generate_clips(folder, num_clips=num_clips, seed=0):
            self.s3.upload_file(str(path), BUCKET, f"{prefix}/{path.name}")

    def put_folder(self, prefix: str, folder: Path) -> None:
        """All files of `folder` below `prefix` of the bucket."""
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder)}"
                self.s3.upload_file(str(path), BUCKET, key)

    def stop(self) -> None:
        super().stop()
        self.mlflow.kill()
