"""What an input names: a folder, a glob, a list file or one video; here, in an object store or on the web.

All regular files count as videos: a name says nothing about what is inside. A text file is a list.
"""

import codecs
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fsspec.core import has_magic
from fsspec.utils import glob_translate

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.ingest.locate import is_uri
from tasks.ingest.outputs import VideoShard
from tasks.ingest.remote import list_below, read_start

_HEAD_BYTES = 4096
_MAX_LIST_BYTES = 64 * 2**20
"""Half a million long lines."""

logger = logging.getLogger(__name__)


class _Listing(NamedTuple):
    root: str
    names: list[str]
    is_list: bool = False


def list_shards(videos: str, config: IngestConfig) -> list[VideoShard]:
    """The videos that `videos` names, sorted, in shards.

    Raises:
        InputError: there is no such place, or no video in it.
    """
    where = videos.removeprefix("file://")
    listing = _remote(where) if is_uri(where) else _local(os.path.abspath(os.path.expanduser(where)))
    if not listing.names:
        raise InputError(f"videos: {videos!r} holds no file (hidden ones do not count); add videos")
    names, size = sorted(listing.names), config.shard_size_videos
    more_roots = list(config.list_roots) if listing.is_list else []
    starts = range(0, len(names), size)
    return [VideoShard(root=listing.root, names=names[at : at + size], more_roots=more_roots) for at in starts]


def list_files(folder: Path) -> list[str]:
    """Names relative to `folder`, sorted. Links are listed but not followed here; what is hidden is skipped."""
    names: list[str] = []
    num_hidden = 0
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        visible = [name for name in [*files, *links] if not name.startswith(".")]
        num_hidden += len(files) + len(links) - len(visible) + sum(name.startswith(".") for name in folders)
        folders[:] = [name for name in folders if not name.startswith(".")]
        names += [_text(Path(parent, name).relative_to(folder)) for name in visible if _may_be_read(parent, name)]
    if num_hidden:
        logger.info("%d hidden files and folders in %s skipped", num_hidden, folder)
    return sorted(names)


def read_list(data: bytes) -> list[str]:
    """The lines of a list file, without blank ones and comments (#)."""
    lines = (line.strip() for line in data.decode("utf-8-sig").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _local(where: str) -> _Listing:
    path = Path(where)
    if path.is_dir():
        return _Listing(where, list_files(path))
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        if not _is_text(head):
            return _Listing(str(path.parent), [path.name])
        return _Listing(str(path.parent), _lines(where, path.stat().st_size, path.read_bytes), is_list=True)
    if has_magic(where):
        return _glob(where)
    raise InputError(
        f"videos: nothing at {where!r}; give a folder with video files, a glob ('DIR/**/*.mp4'), a list file or a URI"
    )


def _glob(pattern: str) -> _Listing:
    fixed = pattern[: min(pattern.index(sign) for sign in "*?[" if sign in pattern)]
    root, _, _ = fixed.rpartition("/")
    if not os.path.isdir(root or "/"):
        raise InputError(f"videos: no folder {root!r}, where {pattern!r} begins")
    matches = re.compile(glob_translate(pattern)).match
    names = [name for name in list_files(Path(root or "/")) if matches(f"{root}/{name}")]
    if not names:
        raise InputError(f"videos: no file matches {pattern!r}; quote it, so that the shell leaves it alone")
    return _Listing(root or "/", names)


def _remote(uri: str) -> _Listing:
    try:
        found = list_below(uri)
        if not found.is_one or not _is_text(read_start(uri, _HEAD_BYTES)):
            return _Listing(found.root, found.uris)
        data = read_start(uri, _MAX_LIST_BYTES + 1)
        return _Listing(found.root, _lines(uri, len(data), lambda: data), is_list=True)
    except InputError:
        raise
    except Exception as error:  # Every file system has errors of its own.
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(
            f"videos: {uri!r} cannot be read ({reason}); check the address and your credentials"
        ) from error


def _lines(where: str, num_bytes: int, read: Callable[[], bytes]) -> list[str]:
    if num_bytes > _MAX_LIST_BYTES:
        raise InputError(f"videos: the list {where!r} has over {_MAX_LIST_BYTES} bytes; split it")
    try:
        lines = read_list(read())
    except UnicodeDecodeError as error:
        raise InputError(f"videos: {where!r} begins like a list but is not UTF-8 text ({error})") from error
    if not lines:
        raise InputError(f"videos: the list {where!r} names no video; write one path or URI a line")
    return lines


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _may_be_read(parent: str, name: str) -> bool:
    """Pipes and devices would hang a reader; broken links and links to folders get their own rejection."""
    path = os.path.join(parent, name)
    return os.path.islink(path) or os.path.isfile(path)


def _text(path: Path) -> str:
    # A name that is not UTF-8 cannot travel between tasks; escaped, it is reported as unreadable under a telling name.
    return os.fsencode(path.as_posix()).decode(errors="backslashreplace")
