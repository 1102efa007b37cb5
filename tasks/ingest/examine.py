"""One file -> clip or rejection. Finished verdicts are kept by content, so that no video is decoded twice.

The frames are written before the verdict: whoever finds a verdict finds the frames. `settle` finds what is known
without reading the file; `examine` has it fetched and looked at, each in a worker of its own, and keeps what came out.
A worker that took harm from its file is a verdict on the file; one that was killed from outside is none.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.no_room import has_no_room
from tasks.core.reuse import find_output, keep_output, work_key
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split
from tasks.ingest.content import Content, known_content, read_content
from tasks.ingest.locate import Refused, Remote, locate
from tasks.ingest.look import Fault, Sight, Task
from tasks.ingest.reasons import Reason
from tasks.video.isolation import Outcome
from tasks.video.worker import Failure, WorkerError

DECISIVE = (
    *("num_frames", "edge_share", "min_area_px", "max_area_px", "max_damaged_share"),
    *("jpeg_quality", "min_jpeg_quality", "max_bits_per_px"),
    *("min_seconds", "min_source_side_px", "max_source_area_px"),
    *("min_motion", "min_distinct_share", "max_blank_share"),
)
"""The fields of the configuration on which the verdict on one content depends."""
_CLIP_ID_DIGITS = 16
_NO_SIDE = Split.TRAIN
"""Sides are given when all clips are known (`tasks.ingest.split`)."""

Look = Callable[[Task], Outcome[Sight | Fault]]
"""Looks at a file in a process that may crash."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Job:
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


def settle(job: Job) -> Verdict | None:
    """The verdict on one file if it is known without reading the file."""

    def look_up() -> Verdict | None:
        known = known_content(job.store, locate(job.root, job.name, job.more_roots))
        if not known.sha256:
            return None
        contradiction = _contradict(job, known.sha256)
        return replace(contradiction, is_reused=True) if contradiction else _find(job, known.sha256)

    return _guarded(job, look_up)


def examine(job: Job, look: Look, fetch: "Fetch") -> Verdict:
    """The verdict on one file, from the store if its content is known. Never raises on a bad file.

    Raises:
        WorkerError: there are no processes to look at it.
    """

    def work() -> Verdict:
        place = locate(job.root, job.name, job.more_roots)
        content = _read(job, place, Path()) if isinstance(place, Path) else _fetched(fetch(job))
        try:
            sha256 = content.sha256
            return _contradict(job, sha256) or _find(job, sha256) or _judge(job, sha256, look, content.path)
        finally:
            if content.is_copy:
                content.path.unlink()

    verdict = _guarded(job, work)
    assert verdict
    return verdict


def fetch(job: Job) -> Content | Fault:
    """A copy of a remote file; for a worker that may reach where it lies."""
    try:
        place = locate(job.root, job.name, job.more_roots)
        return _read(job, place, Path(job.scratch) / uuid.uuid4().hex)
    except Refused as error:
        return Fault(reason=error.reason, detail=error.detail)
    except OSError as error:
        if has_no_room(error):
            raise
        return Fault(reason=Reason.UNREADABLE, detail=_words(error))


Fetch = Callable[[Job], Outcome[Content | Fault]]
"""`fetch` in a process that may hang."""


def _guarded(job: Job, judge: Callable[[], Verdict | None]) -> Verdict | None:
    """One bad file must not end a run of thousands."""
    try:
        return judge()
    except Refused as error:
        return _rejected(job.name, error.reason, error.detail)
    except WorkerError:
        raise
    except OSError as error:
        if has_no_room(error):
            raise  # Nobody's fault either: no video may be turned away for it.
        return _rejected(job.name, Reason.UNREADABLE, _words(error))
    except Exception as error:
        logger.exception("%s: unexpected error", job.name)
        return _rejected(job.name, Reason.UNEXPECTED, f"{type(error).__name__}: {error}")


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _read(job: Job, place: Path | Remote, target: Path) -> Content:
    return read_content(job.store, place, target, job.config.max_fetch_mib)


def _fetched(outcome: Outcome[Content | Fault]) -> Content:
    """
    Raises:
        Refused: it could not be fetched, which says nothing about its content.
    """
    if outcome.failure:
        raise Refused(Reason(outcome.failure.value), f"while it was fetched: {outcome.detail}")
    if isinstance(outcome.result, Fault):
        raise Refused(outcome.result.reason, outcome.result.detail)
    assert outcome.result
    return outcome.result


def _rejected(name: str, reason: Reason, detail: str) -> Verdict:
    return Verdict(rejection=Rejection(source=name, reason=reason, detail=detail))


def _contradict(job: Job, sha256: str) -> Verdict | None:
    """The verdict on a content that is not the promised one. It is no verdict on the content: it is not kept."""
    if job.checksum in ("", sha256):
        return None
    detail = f"SHA-256 is {sha256}, promised: {job.checksum}; copy the file again, or renew its checksum"
    return replace(_rejected(job.name, Reason.WRONG_CHECKSUM, detail), sha256=sha256)


def _key(job: Job, sha256: str) -> str:
    return work_key("ingested", "ingest", sha256, [getattr(job.config, name) for name in DECISIVE])


def _failure_key(job: Job, sha256: str) -> str:
    """With the limits: a video that was too slow gets another chance when there is more time."""
    limits = digest_of(job.config.video_timeout_seconds, job.config.video_memory_mib)
    return f"{_key(job, sha256)}-{limits}"


def _find(job: Job, sha256: str) -> Verdict | None:
    """The kept verdict on a content, under the file's present name and checksum."""
    for key in (_key(job, sha256), _failure_key(job, sha256)):
        known = find_output(job.store, key, Verdict, is_cheap=True)
        if known and known.rejection:
            return replace(known, rejection=replace(known.rejection, source=job.name), is_reused=True)
        if known and known.clip and job.store.exists(known.clip.frames_key):
            clip = replace(known.clip, source=job.name, split=_NO_SIDE, is_verified=bool(job.checksum))
            return replace(known, clip=clip, is_reused=True)
    return None


def _judge(job: Job, sha256: str, look: Look, path: Path) -> Verdict:
    outcome, key = look(Task(path=path, config=job.config)), _key(job, sha256)
    if outcome.failure:
        rejected = replace(_rejected(job.name, Reason(outcome.failure.value), outcome.detail), sha256=sha256)
        if outcome.failure is Failure.INTERRUPTED:
            return rejected
        return keep_output(job.store, _failure_key(job, sha256), rejected)
    found = outcome.result
    assert found
    if isinstance(found, Fault):
        verdict = _rejected(job.name, found.reason, found.detail)
    else:
        frames_key = f"frames/{PurePosixPath(key).name}.zip"
        job.store.write_bytes(frames_key, found.data)
        verdict = Verdict(clip=_clip(found, job, sha256=sha256, frames_key=frames_key))
    return keep_output(job.store, key, replace(verdict, sha256=sha256))


def _clip(found: Sight, job: Job, *, sha256: str, frames_key: str) -> Clip:
    return Clip(
        clip_id=sha256[:_CLIP_ID_DIGITS],
        source=job.name,
        sha256=sha256,
        split=_NO_SIDE,
        duration_seconds=found.duration_seconds,
        source_fps=found.source_fps,
        width_px=found.width_px,
        height_px=found.height_px,
        timestamps_seconds=found.timestamps_seconds,
        frames_key=frames_key,
        warnings=found.warnings,
        fingerprint=found.fingerprint,
        jpeg_quality=found.jpeg_quality,
        is_verified=bool(job.checksum),
    )
