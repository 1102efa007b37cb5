"""What the Dockerfiles install, and the installer that does it."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.dockerfile import read_stages
from tests.helpers.image import is_offline
from tests.helpers.pyflyte import REPO_ROOT


def installs(dockerfile: Path) -> list[list[str]]:
    """The arguments of every `uv pip install` of a Dockerfile."""
    runs = [
        each.value for stage in read_stages(dockerfile.read_text()) for each in stage.instructions
    ]
    return [
        shlex.split(value.partition("&&")[0])[1:]
        for value in runs
        if value.startswith("uv pip install")
    ]


def uv(arguments: list[str], *options: str) -> "subprocess.CompletedProcess[str]":
    """Skips the test where the package index cannot be reached."""
    command = [str(Path(sys.executable).with_name("uv")), *arguments, *options]
    done = subprocess.run(command, cwd=REPO_ROOT, capture_output=True, text=True, check=False)
    if is_offline(done.stderr):
        pytest.skip("the package index cannot be reached")
    return done
