"""Errors of a disk that takes nothing more: they are nobody's input, and one line says what to
do."""

import errno

from tasks.core.errors import causes

_MEANING = {
    errno.ENOSPC: "the disk is full; make room, or name a data root (or TMPDIR) on another disk",
    errno.EDQUOT: "the quota is used up; make room, or have it raised",
    errno.EFBIG: "a file may not grow so large here; raise the limit (ulimit -f), or use another "
    "disk",
    errno.EROFS: "the disk can only be read; name a data root on another one, or mount it for "
    "writing",
}
_WORDS = (
    "no space left on device",
    "disk is full",
    "disk quota exceeded",
    "file too large",
    "os error 28",
)
"""How libraries that are not Python's say it: safetensors, sqlite."""


def has_no_room(error: BaseException) -> bool:
    """Whether the error itself says so."""
    return isinstance(error, OSError) and error.errno in _MEANING


def no_room_line(error: BaseException) -> str:
    """What to do if `error`, or one that it was raised from, says that nothing can be written; else
    empty."""
    for found in causes(error):
        if isinstance(found, OSError) and found.errno in _MEANING:
            where = f"{found.filename}: " if found.filename else ""
            return f"{where}{_MEANING[found.errno]}; the same command then goes on"
        if any(word in str(found).lower() for word in _WORDS) and not isinstance(found, ValueError):
            first = str(found).strip().splitlines()[0]
            return f"{first}: {_MEANING[errno.ENOSPC]}; the same command then goes on"
    return ""
