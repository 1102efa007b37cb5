"""Runs a function on many inputs in processes of their own: one that crashes, hangs or eats memory
costs itself.

Each process has one input at a time, so it is always known whose input a dead or slow one had. A
thread of this process looks after each: it may prepare an input and deal with its result, with all
that this process may do and a decoder of strangers' files may not.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from tasks.core.config import IngestConfig
from tasks.video.worker import Failure, NoReply, Worker, WorkerError, clean_environment

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
_ATTEMPTS = 2
"""A process may die of something else than its input: try once more."""
_MAY_PASS = frozenset({Failure.CRASHED, Failure.INTERRUPTED})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the processes may use."""

    num_workers: int
    """0 for one a core."""
    seconds: float
    """For one input."""
    memory_mib: int
    """Of each process."""

    @classmethod
    def of(cls, config: IngestConfig) -> "Limits":
        """What `config` allows for one video."""
        return cls(
            num_workers=config.num_workers,
            seconds=config.video_timeout_seconds,
            memory_mib=config.video_memory_mib,
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
    """(index, outcome) of every item, in the order in which they finish. Function and items must be
    picklable.

    Exceptions of `function` other than MemoryError are raised here: it should handle its own.
    """
    with isolated(function, limits) as run:
        yield from in_threads(run, items, limits)


@contextmanager
def isolated(
    function: Callable[[ItemT], ResultT], limits: Limits, *, has_credentials: bool = False
) -> Iterator[Callable[[ItemT], Outcome[ResultT]]]:
    """`function` as one that threads may call, each call in a process; they end with the context.

    Args:
        function: Picklable, as are its argument and its result.
        limits: Of the processes.
        has_credentials: Whether they have all of this process's environment, for what must reach
            the outside and does not decode.
    """
    environment = dict(os.environ) if has_credentials else clean_environment(os.environ)
    pool = _Pool(function, limits, environment)
    try:
        yield pool.run
    finally:  # After an error or Ctrl-C they still run.
        pool.close()


def in_threads(
    step: Callable[[ItemT], ResultT], items: Sequence[ItemT], limits: Limits
) -> Iterator[tuple[int, ResultT]]:
    """(index, result) of every item, in the order in which they finish; what `step` raises is
    raised here.

    As many threads as there may be processes. No further step begins once the caller has stopped.
    """
    threads = ThreadPoolExecutor(limits.num_processes)
    try:
        indices = {threads.submit(step, item): index for index, item in enumerate(items)}
        for future in as_completed(indices):
            yield indices[future], future.result()
    finally:
        # Not waited for: a step may be in the middle of a video. Its process is ended next, when
        # the context of `isolated` is left.
        threads.shutdown(wait=False, cancel_futures=True)


class _Pool(Generic[ItemT, ResultT]):
    def __init__(
        self, function: Callable[[ItemT], ResultT], limits: Limits, environment: dict[str, str]
    ) -> None:
        options: dict[str, Any] = {"seconds": limits.seconds, "memory_mib": limits.memory_mib}
        self._workers = [
            Worker(function, environment=environment, **options)
            for _ in range(limits.num_processes)
        ]
        self._idle: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._is_open = True

    def run(self, item: ItemT) -> Outcome[ResultT]:
        """Blocks until a process is free and done."""
        worker = self._idle.get()
        try:
            return self._run(worker, item)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        # First, so that no thread tries its input once more because its process was ended.
        self._is_open = False
        for worker in self._workers:
            worker.close()

    def _run(self, worker: Worker, item: ItemT) -> Outcome[ResultT]:
        attempts = Counter[Failure]()
        while self._is_open:
            result = worker.run(item)
            if not isinstance(result, NoReply):
                return Outcome(result=result)
            attempts[result.failure] += 1
            if result.failure not in _MAY_PASS:
                return Outcome(failure=result.failure, detail=result.detail)
            if attempts[result.failure] >= _ATTEMPTS:
                detail = f"{_ATTEMPTS} times, the last time with {result.detail}"
                return Outcome(failure=result.failure, detail=detail)
        raise WorkerError("the processes were ended")
