"""Seconds and memory of a step on this process."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MIB = 2**20


class Phases:
    """Adds up the seconds of each phase; on a GPU a phase ends when its work is done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = _now()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + _now() - started


def peak_memory_mib() -> float:
    """Most memory so far: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / _MIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
