"""The Dockerfiles as they stand: hadolint, what they copy, and what their pip layers would
install."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.dockerfile import read_stages
from tests.helpers.image import IMAGES
from tests.helpers.installs import installs, uv
from tests.helpers.pyflyte import REPO_ROOT


@pytest.mark.slow
@pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.stem)
def test_hadolint_finds_nothing(dockerfile: Path) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), dockerfile],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.stem)
def test_what_the_image_installs_resolves(dockerfile: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    packages, project = installs(dockerfile)
    assert project[-2:] == ["--no-deps", "."], "the packages come first, in a layer of their own"
    arguments = [argument.replace("/opt/venv", str(tmp_path / "venv")) for argument in packages]
    done = uv(arguments, "--dry-run")
    assert done.returncode == 0, done.stderr
    would_install = set(re.findall(r"^ \+ ([\w.-]+)==", done.stderr, re.MULTILINE))
    assert {"flytekit", "mlflow", "torch", "deepspeed", "transformers"} <= would_install
    assert ("vllm" in would_install) == (dockerfile.stem == "gpu")
    assert not {"pytest", "mypy", "ruff"} & would_install


@pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.stem)
def test_what_is_copied_is_what_the_build_may_see(dockerfile: Path) -> None:
    allowed = {
        line[1:]
        for line in (REPO_ROOT / ".dockerignore").read_text().split()
        if line.startswith("!")
    }
    steps = [step for stage in read_stages(dockerfile.read_text()) for step in stage.instructions]
    copied = [step.value for step in steps if step.keyword == "COPY" and "from" not in step.flags]
    names = {name for line in copied for name in line.split()[:-1]}
    assert {"pyproject.toml", "rewards", "tasks", "workflows"} <= names <= allowed
    assert all((REPO_ROOT / name).exists() for name in allowed)
