"""A test that is not marked `slow` starts no process: `make quick` promises that."""

import multiprocessing.process
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.warm.process import WarmProcess

_ASKED_BY_LIBRARIES = {"cc", "fc-list", "gcc", "git", "ldconfig", "lscpu", "nvidia-smi", "uname"}
"""What libraries ask the system while they are imported, in whichever test comes first."""
_EVENTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn"}


class HonestMarks:
    """A pytest plugin for the process that runs the tests."""

    def __init__(self) -> None:
        self._started: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _EVENTS:
            program = Path(os.fsdecode(args[0])).name if args else event
            if program not in _ASKED_BY_LIBRARIES:
                self._started.append(program)

    def _seen(self) -> tuple[int, int, str]:
        # Processes of multiprocessing raise no event; each takes a number.
        return (
            len(self._started),
            WarmProcess.num_started,
            repr(multiprocessing.process._process_counter),
        )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._before = self._seen()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        result = yield
        if item.get_closest_marker("slow") is None and self._seen() != self._before:
            started = self._started[self._before[0] :]
            pytest.fail(
                f"it started a process {started}: mark it with pytest.mark.slow", pytrace=False
            )
        return result
