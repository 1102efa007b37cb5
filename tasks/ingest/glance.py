"""Is a file a video, at first sight? What its header says, without decoding: milliseconds a file.

Of an object in a store the first bytes are looked at. Where these do not tell, it may be one: ingest will find out.
"""

import uuid
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tasks.ingest.locate import Remote
from tasks.ingest.reasons import Reason
from tasks.ingest.remote import read_start
from tasks.video.container import is_cut_off
from tasks.video.errors import Problem, VideoError
from tasks.video.probe import BROKEN, open_video

_HEAD_BYTES = 4 * 2**20
"""FFmpeg tells containers apart by the first mebibyte; what it says of streams may stand a little later."""
_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an old QuickTime file may begin with; its index often stands at its end."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One file to look at; of an object in a store its first bytes may have to do."""

    path: Path
    is_whole: bool


def prepare(place: Path | Remote, scratch: str) -> Look:
    """What `reason_against` needs, which runs where stores cannot be reached.

    Raises:
        Refused, OSError: the object cannot be read.
    """
    if isinstance(place, Path):
        return Look(path=place, is_whole=True)
    head = read_start(place, _HEAD_BYTES)
    path = Path(scratch) / uuid.uuid4().hex
    path.write_bytes(head)
    return Look(path=path, is_whole=len(head) < _HEAD_BYTES)


def reason_against(look: Look) -> Reason | None:
    """Why the file is no video; None if it is one, or may be. Never raises on a bad file."""
    try:
        return _reason(look.path, is_whole=look.is_whole)
    except OSError:
        return Reason.UNREADABLE


def _reason(path: Path, *, is_whole: bool) -> Reason | None:
    try:
        with open_video(path) as (container, stream):
            if is_whole and is_cut_off(path, container):
                return Reason.INCOMPLETE_FILE  # It is still arriving, or will never be more.
            num_packets = sum(1 for packet in islice(container.demux(stream), 2) if packet.size)
            is_still = num_packets < 2 and (is_whole or container.format.name.endswith("_pipe"))
            return Reason.TOO_FEW_FRAMES if is_still else None
    except VideoError as error:
        return None if not is_whole and _may_go_on(path, error.problem) else Reason(error.problem.value)
    except MemoryError:
        raise
    except BROKEN:
        return None  # A video, of which ingest will find out how much can be read.


def _may_go_on(path: Path, problem: Problem) -> bool:
    """Whether what was not found at the beginning may stand further on."""
    with path.open("rb") as file:
        kind = file.read(8)[4:]
    return problem is Problem.INCOMPLETE_FILE or (problem is Problem.NOT_A_VIDEO and kind in _QUICKTIME)
