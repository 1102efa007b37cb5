"""The process that others are forked from: `python server.py FOLDER OWNER`. It holds libraries
only, nothing of ours.

A client connects to the socket `FOLDER/plain`, sends what to run with its three streams, and is
told the new process's number and, in the end, how it ended. A client that closes the connection
before that ends the process and its whole group. A client that is in a room (`room.py`) gets its
process there. Libraries that others cannot stand have a server of their own, forked from the first
(`FAMILIES`). All servers end with the process OWNER.
"""

import atexit
import fcntl
import gc
import importlib
import json
import multiprocessing
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

PLAIN = "plain"
FAMILIES = {
    PLAIN: (
        "torch",
        "torchvision",
        "transformers.models.qwen3_vl.modeling_qwen3_vl",
        "safetensors.torch",
        "deepspeed",
        "peft",
        "mlflow",
        "mlflow.pyfunc",
        "great_expectations",
        "pandas",
        "pyarrow.parquet",
        "boto3",
        "s3fs",
        "openai",
        "matplotlib.pyplot",
        "scipy.stats",
        "av",
        "jinja2",
        "PIL.Image",
        "grpc",
        "flyteidl.admin.task_pb2",
        "rich_click",
        "pydantic",
        "hypothesis",
        "pytest",
    ),
    "flyte": (
        "mashumaro.jsonschema",
        "msgpack",
        "flytekit",
        "flytekit.bin.entrypoint",
        "flytekit.clis.sdk_in_container.pyflyte",
    ),
    "web": ("mlflow.server", "uvicorn", "moto.server"),
    "vllm": (
        "vllm",
        "vllm.entrypoints.llm",
        "vllm.v1.worker.cpu_worker",
        "vllm.model_executor.models.qwen3_vl",
    ),
}
"""What takes long to import and reads no setting of a run while it is imported (but
`_read_settings_again`). Flytekit makes its temporary folder then: that counts for local runs, not
for containers. vLLM's engine does not start where Flask's globals are, so the servers that use
Flask stand apart."""
_SERVE = "serve"
_OWNER_SECONDS = 2.0
_MOST_FILES, _OUT_OF_THE_WAY = 250, 1000
CHILDREN_VARIABLE = "WARM_CHILDREN"
"""The `python` with which the process starts its own by multiprocessing, if they shall be warm
too."""


@dataclass
class Job:
    """What a client asked for: arguments of `python`, and where. Or a family to serve."""

    args: list[str]
    cwd: str
    env: dict[str, str]
    numbers: list[int]
    """Which files it shall have open: the standard streams, and what a parent hands on."""
    files: list[int]
    """The same ones, as they are numbered here."""
    room: dict[str, Any] | None = None
    """Where it shall be, a `room.Room`; None is where whoever asks for it is."""

    def run(self) -> None:
        """Become the process that was asked for, and do what `python ARGS` does."""
        kept = [fcntl.fcntl(file, fcntl.F_DUPFD, _OUT_OF_THE_WAY) for file in self.files]
        for file in self.files:
            os.close(file)
        for number, file in zip(self.numbers, kept, strict=True):
            os.dup2(file, number)
            os.close(file)
        if self.room is not None:
            _rooms()["enter"](self.room)
        os.environ.clear()
        os.environ.update(self.env)
        os.chdir(self.cwd)
        tempfile.tempdir = None
        _read_settings_again()
        for stream_name in ("stdout", "stderr"):
            getattr(sys, stream_name).reconfigure(write_through="PYTHONUNBUFFERED" in self.env)
        if CHILDREN_VARIABLE in self.env:
            multiprocessing.set_executable(self.env[CHILDREN_VARIABLE])
        path = [entry for entry in self.env.get("PYTHONPATH", "").split(os.pathsep) if entry]
        match self.args:
            case ["-m", module, *rest]:
                sys.path[:0], sys.argv = [self.cwd, *path], [module, *rest]
                runpy.run_module(module, run_name="__main__", alter_sys=True)
            case ["-c", program, *rest]:
                sys.path[:0], sys.argv = ["", *path], ["-c", *rest]
                exec(program, {"__name__": "__main__"})
            case [script, *rest]:
                sys.path[:0], sys.argv = [str(Path(script).parent), *path], [script, *rest]
                runpy.run_path(script, run_name="__main__")


class Server:
    """Forks a process for every connection."""

    def __init__(self, socket_path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{socket_path}.new")
        self._listener.listen(64)
        os.chmod(
            f"{socket_path}.new", 0o666
        )  # for users in rooms; nobody else gets into its folder
        os.rename(f"{socket_path}.new", socket_path)  # there only when it can be used
        self._wake, wake = os.pipe2(os.O_NONBLOCK)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._running: dict[int, socket.socket] = {}

    def serve(self, owner: int) -> Job | None:
        """Returns what to run, in a new process; and None in this one, when the owner has ended."""
        while Path(f"/proc/{owner}").exists():
            for key, _ in self._selector.select(_OWNER_SECONDS):
                if key.fileobj is self._listener:
                    job = self._accept()
                    if job is not None:
                        return job
                elif key.fileobj == self._wake:
                    os.read(self._wake, 4096)
                    self._report_ended()
                else:
                    self._end(key.data)
        for pid in list(self._running):
            self._end(pid)
        return None

    def _accept(self) -> Job | None:
        connection, _ = self._listener.accept()
        job = _received(connection)
        if job is None:
            connection.close()
            return None
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            _tell(connection, {"pid": os.getpid()})  # only now can its group be sent signals
            _rooms()["join"](connection)
            for fileobj in (*self._running.values(), connection, self._listener):
                fileobj.close()
            self._selector.close()
            return job
        for file in job.files:
            os.close(file)
        if job.args[0] == _SERVE:
            connection.close()
            return None
        self._running[pid] = connection
        self._selector.register(connection, selectors.EVENT_READ, pid)
        return None

    def _report_ended(self) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                connection = self._running.pop(ended[0], None)
                if connection is not None:
                    self._selector.unregister(connection)
                    _tell(connection, {"code": os.waitstatus_to_exitcode(ended[1])})
                    connection.close()

    def _end(self, pid: int) -> None:
        """The client of `pid` is gone."""
        connection = self._running.pop(pid, None)
        if connection is not None:
            self._selector.unregister(connection)
            connection.close()
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def _read_settings_again() -> None:
    """Flytekit reads where the object store is, and its keys, while it is imported."""
    flytekit = sys.modules.get("flytekit.core.data_persistence")
    if flytekit is not None:
        flytekit.default_local_file_access_provider._data_config = flytekit.DataConfig.auto()


def _rooms() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).with_name("room.py")))


def _received(connection: socket.socket) -> Job | None:
    data, files, _, _ = socket.recv_fds(connection, 4, _MOST_FILES)
    body, length = b"", int.from_bytes(data, "little")
    while len(body) < length and (part := connection.recv(length - len(body))):
        body += part
    return Job(**json.loads(body), files=list(files)) if body and len(body) == length else None


def _tell(connection: socket.socket, message: dict[str, Any]) -> None:
    with suppress(OSError):  # a client that is gone is noticed where its connection is read
        connection.sendall(json.dumps(message).encode() + b"\n")


def _end_with(job: Job) -> NoReturn:
    """Run it and end as an interpreter does, but for taking the libraries apart: in a forked
    process some never end."""
    code: Any = 0
    try:
        job.run()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main(folder: str, owner: int) -> None:
    family = PLAIN
    while True:
        for library in FAMILIES[family]:
            importlib.import_module(library)
        gc.freeze()
        job = Server(f"{folder}/{family}").serve(owner)
        if job is None:
            return
        if job.args[0] != _SERVE:
            _end_with(job)
        family = job.args[1]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
