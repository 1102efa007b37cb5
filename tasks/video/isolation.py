"""Runs a function on many inputs in processes of their own: one that crashes, hangs or eats memory costs itself.

Workers are started afresh (spawn): whatever the parent has loaded or started as threads stays with the parent.
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
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool

from tasks.core.config import IngestConfig

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
_TASKS_OF_A_WORKER = 500
"""Then it is replaced: what a library leaks does not add up."""
_WATCH_SECONDS = 1.0
_OUT_OF_MEMORY = 77
"""Exit code of a worker; one that nothing else uses."""
_AHEAD = 2
"""Inputs that lie ready beyond those in work, so that no worker waits."""
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


def run_isolated(
    function: Callable[[ItemT], ResultT], items: Sequence[ItemT], limits: Limits
) -> Iterator[tuple[int, Outcome[ResultT]]]:
    """(index, outcome) of every item, in the order in which they finish. Function and items must be picklable.

    Exceptions of `function` other than MemoryError are raised here: it should handle its own.
    """
    if not items:
        return
    num_processes = min(limits.num_processes, len(items))
    waiting, attempts = deque(range(len(items))), Counter[int]()
    running: dict[Future[ResultT], int] = {}
    with _pool(num_processes, limits) as pool:
        while waiting or running:
            while waiting and len(running) < num_processes + _AHEAD:
                index = waiting.popleft()
                running[pool.schedule(_run, args=(function, items[index]), timeout=limits.seconds)] = index
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                index = running.pop(future)
                outcome = _outcome(future, limits)
                attempts[index] += 1
                if outcome.failure is Failure.CRASHED and attempts[index] < _ATTEMPTS:
                    waiting.append(index)
                else:
                    yield index, outcome


def _run(function: Callable[[ItemT], ResultT], item: ItemT) -> ResultT:
    try:
        return function(item)
    except MemoryError:
        # Not all of it comes back: the next input gets a fresh worker, lest it suffer for this one.
        os._exit(_OUT_OF_MEMORY)


def _outcome(future: Future[ResultT], limits: Limits) -> Outcome[ResultT]:
    try:
        return Outcome(result=future.result())
    except TimeoutError:
        return Outcome(failure=Failure.TOO_SLOW, detail=f"not done after {limits.seconds:g} s")
    except ProcessExpired as error:
        if error.exitcode == _OUT_OF_MEMORY:
            detail = f"asked for more than the {limits.memory_mib} MiB that a worker may have"
            return Outcome(failure=Failure.TOO_MUCH_MEMORY, detail=detail)
        return Outcome(
            failure=Failure.CRASHED, detail=f"{_ATTEMPTS} times, the last time with {_cause(error.exitcode)}"
        )


def _cause(exit_code: int | None) -> str:
    try:
        return signal.Signals(-(exit_code or 0)).name
    except ValueError:
        return f"exit code {exit_code}"


@contextmanager
def _pool(num_processes: int, limits: Limits) -> Iterator[ProcessPool]:
    pool = ProcessPool(
        max_workers=max(1, num_processes),
        max_tasks=_TASKS_OF_A_WORKER,
        initializer=_start_worker,
        initargs=(limits.memory_mib, os.getpid()),
        context=_CONTEXT,
    )
    try:
        yield pool
    finally:
        # Not close: after an error or Ctrl-C the workers still run, and stop ends them whatever they do.
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _start_worker(memory_mib: int, parent: int) -> None:
    # Private memory only: libraries, and what they reserve without using it, do not count.
    size = memory_mib * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A parent that was killed cannot stop its workers."""
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(1)


class _Worker(SpawnProcess):
    """A process that does not run the parent's main file: it may be a console script that loads Flyte, or stdin."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802 (multiprocessing's name)
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process_obj)
        finally:
            sys.modules["__main__"] = main


class _Context(SpawnContext):
    Process = _Worker


_CONTEXT = _Context()
