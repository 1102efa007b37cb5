"""Ends a test that stands still, however slow the machine is: what counts is work done, not time
gone by.

A test makes progress while its process, any process below it, a warm process it started or any
other worker uses the processor: writing a line or a file takes that too, and a test may wait for
what another one makes for both. Looks are counted, not seconds: a machine that itself stood still
is not held against the test.
"""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

_LOOK_SECONDS = 2.0
_LOOKS = 120
"""How many looks a test may stand still: four minutes on a machine that does not stand still
itself."""
_POLLING_SHARE = 0.02
"""Of one processor: what servers without a request and loops that only wait stay below."""
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

others: set[int] = set()
"""Processes that are not below this one and work for it."""


def processor_seconds(roots: set[int]) -> float:
    """Of these processes and all below them, ended ones included where somebody waited for them."""
    parents, ticks = {}, {}
    for pid, fields in _stats():
        parents[pid] = int(fields[1])
        ticks[pid] = sum(map(int, fields[11:15]))
    return sum(ticks[pid] for pid in ticks if _is_below(pid, roots, parents)) / _TICKS_PER_SECOND


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Of every process: its number, and what stands in /proc/N/stat from the state on (man 5
    proc)."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended
                yield int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()


def _is_below(pid: int, roots: set[int], parents: dict[int, int]) -> bool:
    while pid not in roots:
        if pid not in parents:
            return False
        pid = parents[pid]
    return True


class Watchdog:
    """A pytest plugin for the process that runs the tests."""

    def __init__(self, config: pytest.Config, session: int) -> None:
        """`session` is the process below which all workers are."""
        self._config = config
        self._session = session
        self._test = ""
        self._seen: deque[float] = deque(maxlen=_LOOKS)

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._seen.clear()
        self._test = item.nodeid
        try:
            return (yield)
        finally:
            self._test = ""

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            self._seen.append(
                processor_seconds({self._session, os.getpid(), *others}) - time.thread_time()
            )
            used = max(self._seen) - min(self._seen)
            if (
                self._test
                and len(self._seen) == _LOOKS
                and used < _POLLING_SHARE * _LOOKS * _LOOK_SECONDS
            ):
                self._end()

    def _end(self) -> None:
        """Say where everything stands, and end this process with all that it started."""
        capture = self._config.pluginmanager.getplugin("capturemanager")
        capture.suspend_global_capture(in_=True)
        sys.stderr.write(
            f"\n{self._test} stands still: in {_LOOKS} looks nothing of it used a processor\n"
        )
        for stream in capture.read_global_capture():
            sys.stderr.write(stream[-20_000:])
        sys.stderr.flush()
        faulthandler.dump_traceback(sys.stderr, all_threads=True)
        parents = {pid: int(fields[1]) for pid, fields in _stats()}
        for pid in parents:
            if pid != os.getpid() and _is_below(pid, {os.getpid(), *others}, parents):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        os._exit(1)
