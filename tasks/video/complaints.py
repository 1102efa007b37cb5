"""Counts what FFmpeg's decoders of pictures complain about, and its readers of containers.

Many decoders hide damage: they guess the broken part of a picture, report nothing but a line in FFmpeg's log, and all
that is predicted from it is broken too. Sound files cause no such line.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import av.logging
from av.codec import Codec

_HARMLESS = ("mmco: unref short failure", "SEI type")
"""The first: H.264 gives up a reference picture that was never decoded, as happens after a seek and in files cut
without re-encoding; a picture that needs it causes another line. The second: a malformed remark beside the pictures."""
_INDEXED = "mov"
"""Its packets are found by an index, whatever stands before them."""


class Complaints:
    """The lines of level ERROR so far."""

    def __init__(self, lines: list[tuple[int, str, str]]) -> None:
        self._lines = lines
        self._count = self._num_astray = 0

    def count(self) -> int:
        """How many. The lines themselves are not kept: a broken file can cause millions."""
        for _, name, text in self._lines:
            kind = _kind_of_codec(name)
            if not text.startswith(_HARMLESS) and kind != "audio":
                self._count += 1
                self._num_astray += not kind and not name.startswith(_INDEXED)
        self._lines.clear()
        return self._count

    def count_astray(self) -> int:
        """How many of a container in which one packet leads to the next, and the next was not where it should be."""
        self.count()
        return self._num_astray


@functools.cache
def _kind_of_codec(name: str) -> str:
    """Of pictures or sound (what is encrypted or broken there harms no picture); empty for a container."""
    try:
        return str(Codec(name, "r").type)
    except ValueError:
        return ""


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
