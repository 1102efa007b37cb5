"""Is there a video that no retrain has had yet? Listings, records and headers are looked at: mostly that is seconds.

A file counts if it is a video at first sight, and no retrain that had its content has ended well
(`tasks.ingest.untrained`): one that failed starts again. What does not count is said with its reason:
texts and pictures, empty files and unfinished downloads, and known videos that were touched, copied or renamed. To
recognise these, a file that is as long as a known one is read once.
"""

import re
import tempfile
import time
from collections import Counter
from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tasks.core.config import IngestConfig
from tasks.core.store import Store
from tasks.ingest.content import find_read_before, known_content
from tasks.ingest.glance import Look, prepare, reason_against
from tasks.ingest.locate import Refused, Remote, locate
from tasks.ingest.outputs import VideoShard
from tasks.ingest.reasons import Reason
from tasks.ingest.untrained import find_untrained
from tasks.video.isolation import Limits, Outcome, isolated, run_isolated
from tasks.video.worker import Failure

_LOOKUPS = 8
_KNOWN = "known"
_SAME_CONTENT = "known under another name or time"
_UNFINISHED = "unfinished download"
_YOUNG = "still arriving (ingest.quiet_seconds)"
_PARTIAL_SUFFIXES = (
    *(".part", ".partial", ".crdownload", ".download", ".opdownload", ".tmp", ".temp", ".filepart", ".!ut", ".aria2"),
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
        found = f"{self.num_new or 'none'} of {self.num_new + sum(self.not_counted.values())}"
        reasons = ", ".join(f"{number} {reason}" for reason, number in self.not_counted.items())
        needed = f"{config.min_new_videos} needed (ingest.min_new_videos)"
        decided = "the main job starts" if self.start(config) else f"the main job does not start: {needed}"
        return f"{found}{f'; not counted: {reasons}' if reasons else ''}; {decided}"


@dataclass(frozen=True, kw_only=True)
class _Unknown:
    """A file whose content is not known, or was in no retrain that ended well."""

    store: Store
    place: Path | Remote
    config: IngestConfig
    scratch: str
    """Folder for what is fetched."""


class _Sight(NamedTuple):
    """What a closer look has shown."""

    sha256: str
    """Of a content that was read before; else empty."""
    found: str | Look
    """Why the file does not count, or what to look at."""


def find_arrivals(store: Store, shards: Sequence[VideoShard], config: IngestConfig) -> Arrivals:
    """Look at every listed file."""
    limits, untrained = Limits.of(config), find_untrained(store)
    with tempfile.TemporaryDirectory(prefix="videossr-arrivals-") as scratch:
        with isolated(_look_closer, limits, has_credentials=True) as look_elsewhere:

            def look_up(job: tuple[VideoShard, str]) -> str | Look:
                shard, name = job
                try:
                    place = locate(shard.root, name, tuple(shard.more_roots))
                    if reason := _reason(store, place, config, untrained):
                        return reason
                    unknown = _Unknown(store=store, place=place, config=config, scratch=scratch)
                    # What lies elsewhere may come slowly, or never.
                    sight = _look_closer(unknown) if isinstance(place, Path) else _result(look_elsewhere(unknown))
                    is_trained_on = sight.sha256 and sight.sha256 not in untrained
                    return _SAME_CONTENT if is_trained_on else sight.found
                except Refused as refused:
                    return refused.reason
                except OSError:
                    return Reason.UNREADABLE

            with ThreadPoolExecutor(_LOOKUPS) as threads:
                found = list(threads.map(look_up, [(shard, name) for shard in shards for name in shard.names]))
        reasons = [reason for reason in found if isinstance(reason, str)]
        looks = [look for look in found if isinstance(look, Look)]
        for _, outcome in run_isolated(reason_against, looks, limits):
            # One that was killed from outside says nothing about its file: it may be a video.
            failure = outcome.failure if outcome.failure is not Failure.INTERRUPTED else None
            reason = failure or outcome.result
            reasons += [reason] if reason else []
    counts = sorted(Counter(map(str, reasons)).items(), key=lambda item: (-item[1], item[0]))
    return Arrivals(num_new=len(found) - len(reasons), not_counted=dict(counts))


def _reason(store: Store, place: Path | Remote, config: IngestConfig, untrained: Set[str]) -> str:
    """Why the file does not count, by what is known without reading it; empty if it may count."""
    known = known_content(store, place)
    facts = known.facts
    if known.sha256 and known.sha256 not in untrained:
        return _KNOWN
    if _is_unfinished(str(place).lower()):
        return _UNFINISHED
    if facts.num_bytes == 0:
        return Reason.EMPTY_FILE
    if facts.changed_seconds is not None and time.time() - facts.changed_seconds < config.quiet_seconds:
        return _YOUNG
    is_too_large = isinstance(place, Remote) and (facts.num_bytes or 0) > config.max_fetch_mib * 2**20
    return Reason.FILE_TOO_LARGE if is_too_large else ""


def _look_closer(unknown: _Unknown) -> _Sight:
    """By its content."""
    store, place, config, scratch = unknown.store, unknown.place, unknown.config, unknown.scratch
    sha256 = ""
    try:
        sha256 = find_read_before(store, place, Path(scratch), config.max_fetch_mib)
        return _Sight(sha256, prepare(place, scratch))
    except Refused as refused:
        return _Sight(sha256, refused.reason)
    except OSError:
        return _Sight(sha256, Reason.UNREADABLE)


def _result(outcome: Outcome[_Sight]) -> _Sight:
    if outcome.failure:
        return _Sight("", outcome.failure)
    assert outcome.result
    return outcome.result


def _is_unfinished(place: str) -> bool:
    """By its name, or that of its folder: Safari's downloads are folders."""
    folder, _, name = place.rpartition("/")
    return name.endswith(_PARTIAL_SUFFIXES) or bool(_PIECE.search(name)) or folder.endswith(".download")
