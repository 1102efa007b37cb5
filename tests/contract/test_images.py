"""The Dockerfiles, without a container engine: hadolint, and what their pip layers install."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pyflyte import REPO_ROOT

IMAGES = sorted((REPO_ROOT / "images").glob("*.Dockerfile"))
UV = str(Path(sys.executable).with_name("uv"))
OFFLINE = ("error sending request", "dns error", "Failed to fetch", "Could not connect", "network connectivity")


def installs(dockerfile: Path) -> list[list[str]]:
    """The arguments of every `uv pip install` of a Dockerfile."""
    text = dockerfile.read_text().replace("\\\n", " ")
    return [shlex.split(command)[1:] for command in re.findall(r"uv pip install [^\n&]+", text)]


def uv(arguments: list[str], *options: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run([UV, *arguments, *options], cwd=REPO_ROOT, capture_output=True, text=True, check=False)
    if done.returncode and any(word in done.stderr for word in OFFLINE):
        pytest.skip("the package index cannot be reached")
    return done


@pytest.fixture
def empty_environment(tmp_path: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    return tmp_path / "venv"


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
def test_what_the_image_installs_resolves(dockerfile: Path, empty_environment: Path) -> None:
    packages, project = installs(dockerfile)
    assert project[-2:] == ["--no-deps", "."], "the packages come first, in a layer of their own"
    arguments = [argument.replace("/opt/venv", str(empty_environment)) for argument in packages]
    done = uv(arguments, "--dry-run")
    assert done.returncode == 0, done.stderr
    would_install = set(re.findall(r"^ \+ ([\w.-]+)==", done.stderr, re.MULTILINE))
    assert {"flytekit", "mlflow", "torch", "deepspeed", "transformers"} <= would_install
    assert ("vllm" in would_install) == (dockerfile.stem == "gpu")
    assert not {"pytest", "mypy", "ruff"} & would_install


@pytest.mark.parametrize("dockerfile", IMAGES, ids=lambda path: path.stem)
def test_what_is_copied_is_what_the_build_may_see(dockerfile: Path) -> None:
    allowed = {line[1:] for line in (REPO_ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+)$", dockerfile.read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()[:-1]}
    assert {"pyproject.toml", "rewards", "tasks", "workflows"} <= names <= allowed
    assert all((REPO_ROOT / name).exists() for name in allowed)


@pytest.mark.slow
def test_the_entry_that_flyte_calls_runs_in_what_the_cpu_image_installs(empty_environment: Path) -> None:
    for arguments in installs(REPO_ROOT / "images" / "cpu.Dockerfile"):
        done = uv([a.replace("/opt/venv", str(empty_environment)) for a in arguments], "-q")
        assert done.returncode == 0, done.stderr
    python = empty_environment / "bin" / "python"
    program = "import workflows.retrain as w; print(w.__file__); print(sorted(n.id for n in w.retrain.nodes)[0])"
    environment = {"PATH": os.environ["PATH"], "HOME": str(empty_environment)}
    loaded = subprocess.run(
        [python, "-c", program], cwd="/", env=environment, capture_output=True, text=True, check=False
    )
    assert loaded.returncode == 0, loaded.stderr
    assert str(empty_environment) in loaded.stdout, "the installed package, not this checkout"
    entry = subprocess.run(
        [python.with_name("pyflyte-execute"), "--help"], env=environment, capture_output=True, check=False
    )
    assert entry.returncode == 0
