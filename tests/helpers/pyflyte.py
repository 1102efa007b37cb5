"""Runs the real `pyflyte` command in a process of its own, away from the user's home and temporary
folder."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.helpers.warm import process as warm
from tests.helpers.warm.server import PLAIN

REPO_ROOT = Path(__file__).resolve().parents[2]


def isolated_env(folder: Path) -> dict[str, str]:
    """Environment whose HOME and TMPDIR lie in `folder`."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir(exist_ok=True)
    temporary.mkdir(exist_ok=True)
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "COLUMNS": "400",  # messages stand in a box that would wrap them
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(REPO_ROOT),
        # vLLM would compile a helper of its own for this CPU in every process, for 17 seconds each.
        "TORCHDYNAMO_DISABLE": "1",
        # Else it asks another process, for ten seconds, what kind of model Qwen3-VL is.
        "VLLM_CACHE_ROOT": os.environ.get("VLLM_CACHE_ROOT", os.path.expanduser("~/.cache/vllm")),
        "FLYTE_LOCAL_CACHE_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Tests run beside each other: threads that wait by spinning would stand in each other's
        # way.
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }


def run_pyflyte(
    args: Sequence[str], *, env: Mapping[str, str], cwd: Path = REPO_ROOT, family: str = PLAIN
) -> "subprocess.CompletedProcess[str]":
    """`pyflyte` with `args`, e.g. ["run", "workflows/retrain.py", "retrain", "--preset",
    "smoke"]."""
    return warm.run(["pyflyte", *args], cwd=cwd, env=env, family=family)


def run_cold_pyflyte(
    args: Sequence[str], *, env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    """The same as a person starts it, with an interpreter and settings of its own: slow to
    start."""
    command = [str(Path(sys.executable).with_name("pyflyte")), *args]
    return subprocess.run(
        command,
        cwd=REPO_ROOT,
        env=dict(env),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
