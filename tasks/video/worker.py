"""A process that runs one function on one input after the other, and the pipe to it: both ends.

It is started afresh: whatever the parent has loaded or started as threads stays with the parent,
and so does its environment, where credentials stand that a decoder of strangers' files must never
see. An input's own fault is told from what struck the process from outside.
"""

import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from traceback import format_exc
from typing import Any, NamedTuple

_INPUTS_OF_A_PROCESS = 500
"""Then it is replaced: what a library leaks does not add up."""
_START_SECONDS = 300.0
"""Most time that a process may take to start; machines under load are slow to import."""
_END_SECONDS = 10.0
"""Most time that is waited for a killed process to be gone."""
_WATCH_SECONDS = 1.0
_OUT_OF_MEMORY = 77
"""Exit code; one that nothing else uses."""
_FAULTS = frozenset(
    {
        *(signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL),
        *(signal.SIGABRT, signal.SIGTRAP, signal.SIGSYS),
    }
)
"""Signals that a process brings upon itself. Others come from outside: people, clusters, a system
out of memory."""
_KEPT = (
    "PATH",
    "LANG",
    "LANGUAGE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",
    "TMPDIR",
    "TZ",
)
_KEPT_PREFIXES = ("LC_", "PYTHON", "OMP_", "OPENBLAS_", "MKL_", "MALLOC_", "GLIBC_")
"""Names in the environment that say how a program runs: where libraries lie, letters, threads,
memory."""
_PROGRAM = (
    "import sys; from multiprocessing.connection import Connection; pipe = Connection({number}); "
    "sys.path[:] = pipe.recv(); from tasks.video.worker import serve; serve(pipe)"
)


class Failure(StrEnum):
    """What may become of an input instead of a result."""

    CRASHED = "crashed the decoder"
    TOO_SLOW = "too slow"
    TOO_MUCH_MEMORY = "needs too much memory"
    INTERRUPTED = "interrupted"
    """The process was killed from outside: that says nothing about the input."""


class WorkerError(RuntimeError):
    """Processes cannot be started, or are no longer wanted: whatever the input, there will be no
    result."""


class NoReply(NamedTuple):
    """Why no reply came."""

    failure: Failure
    detail: str


class _Reply(NamedTuple):
    """What a process sends: one when it has started, then one for each input."""

    result: Any = None
    error: Exception | None = None


class Worker:
    """One process after the other; started when there is work. For one thread at a time, `close`
    aside."""

    def __init__(
        self,
        function: Callable[[Any], Any],
        *,
        seconds: float,
        memory_mib: int,
        environment: Mapping[str, str],
    ) -> None:
        self._function, self._seconds, self._memory_mib = function, seconds, memory_mib
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection | None = None
        self._num_done = 0
        self._lock = threading.Lock()
        self._is_closed = False

    def run(self, item: Any) -> Any | NoReply:
        """The function's result for `item`.

        Raises:
            WorkerError: a process cannot start, for another reason than being killed from outside.
            Exception: what the function raises, other than MemoryError.
        """
        if (
            self._process is None
            or self._process.poll() is not None
            or self._num_done >= _INPUTS_OF_A_PROCESS
        ):
            self.end()
            self._start()
            if not isinstance(started := self._receive(_START_SECONDS), _Reply):
                return self._not_started(started)
        assert self._pipe
        with suppress(OSError):  # Dead since: found below.
            self._pipe.send(item)
        reply = self._receive(self._seconds)
        if not isinstance(reply, _Reply):
            return reply
        self._num_done += 1
        if reply.error is not None:
            raise reply.error
        return reply.result

    def close(self) -> None:
        """Kills the process, if there is one, and starts no other; for any thread."""
        with self._lock:
            self._is_closed = True
        self.end()

    def end(self) -> None:
        """Kills the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        if self._pipe:
            self._pipe.close()

    def _start(self) -> None:
        self._pipe, theirs = Pipe()
        number = theirs.fileno()
        # Our copy of its end is closed once it has started: only then does its death end the pipe.
        with self._lock, theirs:
            if self._is_closed:
                raise WorkerError("the processes were ended")
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM.format(number=number)],
                stdin=subprocess.DEVNULL,
                pass_fds=[number],
                env=self._environment,
            )
        self._num_done = 0
        with suppress(OSError):
            # Modules may lie where a fresh interpreter would not look.
            self._pipe.send(sys.path)
            self._pipe.send((self._function, self._memory_mib, os.getpid()))

    def _receive(self, seconds: float) -> _Reply | NoReply:
        assert self._pipe
        try:
            if self._pipe.poll(seconds):
                reply = self._pipe.recv()
                assert isinstance(reply, _Reply)
                return reply
        except (EOFError, OSError):
            return self._died()
        self.end()
        return NoReply(Failure.TOO_SLOW, f"not done after {seconds:g} s")

    def _died(self) -> NoReply:
        process = self._process
        if process is None:
            return NoReply(Failure.INTERRUPTED, "ended by its parent")
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        code = process.returncode
        self.end()
        if code == _OUT_OF_MEMORY:
            detail = f"asked for more than the {self._memory_mib} MiB that a worker may have"
            return NoReply(Failure.TOO_MUCH_MEMORY, detail)
        is_struck = code is not None and code < 0 and -code not in _FAULTS
        return NoReply(Failure.INTERRUPTED if is_struck else Failure.CRASHED, _cause(code))

    def _not_started(self, failed: NoReply) -> NoReply:
        if failed.failure is Failure.INTERRUPTED:
            return failed
        raise WorkerError(f"a worker process ended while it started: {failed.detail}")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a process needs that has nothing to do with the outside: no
    credentials."""
    return {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }


def serve(pipe: Connection) -> None:
    """The process's side: replies to every input that comes through `pipe`, until the parent closes
    it."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group, and the parent deals with it.
    function, memory_mib, parent = pipe.recv()
    # Private memory only: libraries, and what they reserve without using it, do not count.
    size = memory_mib * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    # Crashes on strangers' files are expected, and each would leave its whole memory on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    pipe.send(_Reply())
    while True:
        try:
            item = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(_reply(function, item))
        except MemoryError:
            # Not all of it comes back: the next input gets a fresh process, lest it suffer for this
            # one.
            os._exit(_OUT_OF_MEMORY)


def _reply(function: Callable[[Any], Any], item: Any) -> _Reply:
    try:
        return _Reply(result=function(item))
    except MemoryError:
        raise
    except Exception as error:
        error.add_note(f"In a worker process:\n{format_exc()}")
        return _Reply(error=_portable(error))


def _portable(error: Exception) -> Exception:
    """Some errors, FFmpeg's among them, cannot travel between processes."""
    try:
        # Both ways: some can be written, and fail when they are read because their class wants
        # other arguments than those that it kept.
        pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _end_with(parent: int) -> None:
    """A parent that was killed cannot stop its workers."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


def _cause(code: int | None) -> str:
    try:
        return signal.Signals(-(code or 0)).name
    except ValueError:
        return f"exit code {code}"
