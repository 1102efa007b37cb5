"""A test that is not marked `slow` starts no process: `make quick` promises that."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.warm.process import WarmProcess


class HonestMarks:
    """A pytest plugin for the process that runs the tests."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._before = _started()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        result = yield
        if item.get_closest_marker("slow") is None and _started() != self._before:
            pytest.fail("it started a process: mark it with pytest.mark.slow", pytrace=False)
        return result


def _started() -> tuple[int, int, set[str]]:
    """Changes with every process that this one starts: ended ones have used memory, others are there."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
    children = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return WarmProcess.num_started, ended, {pid for file in children for pid in file.read_text().split()}
