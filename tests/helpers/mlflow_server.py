"""A real MLflow server in a process of its own, which tests kill and start again."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.ports import answers, free_port
from tests.helpers.warm import process as warm

_PROGRAM = """
import runpy, sys
sys.executable = sys.argv.pop(1)
runpy.run_module("mlflow", run_name="__main__", alter_sys=True)
"""
"""`python -m mlflow`, which starts its workers with `sys.executable`: as quick to start as it is
itself."""


def start_mlflow(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: IO[bytes] | None = None
) -> warm.WarmProcess:
    """`mlflow ARGS`; what it says goes to `log`."""
    command = ["python", "-c", _PROGRAM, str(warm.commands() / "python"), *args]
    return warm.start(
        command,
        cwd=cwd,
        env={**env, warm.FAMILY_VARIABLE: "web"},
        stdout=log,
        stderr=log,
        family="web",
    )


class MlflowServer:
    """`mlflow server` on sqlite in `folder`, always at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: warm.WarmProcess | None = None
        put_empty_database(folder / "server.db")

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        options = [
            *["server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"],
            *["--backend-store-uri", f"sqlite:///{self._folder}/server.db"],
            *["--artifacts-destination", f"{self._folder}/artifacts"],
        ]
        settings = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        self._process = start_mlflow(options, cwd=self._folder, env={**os.environ, **settings})
        while not answers(f"{self.uri}/health"):
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None


@contextmanager
def running_server(folder: Path) -> Iterator[MlflowServer]:
    """Started, and ended with the context."""
    server = MlflowServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
