"""One file -> clip or rejection. Finished verdicts are kept by content: no video is decoded twice.

The frames are written before the verdict: whoever finds a verdict finds the frames. `find_verdict`
finds what is known without reading the file; `judge` has it fetched and examined, each in a worker
of its own, and keeps what came out. A worker that took harm from its file is a verdict on the file;
one that was killed from outside is none.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.ingest_config import FIXED_INGEST
from tasks.core.no_room import has_no_room
from tasks.core.reuse import find_output, keep_output, work_key
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split
from tasks.ingest.contents import Content, find_record, read_content
from tasks.ingest.locate import Remote, locate
from tasks.ingest.quality import FileJob
from tasks.ingest.reasons import Flaw, Reason, SourceError
from tasks.video.clip_file import ClipFile
from tasks.video.isolation import Outcome
from tasks.video.worker import Failure, WorkerError

DECISIVE = (
    *("num_frames", "edge_share", "min_area_px", "max_area_px", "max_damaged_share"),
    *("jpeg_quality", "min_jpeg_quality", "max_bits_per_px"),
    *("min_seconds", "min_source_side_px", "max_source_area_px"),
    *("min_motion", "min_distinct_share", "max_blank_share"),
)
"""The fields of the configuration on which the verdict on one content depends, and in between those
of earlier versions that are fixed now: so what these have finished is found again."""
_NO_SIDE = Split.TRAIN
"""Sides are given when all clips are known (`tasks.ingest.split`)."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file to judge, and all that is needed for it."""

    store: Store
    root: str
    name: str
    config: IngestConfig
    scratch: str = ""
    """Folder for fetched files; whoever made it deletes it."""
    more_roots: tuple[str, ...] = ()
    checksum: str = ""
    """What the SHA-256 of the content must be; empty if nothing is promised."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one file: a clip, or the reason why not."""

    clip: Clip | None = None
    rejection: Rejection | None = None
    sha256: str = ""
    """Of the content; empty if it could not be read."""
    is_reused: bool = False


def find_verdict(source: Source) -> Verdict | None:
    """The verdict on one file if it is known without reading the file."""

    def look_up() -> Verdict | None:
        record = find_record(source.store, _place_of(source))
        if not record.sha256:
            return None
        broken_promise = _judge_checksum(source, record.sha256)
        return (
            replace(broken_promise, is_reused=True)
            if broken_promise
            else _find(source, record.sha256)
        )

    return _guarded(source, look_up)


def judge(
    source: Source,
    examine: Callable[[FileJob], Outcome[ClipFile | Flaw]],
    fetch: Callable[[Source], Outcome[Content | Flaw]],
) -> Verdict:
    """The verdict on one file, from the store if its content is known. Never raises on a bad file.

    Args:
        source: The file.
        examine: `tasks.ingest.quality.examine_file` in a process that may crash.
        fetch: `fetch_source` in a process that may hang.

    Raises:
        WorkerError: there are no processes to look at it.
    """

    def work() -> Verdict:
        place = _place_of(source)
        content = (
            _read(source, place, Path()) if isinstance(place, Path) else _fetched(fetch(source))
        )
        try:
            sha256 = content.sha256
            return (
                _judge_checksum(source, sha256)
                or _find(source, sha256)
                or _judge_content(
                    source, sha256, examine(FileJob(path=content.path, config=source.config))
                )
            )
        finally:
            if content.is_copy:
                content.path.unlink()

    verdict = _guarded(source, work)
    assert verdict
    return verdict


def fetch_source(source: Source) -> Content | Flaw:
    """A copy of a remote file; for a worker that may reach where it lies."""
    try:
        return _read(source, _place_of(source), Path(source.scratch) / uuid.uuid4().hex)
    except SourceError as error:
        return error.flaw
    except OSError as error:
        if has_no_room(error):
            raise
        return Flaw(Reason.UNREADABLE, _words(error))


def _guarded(source: Source, work: Callable[[], Verdict | None]) -> Verdict | None:
    """One bad file must not end a run of thousands."""
    try:
        return work()
    except SourceError as error:
        return _rejected(source, error.flaw)
    except WorkerError:
        raise
    except OSError as error:
        if has_no_room(error):
            raise  # Nobody's fault either: no video may be turned away for it.
        return _rejected(source, Flaw(Reason.UNREADABLE, _words(error)))
    except Exception as error:
        logger.exception("%s: unexpected error", source.name)
        return _rejected(source, Flaw(Reason.UNEXPECTED, f"{type(error).__name__}: {error}"))


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _place_of(source: Source) -> Path | Remote:
    return locate(source.root, source.name, source.more_roots)


def _read(source: Source, place: Path | Remote, target: Path) -> Content:
    return read_content(source.store, place, target, source.config.max_fetch_mib)


def _fetched(outcome: Outcome[Content | Flaw]) -> Content:
    """
    Raises:
        SourceError: it could not be fetched, which says nothing about its content.
    """
    if outcome.failure:
        raise SourceError(Reason(outcome.failure.value), f"while it was fetched: {outcome.detail}")
    if isinstance(outcome.result, Flaw):
        raise SourceError(*outcome.result)
    assert outcome.result
    return outcome.result


def _rejected(source: Source, flaw: Flaw, sha256: str = "") -> Verdict:
    rejection = Rejection(source=source.name, reason=flaw.reason, detail=flaw.detail)
    return Verdict(rejection=rejection, sha256=sha256)


def _judge_checksum(source: Source, sha256: str) -> Verdict | None:
    """The verdict on a content that is not the promised one. It is not kept: it says nothing of the
    content."""
    if source.checksum in ("", sha256):
        return None
    detail = (
        f"SHA-256 is {sha256}, promised: {source.checksum}; copy the file again, or renew "
        "its checksum"
    )
    return _rejected(source, Flaw(Reason.WRONG_CHECKSUM, detail), sha256)


def _key(source: Source, sha256: str) -> str:
    values = {
        **vars(source.config),
        **{name.removeprefix("ingest."): value for name, value in FIXED_INGEST.items()},
    }
    return work_key("ingested", "ingest", sha256, [values[name] for name in DECISIVE])


def _failure_key(source: Source, sha256: str) -> str:
    """With the limits: a video that was too slow gets another chance when there is more time."""
    limits = digest_of(source.config.video_timeout_seconds, source.config.video_memory_mib)
    return f"{_key(source, sha256)}-{limits}"


def _find(source: Source, sha256: str) -> Verdict | None:
    """The kept verdict on a content, under the file's present name and checksum."""
    for key in (_key(source, sha256), _failure_key(source, sha256)):
        known = find_output(source.store, key, Verdict, is_cheap=True)
        if known and known.rejection:
            return replace(
                known, rejection=replace(known.rejection, source=source.name), is_reused=True
            )
        # Frames that were deleted, as a message on damaged ones advises, are made again.
        if known and known.clip and source.store.exists(known.clip.frames_key):
            clip = replace(
                known.clip, source=source.name, split=_NO_SIDE, is_verified=bool(source.checksum)
            )
            return replace(known, clip=clip, is_reused=True)
    return None


def _judge_content(source: Source, sha256: str, outcome: Outcome[ClipFile | Flaw]) -> Verdict:
    """What became of a content, kept from now on."""
    if outcome.failure:
        verdict = _rejected(source, Flaw(Reason(outcome.failure.value), outcome.detail), sha256)
        if outcome.failure is Failure.INTERRUPTED:
            return verdict
        return keep_output(source.store, _failure_key(source, sha256), verdict)
    assert outcome.result
    key = _key(source, sha256)
    if isinstance(outcome.result, Flaw):
        return keep_output(source.store, key, _rejected(source, outcome.result, sha256))
    frames_key = f"frames/{PurePosixPath(key).name}.zip"
    source.store.write_bytes(frames_key, outcome.result.data)
    clip = outcome.result.clip(
        sha256=sha256,
        source=source.name,
        split=_NO_SIDE,
        frames_key=frames_key,
        is_verified=bool(source.checksum),
    )
    return keep_output(source.store, key, Verdict(clip=clip, sha256=sha256))
