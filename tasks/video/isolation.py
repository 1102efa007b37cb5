"""Runs a function on many inputs in processes of their own: one that crashes, hangs or eats memory costs itself.

Workers are started afresh (spawn): whatever the parent has loaded or started as threads stays with the parent. Each
has a pipe of its own and one input at a time, so the parent always knows whose input a dead or slow worker had; no
lock is shared that a killed worker could take along.
"""

import os
import resource
import signal
import sys
import threading
import time
import types
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnContext, SpawnProcess
from traceback import format_exc
from typing import Any, Generic, NamedTuple, TypeVar

from tasks.core.config import IngestConfig

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
_INPUTS_OF_A_WORKER = 500
"""Then it is replaced: what a library leaks does not add up."""
_START_SECONDS = 300.0
"""Most time that a worker may take to start; machines under load are slow to import."""
_END_SECONDS = 10.0
"""Most time that is waited for a killed process to be gone."""
_WATCH_SECONDS = 1.0
_OUT_OF_MEMORY = 77
"""Exit code of a worker; one that nothing else uses."""
_ATTEMPTS = 2
"""A worker may die of something else than its video, e.g. the system's out-of-memory killer: try once more."""


class Failure(StrEnum):
    """What may become of an input instead of a result."""

    CRASHED = "crashed the decoder"
    TOO_SLOW = "too slow"
    TOO_MUCH_MEMORY = "needs too much memory"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the workers may use."""

    num_workers: int
    """0 for one a core."""
    seconds: float
    """For one input."""
    memory_mib: int
    """Of each worker."""

    @classmethod
    def of(cls, config: IngestConfig) -> "Limits":
        """What `config` allows for one video."""
        return cls(
            num_workers=config.num_workers, seconds=config.video_timeout_seconds, memory_mib=config.video_memory_mib
        )

    @property
    def num_processes(self) -> int:
        return self.num_workers or len(os.sched_getaffinity(0))


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[ResultT]):
    """What became of one input: a result, or a failure with its detail."""

    result: ResultT | None = None
    failure: Failure | None = None
    detail: str = ""


class _Reply(NamedTuple):
    """What a worker sends: one when it has started, then one for each input."""

    result: Any = None
    error: Exception | None = None


def run_isolated(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], limits: Limits
) -> Iterator[tuple[int, Outcome[ResultT]]]:
    """(index, outcome) of every item, in the order in which they finish. Function and items must be picklable.

    Exceptions of `function` other than MemoryError are raised here: it should handle its own.
    """
    waiting, attempts = deque(range(len(items))), Counter[int]()
    with _workers(function, min(limits.num_processes, len(items)), limits) as workers:
        while waiting or any(worker.is_busy for worker in workers):
            for worker in workers:
                if waiting and not worker.is_busy:
                    index = waiting.popleft()
                    worker.hand_out(index, items[index])
            for worker in _with_news(workers):
                index, outcome = worker.collect()
                if outcome is None:
                    continue
                attempts[index] += 1
                if outcome.failure is Failure.CRASHED and attempts[index] < _ATTEMPTS:
                    waiting.append(index)
                    continue
                if waiting:  # It goes on while the caller deals with the outcome.
                    following = waiting.popleft()
                    worker.hand_out(following, items[following])
                yield index, outcome


class _Worker(Generic[ItemT, ResultT]):
    """One process after the other, each with one input at a time; started when there is work."""

    def __init__(self, function: Callable[[ItemT], ResultT], limits: Limits) -> None:
        self._function, self._limits = function, limits
        self._process: _Process | None = None
        self._has_started = False
        self._num_done = 0
        self._index = -1
        self.is_busy = False
        self.pipe: Connection
        self.deadline = 0.0

    def hand_out(self, index: int, item: ItemT) -> None:
        if self._process is None or not self._process.is_alive() or self._num_done >= _INPUTS_OF_A_WORKER:
            self.end()
            self._start()
        with suppress(OSError):  # Dead since: `collect` will find it so.
            self.pipe.send(item)
        self._index, self.is_busy = index, True
        self._allow(self._limits.seconds if self._has_started else _START_SECONDS)

    def collect(self) -> tuple[int, Outcome[ResultT] | None]:
        """(index, outcome) of its input: a reply, or the reason why none will come; None when it has but started."""
        try:
            reply: _Reply | None = self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):
            return self._index, self._died()
        if not self._has_started:
            if reply is None:
                raise RuntimeError(f"a worker process did not start in {_START_SECONDS:g} s")
            self._has_started = True
            self._allow(self._limits.seconds)
            return self._index, None
        self.is_busy = False
        if reply is None:
            self.end()
            return self._index, Outcome(failure=Failure.TOO_SLOW, detail=f"not done after {self._limits.seconds:g} s")
        self._num_done += 1
        if reply.error is not None:
            raise reply.error
        return self._index, Outcome(result=reply.result)

    def end(self) -> None:
        """Kills the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.join(_END_SECONDS)
            self.pipe.close()
            self._process = None

    def _start(self) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        args = (self._function, theirs, self._limits.memory_mib, os.getpid())
        self._process = _Process(target=_work, args=args, daemon=True)
        self._process.start()
        theirs.close()
        self._has_started, self._num_done = False, 0

    def _allow(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds

    def _died(self) -> Outcome[ResultT]:
        assert self._process is not None
        self._process.join(_END_SECONDS)
        exit_code = self._process.exitcode
        self.end()
        self.is_busy = False
        if not self._has_started:
            raise RuntimeError(f"a worker process ended while it started, with {_cause(exit_code)}")
        if exit_code == _OUT_OF_MEMORY:
            detail = f"asked for more than the {self._limits.memory_mib} MiB that a worker may have"
            return Outcome(failure=Failure.TOO_MUCH_MEMORY, detail=detail)
        return Outcome(failure=Failure.CRASHED, detail=f"{_ATTEMPTS} times, the last time with {_cause(exit_code)}")


@contextmanager
def _workers(
    function: Callable[[ItemT], ResultT], num_workers: int, limits: Limits
) -> Iterator[list[_Worker[ItemT, ResultT]]]:
    workers = [_Worker(function, limits) for _ in range(num_workers)]
    try:
        yield workers
    finally:  # After an error or Ctrl-C they still run.
        for worker in workers:
            worker.end()


def _with_news(workers: Sequence[_Worker[ItemT, ResultT]]) -> list[_Worker[ItemT, ResultT]]:
    """Waits until busy workers have replied, died or used up their time; these."""
    busy = [worker for worker in workers if worker.is_busy]
    seconds = min(worker.deadline for worker in busy) - time.monotonic()
    ready = wait([worker.pipe for worker in busy], max(0.0, seconds))
    now = time.monotonic()
    return [worker for worker in busy if worker.pipe in ready or worker.deadline <= now]


def _cause(exit_code: int | None) -> str:
    try:
        return signal.Signals(-(exit_code or 0)).name
    except ValueError:
        return f"exit code {exit_code}"


def _work(function: Callable[[ItemT], ResultT], pipe: Connection, memory_mib: int, parent: int) -> None:
    """The worker's side: replies to every input that comes through `pipe`, until the parent closes it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group, and the parent deals with it.
    # Private memory only: libraries, and what they reserve without using it, do not count.
    size = memory_mib * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
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
            # Not all of it comes back: the next input gets a fresh worker, lest it suffer for this one.
            os._exit(_OUT_OF_MEMORY)


def _reply(function: Callable[[ItemT], ResultT], item: ItemT) -> _Reply:
    try:
        return _Reply(result=function(item))
    except MemoryError:
        raise
    except Exception as error:
        error.add_note(f"In a worker process:\n{format_exc()}")
        return _Reply(error=error)


def _end_with(parent: int) -> None:
    """A parent that was killed cannot stop its workers."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


class _Process(SpawnProcess):
    """A process that does not run the parent's main file: it may be a console script that loads Flyte, or stdin."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 (multiprocessing's name)
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


_CONTEXT = SpawnContext()
