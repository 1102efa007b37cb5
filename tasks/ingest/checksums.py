"""Text files that name videos, and what they promise of them.

A list has one path or URI a line, with its SHA-256 before it if `sha256sum` wrote the file.
Checksum files among the inputs (`SHA256SUMS`, `*.sha256`) are no videos, and say what the others
must be: damage inside a picture can be silent in every decoder; against a checksum it is not.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tasks.ingest.locate import locate
from tasks.ingest.remote import read_start

MAX_LIST_BYTES = 64 * 2**20
"""Half a million long lines."""
CONTRADICTORY = "several that differ"
"""Stands where two checksums are promised for one name: no content has it, so none is accepted."""

# `sha256sum` writes a second space for files read as text, and * for those read as binary.
_WITH_CHECKSUM = re.compile(r"([0-9a-fA-F]{64}) [ *](.+)")
_BARE = re.compile(r"[0-9a-fA-F]{64}")
_NAMES = frozenset({"sha256sums", "sha256sums.txt"})
_SUFFIX = ".sha256"

logger = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One line of a list."""

    name: str
    sha256: str = ""
    """What the file's content is promised to be; empty if nothing is promised."""


def read_list(data: bytes) -> list[Entry]:
    """The lines of a list file, without blank ones and comments (#).

    Raises:
        UnicodeDecodeError: it is not UTF-8 text.
    """
    # Editors on Windows begin UTF-8 with a mark, which would become part of the first name.
    lines = (line.strip() for line in data.decode("utf-8-sig").splitlines())
    return [_entry(line) for line in lines if line and not line.startswith("#")]


def checksums_of(entries: Iterable[Entry]) -> dict[str, str]:
    """What is promised, by name; `CONTRADICTORY` where that is not one thing."""
    checksums: dict[str, str] = {}
    for name, sha256 in entries:
        if sha256:
            checksums[name] = sha256 if checksums.get(name, sha256) == sha256 else CONTRADICTORY
    return checksums


def split_checksum_files(root: str, names: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """(inputs, checksums by name) of the files `names`, of which some are checksum files.

    One that cannot be read as such stays an input, to be judged like any. What is promised but not
    there is an input too: it is missed by name.
    """
    entries: list[Entry] = []
    checksum_files: set[str] = set()
    for name in filter(_is_checksum_file, names):
        try:
            entries += _read(root, name)
        except Exception as error:  # Every file system has errors of its own.
            logger.warning(
                "%s is not used as a checksum file: %s", name, f"{type(error).__name__}: {error}"
            )
        else:
            checksum_files.add(name)
    # `sha256sum *` lists its own output, as it was before.
    checksums = checksums_of(entry for entry in entries if entry.name not in checksum_files)
    inputs = [name for name in names if name not in checksum_files]
    return [*inputs, *sorted(checksums.keys() - set(inputs))], checksums


def _entry(line: str) -> Entry:
    match = _WITH_CHECKSUM.fullmatch(line)
    return Entry(match[2], match[1].lower()) if match else Entry(line)


def _is_checksum_file(name: str) -> bool:
    last = name.rpartition("/")[2].lower()
    return last in _NAMES or last.endswith(_SUFFIX)


def _read(root: str, name: str) -> list[Entry]:
    folder, slash, _ = name.rpartition("/")
    entries = [_complete(entry, name) for entry in read_list(_read_bytes(root, name))]
    if not entries:
        raise ValueError("it promises nothing")
    return [
        Entry(f"{folder}{slash}{entry.name.removeprefix('./')}", entry.sha256) for entry in entries
    ]


def _complete(entry: Entry, name: str) -> Entry:
    """An entry with both parts; a checksum alone in `a.mp4.sha256` is that of `a.mp4`."""
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
            # One byte more tells a file that is too long from one that just fits.
            data = file.read(MAX_LIST_BYTES + 1)
    else:
        data = read_start(place, MAX_LIST_BYTES + 1)
    if len(data) > MAX_LIST_BYTES:
        raise ValueError(f"over {MAX_LIST_BYTES} bytes")
    return data
