"""Counts what FFmpeg's decoders complain about.

Many decoders hide damage: they guess the broken part of a picture, report nothing but a line in FFmpeg's log, and all
that is predicted from it is broken too. Sound files cause no such line.
"""

from types import TracebackType
from typing import Self

import av.logging


class Complaints:
    """While entered, counts lines of level ERROR that this thread causes.

    Not with decoders that have threads of their own: their lines come from elsewhere, and PyAV warns of deadlocks.
    """

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on
        self._capture = av.logging.Capture(local=True)
        self._logs: list[tuple[int, str, str]] = []
        self._count = 0

    def __enter__(self) -> Self:
        self._before = av.logging.get_level(), av.logging.get_skip_repeated()
        if self._is_on:
            av.logging.set_level(av.logging.ERROR)
            av.logging.set_skip_repeated(False)  # What was said in another file must not hide it here.
        self._logs = self._capture.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._capture.__exit__(kind, error, trace)
        level, skip_repeated = self._before
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skip_repeated)

    def count(self) -> int:
        """How many so far. The lines themselves are not kept: a broken file can cause millions."""
        self._count += len(self._logs)
        self._logs.clear()
        return self._count
