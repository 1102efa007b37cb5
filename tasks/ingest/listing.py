"""Which files a folder holds. All regular files count as inputs: the name says nothing about what is inside."""

import logging
import os
from pathlib import Path

from tasks.core.errors import InputError
from tasks.ingest.outputs import VideoShard

logger = logging.getLogger(__name__)


def list_shards(folder: Path, *, shard_size: int) -> list[VideoShard]:
    """The files below `folder`, sorted, in shards.

    Raises:
        InputError: there is no such folder, or no file in it.
    """
    if not folder.exists():
        raise InputError(f"videos: no folder {str(folder)!r}; give a folder with video files")
    if not folder.is_dir():
        raise InputError(f"videos: {str(folder)!r} is a file; give the folder that holds the video files")
    names = list_files(folder)
    if not names:
        raise InputError(f"videos: the folder {str(folder)!r} holds no file (hidden ones do not count); add videos")
    where = str(folder.absolute())
    starts = range(0, len(names), shard_size)
    return [VideoShard(folder=where, names=names[start : start + shard_size]) for start in starts]


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


def _may_be_read(parent: str, name: str) -> bool:
    """Pipes and devices would hang a reader; broken links and links to folders get their own rejection."""
    path = os.path.join(parent, name)
    return os.path.islink(path) or os.path.isfile(path)


def _text(path: Path) -> str:
    # A name that is not UTF-8 cannot travel between tasks; escaped, it is reported as unreadable under a telling name.
    return os.fsencode(path.as_posix()).decode(errors="backslashreplace")
