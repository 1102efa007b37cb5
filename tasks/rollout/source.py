"""Where prompts come from: made when they are asked for, or ahead of time by worker processes."""

import signal
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from typing import Protocol, runtime_checkable

import torch
from transformers import Qwen3VLProcessor

from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.rollout.inputs import encode_prompt
from tasks.rollout.prompt import Prompt, render_prompt
from tasks.video.render import render_sample


@runtime_checkable
class PromptSource(Protocol):
    """Gives each sample's prompt."""

    def expect(self, batch: int, samples: Iterable[Sample]) -> None:
        """Say that `samples` will be taken in batch number `batch`; nothing happens the second
        time."""
        ...

    def take(self, sample: Sample) -> Prompt | str:
        """The prompt, or why the sample cannot be shown."""
        ...

    def close(self) -> None:
        """End worker processes."""
        ...


@dataclass(frozen=True)
class PromptMaker:
    """Makes prompts on the spot."""

    processor: Qwen3VLProcessor
    store: Store
    clips: Mapping[str, Clip]
    encodes: bool = False
    """Whether prompts come with their tokens and patches."""

    def expect(self, batch: int, samples: Iterable[Sample]) -> None:
        """Nothing is made ahead."""

    def take(self, sample: Sample) -> Prompt | str:
        """See `PromptSource`."""
        try:
            prompt = render_prompt(
                self.processor, sample, render_sample(self.store, sample, self.clips)
            )
            return (
                replace(prompt, encoded=encode_prompt(self.processor, prompt))
                if self.encodes
                else prompt
            )
        except (OSError, ValueError, KeyError) as error:
            return f"{type(error).__name__}: {error}"

    def close(self) -> None:
        """There is no process."""


class PromptsAhead:
    """The same prompts, made by worker processes while the device is busy with those before.

    What is expected and not yet taken lies in memory: a batch or two, each prompt with its frames
    and patches. Both methods raise a RuntimeError if a worker process died.
    """

    def __init__(self, maker: PromptMaker, num_workers: int) -> None:
        self._maker = maker
        # A list each: around the end of an epoch two steps in a row may want the same sample.
        self._waiting: dict[str, list[Future[Prompt | str]]] = {}
        self._last_batch = -1
        # Not forked from the trainer: threads and a GPU's context do not survive that.
        self._pool = ProcessPoolExecutor(
            num_workers, get_context("forkserver"), initializer=_begin_worker, initargs=(maker,)
        )

    def expect(self, batch: int, samples: Iterable[Sample]) -> None:
        """See `PromptSource`."""
        if batch <= self._last_batch:
            return
        self._last_batch = batch
        with _advice():
            for sample in samples:
                self._waiting.setdefault(sample.sample_id, []).append(
                    self._pool.submit(_make, sample)
                )

    def take(self, sample: Sample) -> Prompt | str:
        """See `PromptSource`; one that nobody announced is made on the spot."""
        waiting = self._waiting.get(sample.sample_id)
        if not waiting:
            return self._maker.take(sample)
        made = waiting.pop(0)
        if not waiting:
            del self._waiting[sample.sample_id]
        with _advice():
            return made.result()

    def close(self) -> None:
        """See `PromptSource`."""
        self._pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _advice() -> Iterator[None]:
    try:
        yield
    except BrokenProcessPool as error:
        raise RuntimeError(
            "a process that makes prompts ahead of time died, perhaps for lack of memory: give "
            "the task more, or lower train.prefetch_workers; the same command goes on from the "
            "last checkpoint"
        ) from error


_maker: PromptMaker | None = None
"""Of this worker process."""


def _begin_worker(maker: PromptMaker) -> None:
    global _maker
    _maker = maker
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # the trainer decides when to stop, and still needs prompts for that
    # The workers are what is parallel; torch would start a thread for every core in each of them.
    torch.set_num_threads(1)


def _make(sample: Sample) -> Prompt | str:
    assert _maker is not None
    return _maker.take(sample)
