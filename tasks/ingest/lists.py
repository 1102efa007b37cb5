"""Text files that name videos: one path or URI a line, with its SHA-256 before it if `sha256sum` wrote the file."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

MAX_LIST_BYTES = 64 * 2**20
"""Half a million long lines."""
_WITH_CHECKSUM = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")


class Entry(NamedTuple):
    """One line."""

    name: str
    sha256: str = ""
    """What the file's content is promised to be; empty if nothing is promised."""


def read_list(data: bytes) -> list[Entry]:
    """The lines of a list file, without blank ones and comments (#).

    Raises:
        UnicodeDecodeError: it is not UTF-8 text.
    """
    lines = (line.strip() for line in data.decode("utf-8-sig").splitlines())
    return [_entry(line) for line in lines if line and not line.startswith("#")]


def promises(entries: Iterable[Entry]) -> dict[str, str]:
    """What is promised, by name. Promises that contradict each other stand side by side: no content keeps them."""
    found = defaultdict[str, set[str]](set)
    for name, sha256 in entries:
        if sha256:
            found[name].add(sha256)
    return {name: " and ".join(sorted(sums)) for name, sums in found.items()}


def _entry(line: str) -> Entry:
    match = _WITH_CHECKSUM.fullmatch(line)
    return Entry(match[2], match[1].lower()) if match else Entry(line)
