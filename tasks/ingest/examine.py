"""One file -> clip or rejection. Finished verdicts are kept by content, so that no video is decoded twice.

The frames are written before the verdict: whoever finds a verdict finds the frames. `settle` finds what is known
without reading the file, `examine` does the work (in a worker), `blame` judges a file that took its worker down.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of, sha256_of_file
from tasks.core.reuse import find_output, keep_output
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split
from tasks.ingest.content import known_content, read_content
from tasks.ingest.locate import Refused, locate
from tasks.ingest.quality import find_flaw, find_size_flaw
from tasks.ingest.reasons import Reason
from tasks.video.decode import Footage, FrameChoice, decode_video
from tasks.video.errors import VideoError
from tasks.video.fingerprint import fingerprint
from tasks.video.frame_store import pack_clip
from tasks.video.isolation import Failure

_VERSION = 4
"""Raised when the same file and config give another outcome, so that kept verdicts are not reused."""
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


def examine(job: Job) -> Verdict:
    """The verdict on one file, from the store if its content is known. Never raises on a bad file.

    Raises:
        MemoryError: the file needs more than there is.
    """

    def work() -> Verdict:
        place = locate(job.root, job.name, job.more_roots)
        content = read_content(job.store, place, Path(job.scratch) / uuid.uuid4().hex, job.config.max_fetch_mib)
        try:
            sha256 = content.sha256
            return _contradict(job, sha256) or _find(job, sha256) or _judge(job, content.path, sha256)
        finally:
            if content.is_copy:
                content.path.unlink()

    verdict = _guarded(job, work)
    assert verdict
    return verdict


def blame(job: Job, failure: Failure, detail: str) -> Verdict:
    """The verdict on a file whose worker failed. Kept for these limits if the content is known."""

    def judge() -> Verdict:
        rejected = _rejected(job.name, Reason(failure.value), detail)
        place = locate(job.root, job.name, job.more_roots)
        sha256 = known_content(job.store, place).sha256
        if not sha256 and isinstance(place, Path):
            sha256 = sha256_of_file(place)
        if not sha256:
            return rejected
        return keep_output(job.store, _failure_key(job, sha256), replace(rejected, sha256=sha256))

    verdict = _guarded(job, judge)
    assert verdict
    return verdict


def _guarded(job: Job, judge: Callable[[], Verdict | None]) -> Verdict | None:
    """One bad file must not end a run of thousands."""
    try:
        return judge()
    except Refused as error:
        return _rejected(job.name, error.reason, error.detail)
    except MemoryError:
        raise  # Not the file's fault: the worker ends, and the limit is named.
    except OSError as error:
        return _rejected(job.name, Reason.UNREADABLE, error.strerror or str(error) or type(error).__name__)
    except Exception as error:
        logger.exception("%s: unexpected error", job.name)
        return _rejected(job.name, Reason.UNEXPECTED, f"{type(error).__name__}: {error}")


def _rejected(name: str, reason: Reason, detail: str) -> Verdict:
    return Verdict(rejection=Rejection(source=name, reason=reason, detail=detail))


def _contradict(job: Job, sha256: str) -> Verdict | None:
    """The verdict on a content that is not the promised one. It is no verdict on the content: it is not kept."""
    if job.checksum in ("", sha256):
        return None
    detail = f"SHA-256 is {sha256}, promised: {job.checksum}; copy the file again, or renew its checksum"
    return replace(_rejected(job.name, Reason.WRONG_CHECKSUM, detail), sha256=sha256)


def _digest(job: Job, sha256: str) -> str:
    return digest_of("ingest", _VERSION, sha256, [getattr(job.config, name) for name in DECISIVE])


def _failure_key(job: Job, sha256: str) -> str:
    """With the limits: a video that was too slow gets another chance when there is more time."""
    limits = digest_of(job.config.video_timeout_seconds, job.config.video_memory_mib)
    return f"ingested/{_digest(job, sha256)}-{limits}"


def _find(job: Job, sha256: str) -> Verdict | None:
    """The kept verdict on a content, under the file's present name and checksum."""
    for key in (f"ingested/{_digest(job, sha256)}", _failure_key(job, sha256)):
        known = find_output(job.store, key, Verdict)
        if known and known.rejection:
            return replace(known, rejection=replace(known.rejection, source=job.name), is_reused=True)
        if known and known.clip and job.store.exists(known.clip.frames_key):
            clip = replace(known.clip, source=job.name, split=_NO_SIDE, is_verified=bool(job.checksum))
            return replace(known, clip=clip, is_reused=True)
    return None


def _judge(job: Job, path: Path, sha256: str) -> Verdict:
    digest = _digest(job, sha256)
    verdict = replace(_decide(job, path, sha256, f"frames/{digest}.zip"), sha256=sha256)
    return keep_output(job.store, f"ingested/{digest}", verdict)


def _decide(job: Job, path: Path, sha256: str, frames_key: str) -> Verdict:
    config = job.config
    if path.stat().st_size == 0:
        return _rejected(job.name, Reason.EMPTY_FILE, "0 bytes")
    try:
        flaw = find_size_flaw(path, config)
        if flaw:
            return _rejected(job.name, *flaw)
        footage = decode_video(path, FrameChoice.of(config))
    except VideoError as error:
        return _rejected(job.name, Reason(error.problem.value), error.detail)
    flaw = find_flaw(footage.frames, footage.duration_seconds, config)
    if flaw:
        return _rejected(job.name, *flaw)
    packed = pack_clip(footage.frames, config)
    job.store.write_bytes(frames_key, packed.data)
    return Verdict(clip=_clip(footage, job, sha256=sha256, frames_key=frames_key, jpeg_quality=packed.jpeg_quality))


def _clip(footage: Footage, job: Job, *, sha256: str, frames_key: str, jpeg_quality: int) -> Clip:
    _, height, width, _ = footage.frames.shape
    return Clip(
        clip_id=sha256[:_CLIP_ID_DIGITS],
        source=job.name,
        sha256=sha256,
        split=_NO_SIDE,
        duration_seconds=footage.duration_seconds,
        source_fps=footage.source_fps,
        width_px=width,
        height_px=height,
        timestamps_seconds=footage.timestamps_seconds,
        frames_key=frames_key,
        warnings=footage.warnings,
        fingerprint=fingerprint(footage.frames),
        jpeg_quality=jpeg_quality,
        is_verified=bool(job.checksum),
    )
