"""Is there a video that no retrain has had yet? Listings, records and headers say so in seconds.

A file counts if its header is that of a video, and no retrain that had its content has ended well
(`tasks.ingest.contents`): one that failed starts again. What does not count is said with its
reason: texts and pictures, empty files and unfinished downloads, and known videos that were
touched, copied or renamed. To recognise these, a file that is as long as a known one is read once.
Nothing is decoded; where the first bytes of an object in a store do not tell, it may be a video:
ingest will find out.
"""

import re
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tasks.core.config import IngestConfig
from tasks.core.records import VideoShard
from tasks.core.store import Store
from tasks.ingest.contents import find_read_before, find_record, find_untrained
from tasks.ingest.locate import Remote, locate
from tasks.ingest.reasons import Reason, SourceError
from tasks.ingest.remote import read_start
from tasks.video.container import is_cut_off
from tasks.video.damage import BROKEN
from tasks.video.errors import Problem, VideoError
from tasks.video.isolation import Limits, Outcome, isolated, run_isolated
from tasks.video.probe import open_video
from tasks.video.worker import Failure

_LOOKUPS = 8
"""Files looked up at once: it is waiting, mostly for object stores."""
_HEAD_BYTES = 4 * 2**20
"""FFmpeg tells containers apart by the first mebibyte; what it says of streams may stand a little
later."""
_QUICKTIME = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
"""What an old QuickTime file may begin with; its index often stands at its end."""
_KNOWN = "known"
_SAME_CONTENT = "known under another name or time"
_UNFINISHED = "unfinished download"
_YOUNG = "still arriving (ingest.quiet_seconds)"
_PARTIAL_SUFFIXES = (
    *(
        ".part",
        ".partial",
        ".crdownload",
        ".download",
        ".opdownload",
        ".tmp",
        ".temp",
        ".filepart",
        ".!ut",
        ".aria2",
    ),
    *(".!qb", ".bc!", ".dtapart", ".swp", "~"),
)
"""How browsers, clients and editors call a file until it is whole and gets its name."""
_PIECE = re.compile(r"\.part-frag\d+$")
"""How yt-dlp calls a piece of one."""


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """What is new among the listed files."""

    num_new: int
    not_counted: dict[str, int]
    """All others, by reason."""

    def start(self, config: IngestConfig) -> bool:
        """Whether that is enough to start the main job."""
        return self.num_new >= config.min_new_videos

    def line(self, config: IngestConfig) -> str:
        """What was found and decided, for people."""
        number = f"{self.num_new or 'none'} of {self.num_new + sum(self.not_counted.values())}"
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.not_counted.items())
        needed = f"{config.min_new_videos} needed (ingest.min_new_videos)"
        decided = (
            "the main job starts"
            if self.start(config)
            else f"the main job does not start: {needed}"
        )
        return f"{number}{f'; not counted: {reasons}' if reasons else ''}; {decided}"


@dataclass(frozen=True, kw_only=True)
class _Unknown:
    """A file whose content is not known, or was in no retrain that ended well."""

    store: Store
    place: Path | Remote
    config: IngestConfig
    scratch: str
    """Folder for what is fetched."""


@dataclass(frozen=True, kw_only=True)
class _Head:
    """What the header of a file is read from; of an object in a store its first bytes."""

    path: Path
    is_whole: bool


class _ContentCheck(NamedTuple):
    """What reading a file for its content has shown."""

    sha256: str
    """Of a content that was read before; else empty."""
    rest: str | _Head
    """Why the file does not count, or what its header is to be read from."""


def find_arrivals(store: Store, shards: Sequence[VideoShard], config: IngestConfig) -> Arrivals:
    """Look at every listed file."""
    limits, untrained = Limits.of(config), find_untrained(store)
    with tempfile.TemporaryDirectory(prefix="videossr-arrivals-") as scratch:
        with isolated(_check_content, limits, has_credentials=True) as check_elsewhere:

            def look_up(file: tuple[VideoShard, str]) -> str | _Head:
                shard, name = file
                try:
                    place = locate(shard.root, name, tuple(shard.more_roots))
                    if reason := _reason_by_record(store, place, config, untrained):
                        return reason
                    unknown = _Unknown(store=store, place=place, config=config, scratch=scratch)
                    # What lies elsewhere may come slowly, or never.
                    is_here = isinstance(place, Path)
                    checked = (
                        _check_content(unknown) if is_here else _result(check_elsewhere(unknown))
                    )
                    is_trained_on = checked.sha256 and checked.sha256 not in untrained
                    return _SAME_CONTENT if is_trained_on else checked.rest
                except SourceError as error:
                    return error.flaw.reason
                except OSError:
                    return Reason.UNREADABLE

            with ThreadPoolExecutor(_LOOKUPS) as threads:
                results = list(
                    threads.map(
                        look_up, [(shard, name) for shard in shards for name in shard.names]
                    )
                )
        reasons = [result for result in results if isinstance(result, str)]
        heads = [result for result in results if isinstance(result, _Head)]
        for _, outcome in run_isolated(_reason_by_header, heads, limits):
            # One that was killed from outside says nothing about its file: it may be a video.
            failure = outcome.failure if outcome.failure is not Failure.INTERRUPTED else None
            reason = failure or outcome.result
            reasons += [reason] if reason else []
    counts = sorted(Counter(map(str, reasons)).items(), key=lambda item: (-item[1], item[0]))
    return Arrivals(num_new=len(results) - len(reasons), not_counted=dict(counts))


def _reason_by_record(
    store: Store, place: Path | Remote, config: IngestConfig, untrained: Set[str]
) -> str:
    """Why the file does not count, by what is known without reading it; empty if it may count."""
    record = find_record(store, place)
    facts = record.facts
    if record.sha256 and record.sha256 not in untrained:
        return _KNOWN
    if _is_unfinished(str(place).lower()):
        return _UNFINISHED
    if facts.num_bytes == 0:
        return Reason.EMPTY_FILE
    if (
        facts.changed_seconds is not None
        and time.time() - facts.changed_seconds < config.quiet_seconds
    ):
        return _YOUNG
    is_too_large = (
        isinstance(place, Remote) and (facts.num_bytes or 0) > config.max_fetch_mib * 2**20
    )
    return Reason.FILE_TOO_LARGE if is_too_large else ""


def _check_content(unknown: _Unknown) -> _ContentCheck:
    store, place, config, scratch = unknown.store, unknown.place, unknown.config, unknown.scratch
    sha256 = ""
    try:
        sha256 = find_read_before(store, place, Path(scratch), config.max_fetch_mib)
        return _ContentCheck(sha256, _head_of(place, scratch))
    except SourceError as error:
        return _ContentCheck(sha256, error.flaw.reason)
    except OSError:
        return _ContentCheck(sha256, Reason.UNREADABLE)


def _result(outcome: Outcome[_ContentCheck]) -> _ContentCheck:
    if outcome.failure:
        return _ContentCheck("", outcome.failure)
    assert outcome.result
    return outcome.result


def _head_of(place: Path | Remote, scratch: str) -> _Head:
    """What `_reason_by_header` needs, which runs where stores cannot be reached.

    Raises:
        SourceError, OSError: the object cannot be read.
    """
    if isinstance(place, Path):
        return _Head(path=place, is_whole=True)
    data = read_start(place, _HEAD_BYTES)
    path = Path(scratch) / uuid.uuid4().hex
    path.write_bytes(data)
    return _Head(path=path, is_whole=len(data) < _HEAD_BYTES)


def _reason_by_header(head: _Head) -> Reason | None:
    """Why the file is no video; None if it is one, or may be. Never raises on a bad file."""
    try:
        return _header_flaw(head)
    except OSError:
        return Reason.UNREADABLE


def _header_flaw(head: _Head) -> Reason | None:
    try:
        with open_video(head.path) as (container, stream):
            if head.is_whole and is_cut_off(head.path, container):
                return Reason.INCOMPLETE_FILE  # It is still arriving, or will never be more.
            # PyAV ends a stream with an empty packet, which is no picture. FFmpeg reads lone
            # pictures with demuxers that are called png_pipe, webp_pipe and so on.
            num_packets = sum(1 for packet in islice(container.demux(stream), 2) if packet.size)
            is_still = num_packets < 2 and (
                head.is_whole or container.format.name.endswith("_pipe")
            )
            return Reason.TOO_FEW_FRAMES if is_still else None
    except VideoError as error:
        return (
            None
            if not head.is_whole and _may_go_on(head.path, error.problem)
            else Reason(error.problem.value)
        )
    except MemoryError:
        raise
    except BROKEN:
        return None  # A video, of which ingest will find out how much can be read.


def _may_go_on(path: Path, problem: Problem) -> bool:
    """Whether what was not found at the beginning may stand further on."""
    with path.open("rb") as file:
        kind = file.read(8)[4:]
    return problem is Problem.INCOMPLETE_FILE or (
        problem is Problem.NOT_A_VIDEO and kind in _QUICKTIME
    )


def _is_unfinished(place: str) -> bool:
    """By its name, or that of its folder: Safari's downloads are folders."""
    folder, _, name = place.rpartition("/")
    return (
        name.endswith(_PARTIAL_SUFFIXES)
        or bool(_PIECE.search(name))
        or folder.endswith(".download")
    )
