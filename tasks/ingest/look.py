"""What a worker finds in a file: frames that are good enough to learn from, or why there are none.

It gets a path and limits, and hands back bytes: it reaches neither the store nor anything else outside.
"""

from dataclasses import dataclass
from pathlib import Path

from tasks.core.config import IngestConfig
from tasks.ingest.quality import find_flaw, find_size_flaw
from tasks.ingest.reasons import Reason
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.errors import VideoError
from tasks.video.fingerprint import fingerprint
from tasks.video.frame_store import pack_clip


@dataclass(frozen=True, kw_only=True)
class Sight:
    """The frames of a video, packed, and what is to be known of them."""

    data: bytes
    """See `tasks.video.frame_store`."""
    jpeg_quality: int
    height_px: int
    width_px: int
    duration_seconds: float
    source_fps: float
    timestamps_seconds: tuple[float, ...]
    warnings: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why the file is of no use."""

    reason: Reason
    detail: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """A file to look at."""

    path: Path
    config: IngestConfig


def look(task: Task) -> Sight | Fault:
    """
    Raises:
        MemoryError: the file needs more than there is.
        OSError: it cannot be read.
    """
    path, config = task.path, task.config
    if path.stat().st_size == 0:
        return Fault(reason=Reason.EMPTY_FILE, detail="0 bytes")
    try:
        flaw = find_size_flaw(path, config)
        if flaw:
            return Fault(reason=flaw[0], detail=flaw[1])
        footage = decode_video(path, FrameChoice.of(config))
    except VideoError as error:
        return Fault(reason=Reason(error.problem.value), detail=error.detail)
    flaw = find_flaw(footage.frames, footage.duration_seconds, config)
    if flaw:
        return Fault(reason=flaw[0], detail=flaw[1])
    packed = pack_clip(footage.frames, config)
    _, height, width, _ = footage.frames.shape
    return Sight(
        data=packed.data,
        jpeg_quality=packed.jpeg_quality,
        height_px=height,
        width_px=width,
        duration_seconds=footage.duration_seconds,
        source_fps=footage.source_fps,
        timestamps_seconds=footage.timestamps_seconds,
        warnings=footage.warnings,
        fingerprint=fingerprint(footage.frames),
    )
