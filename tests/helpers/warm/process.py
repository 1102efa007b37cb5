"""Starts processes from the server that holds the libraries; the server itself is started with the
first."""

import fcntl
import json
import multiprocessing.spawn
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from tests.helpers import watchdog
from tests.helpers.warm.room import Room
from tests.helpers.warm.server import PLAIN

FAMILY_VARIABLE = "WARM_FAMILY"
"""Of commands in `commands()`."""
_FOLDER_VARIABLE = "VIDEOSSR_WARM_PROCESSES"
_SERVER = Path(__file__).with_name("server.py")
_COMMANDS = ("python", "pyflyte", "pyflyte-execute", "pyflyte-fast-execute", "pyflyte-map-execute")
_ENV = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TORCHDYNAMO_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "TOKENIZERS_PARALLELISM": "false",
}
"""Settings that libraries read while they are imported: what `isolated_env` says too."""


class WarmProcess:
    """As much of `subprocess.Popen` as tests need. The process leads a group of its own."""

    def __init__(
        self,
        args: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        streams: Sequence[int],
        family: str,
        room: Room | None = None,
    ) -> None:
        self.args, self.returncode = list(args), None
        self._connection = _ask(_server(family), self.args, cwd, env, streams, room)
        self._said = self._connection.makefile("rb")
        self.pid: int = json.loads(self._said.readline())["pid"]
        watchdog.others.add(self.pid)
        WarmProcess.num_started += 1

    returncode: int | None
    num_started = 0

    def poll(self) -> int | None:
        """The exit code (minus the signal that ended it), or None while it runs."""
        if self.returncode is not None:
            return self.returncode
        readable, _, _ = select.select([self._connection], [], [], 0)
        return self.wait() if readable else None

    def wait(self) -> int:
        """How it ended; no matter how long that takes (`tests.helpers.watchdog` ends what stands
        still)."""
        if self.returncode is None:
            line = self._said.readline()
            assert line, "the server of warm processes ended"
            self.returncode = int(json.loads(line)["code"])
            watchdog.others.discard(self.pid)
            self._said.close()
            self._connection.close()
        return self.returncode

    def kill(self) -> None:
        """End its whole group, and wait for that."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.wait()


def start(
    args: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | None = None,
    family: str = PLAIN,
    room: Room | None = None,
) -> WarmProcess:
    """`python ARGS`, or a command of the environment (`pyflyte`).

    Without a stream its output goes where this process's goes. `family` says which libraries are
    there already (`tests.helpers.warm.server`). In a `room`, `cwd` is a folder of the room.
    """
    program, *rest = args
    script = Path(sys.executable).with_name(program)
    with open(os.devnull, "rb") as null:
        streams = [
            null.fileno(),
            stdout.fileno() if stdout else 1,
            stderr.fileno() if stderr else 2,
        ]
        return WarmProcess(
            rest if program == "python" else [str(script), *rest], cwd, env, streams, family, room
        )


def run(
    args: Sequence[str], *, cwd: Path, env: Mapping[str, str], family: str = PLAIN
) -> "subprocess.CompletedProcess[str]":
    """Start it and wait for its end."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = start(args, cwd=cwd, env=env, stdout=stdout, stderr=stderr, family=family)
        try:
            code = process.wait()
        finally:
            process.kill()
        said = [
            (file.seek(0), file.read().decode(errors="replace"))[1] for file in (stdout, stderr)
        ]
    return subprocess.CompletedProcess(list(args), code, *said)


def commands() -> Path:
    """A folder for PATH: there `python` and flytekit's commands are warm processes, whoever starts
    them."""
    folder = _server(PLAIN).with_name("commands")
    with suppress(FileExistsError):
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        made.chmod(0o755)  # for users in rooms
        for name in _COMMANDS:
            script = made / name
            program = Path(__file__).with_name("command.py").read_text()
            script.write_text(f"#!{sys.executable} -IS\n{program}")
            script.chmod(0o755)
        with suppress(OSError):  # another worker was first
            made.rename(folder)
    return folder


def set_up() -> None:
    """Where the server of this test session will lie; called before workers are started."""
    if _FOLDER_VARIABLE not in os.environ:
        os.environ[_FOLDER_VARIABLE] = json.dumps([tempfile.mkdtemp(prefix="warm-"), os.getpid()])


def tear_down() -> None:
    """Called by the process that called `set_up`; the server sees that its owner ends."""
    folder, owner = json.loads(os.environ[_FOLDER_VARIABLE])
    if owner == os.getpid():
        del os.environ[_FOLDER_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def session_folder() -> Path:
    """Of this test session, for all its workers."""
    return Path(json.loads(os.environ[_FOLDER_VARIABLE])[0])


def session_owner() -> int:
    """The process that started the session."""
    owner: int = json.loads(os.environ[_FOLDER_VARIABLE])[1]
    return owner


def _server(family: str) -> Path:
    """The socket of a server, which is started if there is none."""
    name, owner = json.loads(os.environ[_FOLDER_VARIABLE])
    folder = Path(name)
    address = folder / family
    if family != PLAIN:
        _server(PLAIN)
    with (
        (folder / f"{family}.lock").open("w") as lock,
        (folder / f"{family}.log").open("ab") as log,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not address.exists():
            env = {
                name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
            } | _ENV
            if family == PLAIN:
                # Not a `Popen`: it outlives this process, so nobody here waits for it.
                streams = [(os.POSIX_SPAWN_DUP2, log.fileno(), number) for number in (1, 2)]
                command = [sys.executable, str(_SERVER), name, str(owner)]
                pid = os.posix_spawn(
                    sys.executable, command, env, file_actions=streams, setsid=True
                )
            else:
                _ask(folder / PLAIN, ["serve", family], folder, env, [log.fileno()] * 3).close()
                pid = 0
            while not address.exists():
                assert not pid or not os.waitpid(pid, os.WNOHANG)[0], Path(log.name).read_text()
                time.sleep(0.05)
    return address


def socket_of(family: str) -> Path:
    """Where the server of a family answers."""
    return _server(family)


def _ask(
    server: Path,
    args: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    streams: Sequence[int],
    room: Room | None = None,
) -> socket.socket:
    """Send what `server.Job` holds."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(server))
    job = {
        "args": list(args),
        "cwd": str(cwd),
        "env": dict(env),
        "numbers": [0, 1, 2],
        "room": room,
    }
    body = json.dumps(job).encode()
    socket.send_fds(connection, [len(body).to_bytes(4, "little")], list(streams))
    connection.sendall(body)
    return connection


@contextmanager
def warm_children(family: str = PLAIN) -> Iterator[None]:
    """Within it, what this process starts by multiprocessing are warm processes."""
    _server(family)
    before = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(str(commands() / "python"))
    os.environ[FAMILY_VARIABLE] = family
    try:
        yield
    finally:
        del os.environ[FAMILY_VARIABLE]
        multiprocessing.set_executable(before)
