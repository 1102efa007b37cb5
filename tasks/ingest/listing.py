"""What an input names: a folder, a glob, a list file or one video; here, in a store or on the web.

All regular files count as videos: a name says nothing about what is inside. A text file is a list.
Checksum files (`SHA256SUMS`, `*.sha256`) say what the others must be.
"""

import codecs
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from fsspec.core import has_magic
from fsspec.utils import glob_translate

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.objects import is_uri, marks_folder
from tasks.core.records import VideoShard
from tasks.ingest.checksums import (
    MAX_LIST_BYTES,
    Entry,
    checksums_of,
    read_list,
    split_checksum_files,
)
from tasks.ingest.locate import Remote
from tasks.ingest.reasons import SourceError
from tasks.ingest.remote import list_below, read_start

_HEAD_BYTES = 4096
_EXPECTED = "give a folder with video files, a glob ('DIR/**/*.mp4'), a list file or a URI"

logger = logging.getLogger(__name__)


class _Listing(NamedTuple):
    root: str
    names: list[str]
    checksums: Mapping[str, str] = MappingProxyType({})
    is_list: bool = False


def list_shards(videos: str, config: IngestConfig) -> list[VideoShard]:
    """The videos that `videos` names, sorted, in shards.

    Raises:
        InputError: there is no such place, or no video in it.
    """
    if not videos.strip():
        raise InputError(f"videos: got {videos!r}; {_EXPECTED}")
    where = videos.removeprefix("file://")
    listing = (
        _remote(where) if is_uri(where) else _local(os.path.abspath(os.path.expanduser(where)))
    )
    if not listing.names:
        raise InputError(f"videos: {videos!r} holds no file (hidden ones do not count); add videos")
    names, size = sorted(listing.names), config.shard_size_videos
    more_roots = list(config.list_roots) if listing.is_list else []
    shards = (names[at : at + size] for at in range(0, len(names), size))
    return [
        VideoShard(
            root=listing.root,
            names=own,
            more_roots=more_roots,
            checksums=[listing.checksums.get(name, "") for name in own]
            if listing.checksums
            else [],
        )
        for own in shards
    ]


def list_files(folder: Path) -> list[str]:
    """Names relative to `folder`, sorted, links among them (not followed), without hidden ones."""
    names: list[str] = []
    num_hidden = 0
    for parent, folders, files in os.walk(folder):
        # os.walk counts a link to a folder among the folders, and does not follow it.
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        visible = [name for name in [*files, *links] if not name.startswith(".")]
        num_hidden += (
            len(files) + len(links) - len(visible) + sum(name.startswith(".") for name in folders)
        )
        # In place: os.walk goes on with what is left in this very list.
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [
            _text(Path(parent, name).relative_to(folder))
            for name in visible
            if _may_be_read(parent, name)
        ]
    if num_hidden:
        logger.info("%d hidden files and folders in %s skipped", num_hidden, folder)
    return sorted(names)


def _local(where: str) -> _Listing:
    path = Path(where)
    if path.is_dir():
        return _files(where, list_files(path))
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if not _is_text(head):
            return _Listing(str(path.parent), [path.name])
        return _listed(str(path.parent), _entries(where, path.stat().st_size, path.read_bytes))
    if has_magic(where):
        return _glob(where)
    raise InputError(f"videos: nothing at {where!r}; {_EXPECTED}")


def _glob(pattern: str) -> _Listing:
    fixed = pattern[: min(pattern.index(sign) for sign in "*?[" if sign in pattern)]
    root, _, _ = fixed.rpartition("/")
    if not os.path.isdir(root or "/"):
        raise InputError(f"videos: no folder {root!r}, where {pattern!r} begins")
    matches = re.compile(glob_translate(pattern)).match
    names = [name for name in list_files(Path(root or "/")) if matches(f"{root}/{name}")]
    if not names:
        raise InputError(
            f"videos: no file matches {pattern!r}; quote it, so that the shell leaves it alone"
        )
    return _files(root or "/", names)


def _remote(uri: str) -> _Listing:
    try:
        below = list_below(uri)
        itself = Remote(uri, (below.root,))
        if not below.is_one or not _is_text(read_start(itself, _HEAD_BYTES)):
            return _files(below.root, below.uris)
        data = read_start(itself, MAX_LIST_BYTES + 1)
        return _listed(below.root, _entries(uri, len(data), lambda: data))
    except InputError:
        raise
    except SourceError as error:
        raise InputError(f"videos: {uri!r} cannot be read: {error.flaw.detail}") from error
    except Exception as error:  # Every file system has errors of its own.
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(
            f"videos: {uri!r} cannot be read ({reason}); check the address and your credentials"
        ) from error


def _files(root: str, names: Sequence[str]) -> _Listing:
    return _Listing(root, *split_checksum_files(root, names))


def _listed(root: str, entries: Sequence[Entry]) -> _Listing:
    return _Listing(root, [entry.name for entry in entries], checksums_of(entries), is_list=True)


def _entries(where: str, num_bytes: int, read: Callable[[], bytes]) -> list[Entry]:
    if num_bytes > MAX_LIST_BYTES:
        raise InputError(f"videos: the list {where!r} has over {MAX_LIST_BYTES} bytes; split it")
    try:
        entries = read_list(read())
    except UnicodeDecodeError as error:
        raise InputError(
            f"videos: {where!r} begins like a list but is not UTF-8 text ({error})"
        ) from error
    if not entries:
        raise InputError(f"videos: the list {where!r} names no video; write one path or URI a line")
    return entries


def _is_text(head: bytes) -> bool:
    try:
        # An incremental decoder, because the head may end in the middle of a character.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    # Zero bytes are valid UTF-8, and many containers begin with them.
    return b"\0" not in head


def _may_be_read(parent: str, name: str) -> bool:
    """Pipes and devices would hang a reader; broken links and links to folders get their own
    rejection."""
    path = os.path.join(parent, name)
    if marks_folder(name) and os.path.isfile(path) and os.path.getsize(path) == 0:
        return False  # came along from an object store
    return os.path.islink(path) or os.path.isfile(path)


def _text(path: Path) -> str:
    # A name that is not UTF-8 cannot travel between tasks; escaped, it is reported as unreadable
    # under a telling name.
    return os.fsencode(path.as_posix()).decode(errors="backslashreplace")
