"""A cluster for tests: a double of Flyte's services, the containers' own commands, S3 (moto), an MLflow server."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import boto3

from tasks.video.generate import generate_clips
from tests.helpers.flyte_admin import BUCKET, FlyteDouble
from tests.helpers.flyte_runner import Runner, aws_env
from tests.helpers.mlflow_server import MlflowServer
from tests.helpers.pyflyte import REPO_ROOT
from tests.helpers.warm import process as warm

IMAGES = ["--image=registry.example/cpu:1", "--image=cpu=registry.example/cpu:1", "--image=gpu=registry.example/gpu:1"]
POLL = ["--poll-interval=1"]
"""Seconds; flytekit looks every thirty otherwise."""
PLACE = ["--project=videossr", "--domain=production"]


class Cluster:
    """Everything around the workflows, and a copy of the package outside the checkout."""

    def __init__(self, folder: Path, env: dict[str, str], endpoint: str) -> None:
        self.endpoint = endpoint
        self.s3 = boto3.client("s3", endpoint_url=endpoint)
        self.mlflow = MlflowServer(folder)
        self.mlflow.start()
        self.env = env | aws_env(self.endpoint) | {"OMP_NUM_THREADS": "1"}
        self.env.pop("PYTHONPATH")
        self.env.pop("COLUMNS")
        self.runner = Runner(self.endpoint, self.env, folder / "pods")
        self.double = FlyteDouble(self.endpoint, self.runner)
        self.runner.double = self.double
        self.checkout = folder / "elsewhere"
        self.checkout.mkdir()
        for name in ("rewards", "tasks", "workflows"):
            shutil.copytree(REPO_ROOT / name, self.checkout / name, ignore=shutil.ignore_patterns("__pycache__"))

    def pyflyte(self, *args: str) -> "subprocess.CompletedProcess[str]":
        env = self.env | {
            "FLYTE_PLATFORM_URL": f"127.0.0.1:{self.double.port}",
            "FLYTE_PLATFORM_INSECURE": "true",
        }
        return warm.run(["pyflyte", *args], cwd=self.checkout, env=env)

    def put_videos(self, prefix: str, folder: Path, num_clips: int) -> None:
        """Generated videos, through `folder` below `prefix` of the bucket."""
        for path in generate_clips(folder, num_clips=num_clips, seed=0):
            self.s3.upload_file(str(path), BUCKET, f"{prefix}/{path.name}")

    def register(self) -> None:
        """Everything as version v1, with the code in the images."""
        done = self.pyflyte("register", *PLACE, *IMAGES, "--version=v1", "--non-fast", "workflows")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def stop(self) -> None:
        self.double.stop()
        self.mlflow.kill()

    def deploy(self, deployment: Mapping[str, object]) -> None:
        """What this cluster decides, and the package where the images have it."""
        path = self.checkout / "deployment.json"
        path.write_text(json.dumps(deployment))
        self.env["VIDEOSSR_DEPLOYMENT"] = str(path)
        self.env["PYTHONPATH"] = self.runner.env["PYTHONPATH"] = str(self.checkout)
