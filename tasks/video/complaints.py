"""Counts what FFmpeg's decoders complain about.

Many decoders hide damage: they guess the broken part of a picture, report nothing but a line in FFmpeg's log, and all
that is predicted from it is broken too. Sound files cause no such line.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

_HARMLESS = ("mmco: unref short failure", "SEI type")
"""The first: H.264 gives up a reference picture that was never decoded, as happens after a seek and in files cut
without re-encoding; a picture that needs it causes another line. The second: a malformed remark beside the pictures."""


class Complaints:
    """The lines of level ERROR so far."""

    def __init__(self, lines: list[tuple[int, str, str]]) -> None:
        self._lines = lines
        self._count = 0

    def count(self) -> int:
        """How many. The lines themselves are not kept: a broken file can cause millions."""
        self._count += sum(not text.startswith(_HARMLESS) for _, _, text in self._lines)
        self._lines.clear()
        return self._count


@contextmanager
def heard_complaints(*, is_on: bool) -> Iterator[Complaints]:
    """While entered, what this thread causes is counted.

    To be off with decoders that have threads of their own: their lines come from elsewhere, and can block PyAV.
    """
    if not is_on:
        yield Complaints([])
        return
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # What was said in another file must not hide it here.
    try:
        with av.logging.Capture(local=True) as lines:
            yield Complaints(lines)
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)
