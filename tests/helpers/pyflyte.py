"""Runs the real `pyflyte` command in a process of its own, away from the user's home and temporary folder."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

REPO_ROOT = Path(__file__).resolve().parents[2]
_PYFLYTE = Path(sys.executable).with_name("pyflyte")


def isolated_env(folder: Path, torch_extensions: Path) -> dict[str, str]:
    """Environment whose HOME and TMPDIR lie in `folder`; what DeepSpeed compiles is kept in `torch_extensions`."""
    home, temporary = folder / "home", folder / "tmp"
    home.mkdir()
    temporary.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "COLUMNS": "400",  # messages stand in a box that would wrap them
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(REPO_ROOT),
        "TORCH_EXTENSIONS_DIR": str(torch_extensions),
        "FLYTE_LOCAL_CACHE_ENABLED": "false",
        "HF_HUB_OFFLINE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Tests run beside each other: threads that wait by spinning would stand in each other's way.
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "false",
    }


def run_pyflyte(
    args: Sequence[str], *, env: Mapping[str, str], cwd: Path = REPO_ROOT, timeout_seconds: float = 500.0
) -> subprocess.CompletedProcess[str]:
    """`pyflyte` with `args`, e.g. ["run", "workflows/retrain.py", "retrain", "--preset", "smoke"]."""
    return subprocess.run(
        [str(_PYFLYTE), *args],
        cwd=cwd,
        env=dict(env),
        timeout=timeout_seconds,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
