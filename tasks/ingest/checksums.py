"""Checksum files among the inputs (`SHA256SUMS`, `*.sha256`): they are no videos, and say what the others must be.

Damage inside a picture can be silent in every decoder; against a checksum it is not.
"""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.ingest.lists import MAX_LIST_BYTES, Entry, promises, read_list
from tasks.ingest.locate import locate
from tasks.ingest.remote import read_start

_NAMES = frozenset({"sha256sums", "sha256sums.txt"})
_SUFFIX = ".sha256"
_BARE = re.compile(r"[0-9a-fA-F]{64}")

logger = logging.getLogger(__name__)


class Promised(NamedTuple):
    """Inputs and what is promised of them."""

    names: list[str]
    """Without the checksum files, and with what these name but is not there: it is missed by name."""
    checksums: dict[str, str]
    """By name."""


def take_checksums(root: str, names: Sequence[str]) -> Promised:
    """Read the checksum files among `names`. One that cannot be read as such stays an input, to be judged like any."""
    entries: list[Entry] = []
    taken: set[str] = set()
    for name in filter(_is_checksum_file, names):
        try:
            entries += _read(root, name)
        except Exception as error:  # Every file system has errors of its own.
            logger.warning("%s is not used as a checksum file: %s", name, f"{type(error).__name__}: {error}")
        else:
            taken.add(name)
    checksums = promises(entry for entry in entries if entry.name not in taken)  # `sha256sum *` lists its own output.
    present = [name for name in names if name not in taken]
    return Promised([*present, *sorted(checksums.keys() - set(present))], checksums)


def _is_checksum_file(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return last in _NAMES or last.endswith(_SUFFIX)


def _read(root: str, name: str) -> list[Entry]:
    folder, slash, _ = name.rpartition("/")
    entries = [_complete(entry, name) for entry in read_list(_read_bytes(root, name))]
    if not entries:
        raise ValueError("it promises nothing")
    return [Entry(f"{folder}{slash}{entry.name.removeprefix('./')}", entry.sha256) for entry in entries]


def _complete(entry: Entry, name: str) -> Entry:
    """An entry with both parts; a checksum that stands alone in `a.mp4.sha256` is that of `a.mp4`."""
    if entry.sha256:
        return entry
    last = name.rpartition("/")[2]
    if _BARE.fullmatch(entry.name) and last.lower().endswith(_SUFFIX):
        return Entry(last[: -len(_SUFFIX)], entry.name.lower())
    raise ValueError(f"{entry.name[:80]!r} is no line as `sha256sum` writes it")


def _read_bytes(root: str, name: str) -> bytes:
    place = locate(root, name)
    if isinstance(place, Path):
        with place.open("rb") as file:
            data = file.read(MAX_LIST_BYTES + 1)
    else:
        data = read_start(place, MAX_LIST_BYTES + 1)
    if len(data) > MAX_LIST_BYTES:
        raise ValueError(f"over {MAX_LIST_BYTES} bytes")
    return data
