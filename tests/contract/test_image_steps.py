"""What the Dockerfiles make: their steps are run one by one, and their programs as a pod, or an
engine, starts them."""

import re
import shlex
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.deployment.pods import HOME
from tests.helpers.image import IMAGES, Image, StepError, is_offline, replay
from tests.helpers.root import why_not
from tests.helpers.vllm_name import name_vllm

pytestmark = pytest.mark.slow

STAGE = (HOME, "/tmp")
"""Where the pod of a stage may write (`tasks/deployment/pods.py`)."""
CHART = ("/tmp",)
"""Where every pod of the chart may."""
PROGRAMS = {
    "pyflyte": CHART,
    "pyflyte-execute": STAGE,
    "pyflyte-fast-execute": STAGE,
    "pyflyte-map-execute": STAGE,
}
"""And where the pod that starts it may write; MLflow and vLLM are started below."""
IMPORT_ALL = """
import importlib, pkgutil, rewards, tasks, workflows

for package in (rewards, tasks, workflows):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
files = {line.split()[-1] for line in open("/proc/self/maps") if "/usr/lib" in line}
print(*sorted(file.rpartition("/")[2] for file in files if ".so" in file))
"""
OF_THE_BASE = re.compile(
    r"(?:ld-linux.*|lib(?:bz2|c|crypto|dl|ffi|gcc_s|lzma|m|mvec|pthread|rt|sqlite3|ssl|stdc\+\+|util|uuid|z|expat))\.so.*"
    r"|libfribidi\.so.*"
)
"""Libraries of python:slim: of libc6, of what apt itself needs, and of what the interpreter is
linked to. Pillow takes libfribidi where there is one."""


@pytest.fixture(scope="module", params=IMAGES, ids=lambda path: path.stem)
def image(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Image]:
    """The GPU image with the packages of the tests' environment: its own libraries are several
    GB."""
    if why_not():
        pytest.skip(f"no root file system can be made here: {why_not()}")
    folder = tmp_path_factory.mktemp(request.param.stem)
    try:
        made = replay(request.param, folder, borrow="--extra gpu")
    except StepError as error:
        if is_offline(str(error)):
            pytest.skip("the package index cannot be reached")
        raise
    if request.param.stem == "gpu":
        (packages,) = made.root.path("opt/venv/lib").glob("python3.*/site-packages")
        name_vllm(packages)
    yield made
    shutil.rmtree(folder)


def test_the_user_is_nobody_special_and_starts_at_home(image: Image) -> None:
    assert image.user == "10001:10001"
    assert image.folder == HOME, "where the pod of a stage starts, too"
    done = image.run(["sh", "-c", "id -un; id -gn; pwd; echo $HOME; touch here && ls"])
    assert done.stdout.split() == ["videossr", "videossr", HOME, HOME, "here"], done.stderr


def test_code_and_packages_are_roots_and_nobody_elses_to_write(image: Image) -> None:
    found = image.run(
        [
            "find",
            "/app",
            "/opt/venv",
            "(",
            "!",
            "-user",
            "0",
            "-o",
            "!",
            "-group",
            "0",
            "-o",
            "-writable",
            ")",
        ]
    )
    assert (found.returncode, found.stdout) == (0, "")
    refused = image.run(["touch", "/app/workflows/retrain.py", "/opt/venv/new", "/new"])
    assert refused.stderr.count("Permission denied") == 3


def test_everything_is_imported_with_what_the_base_image_has(image: Image) -> None:
    done = image.run(["python", "-c", IMPORT_ALL], home=HOME, scratch=STAGE)
    assert done.returncode == 0, done.stderr
    libraries = done.stdout.splitlines()[-1].split()
    assert "libc.so.6" in libraries
    assert [name for name in libraries if not OF_THE_BASE.fullmatch(name)] == []


@pytest.mark.parametrize("folder", [HOME, "/app"])
def test_workflows_are_imported_wherever_a_container_starts(image: Image, folder: str) -> None:
    program = (
        "import tasks, workflows.launch_plans as plans; print(tasks.__file__, "
        "plans.retrain_nightly.name)"
    )
    done = image.run(["python", "-c", program], folder=folder, home=HOME, scratch=STAGE)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"/opt/venv/lib/python3\.\d+/site-packages/tasks/__init__\.py retrain_nightly\n",
        done.stdout,
    )


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_of_flyte_start(image: Image, program: str) -> None:
    scratch = PROGRAMS[program]
    done = image.run([program, "--help"], home=scratch[0], scratch=scratch)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


@pytest.mark.parametrize("scratch", [STAGE, ()], ids=["stage", "alone"])
def test_code_that_comes_with_a_run_is_unpacked_where_the_container_starts(
    image: Image, scratch: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "__init__.py").write_text("")
    archive = image.root.path("srv/code.tar.gz")
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(tmp_path / "tasks", "tasks")
    brought = ["--additional-distribution", "/srv/code.tar.gz", "--dest-dir", "."]
    program = ["python", "-c", "import tasks; print(tasks.__file__)"]
    done = image.run(["pyflyte-fast-execute", *brought, "--", *program], scratch=scratch)
    assert (done.returncode, done.stdout) == (0, f"{HOME}/tasks/__init__.py\n"), done.stderr


def test_by_itself_the_image_serves_and_says_whether_it_does(image: Image) -> None:
    """MLflow answers; the GPU image has nothing to serve by itself, and says how."""
    assert image.run(image.health, scratch=CHART).returncode == 1
    if _title(image) == "videossr-gpu":
        done = image.run(image.command, home="/tmp", scratch=CHART)
        assert "serve" in done.stdout, done.stderr
    else:
        health, server = shlex.join(image.health), shlex.join(image.command)
        script = (
            f"{server} > /tmp/said 2>&1 & while kill -0 $! && ! {health}; do sleep 1; done; "
            "cat /tmp/said"
        )
        done = image.run(["sh", "-c", script], home="/tmp", scratch=CHART)
        assert "Uvicorn running on http://0.0.0.0:5000" in done.stdout


def _title(image: Image) -> str:
    return image.labels["org.opencontainers.image.title"]
