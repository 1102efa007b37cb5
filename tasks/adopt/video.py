"""One video of a foreign data set -> a clip. Its frames are taken as they are: nothing is altered here.

A list of pictures gives one frame each. Of a video file all frames are taken if there are at most as many as ingest
keeps of a video, else as many, spread over the whole length. Times count from the start of the video, as those in its
questions do. `read_video` runs in a worker process (`tasks.video.isolation`) that hands back bytes and reaches nothing
else; what it found is kept by `take_video`.
"""

import hashlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tasks.core.config import IngestConfig
from tasks.core.digest import sha256_of_file
from tasks.core.reuse import find_output, keep_output, work_key
from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.fingerprint import fingerprint
from tasks.video.frame_store import pack_clip
from tasks.video.frames import Frames
from tasks.video.isolation import Outcome
from tasks.video.probe import probe
from tasks.video.resize import choose_size
from tasks.video.worker import WorkerError

_CLIP_ID_DIGITS = 16
_SETTLED_NS = 2 * 10**9
"""FAT keeps times in steps of two seconds; all others are finer."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VideoJob:
    """One video to take over."""

    paths: tuple[Path, ...]
    is_frames: bool
    fps: float
    timestamps_seconds: tuple[float, ...]
    source: str
    """As the data set calls it."""
    split: Split
    config: IngestConfig


@dataclass(frozen=True, kw_only=True)
class ReadVideo:
    """What a worker found, or why there is nothing."""

    data: bytes = b""
    """The frames; see `tasks.video.frame_store`."""
    clip: Clip | None = None
    """As it will be kept."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class TakenVideo:
    """The clip, or why there is none."""

    clip: Clip | None = None
    error: str = ""


def take_video(store: Store, job: VideoJob, read: Callable[[VideoJob], Outcome[ReadVideo]]) -> TakenVideo:
    """Store the frames of one video; files that stand unchanged are not read again. Never raises on a bad file."""
    try:
        key = _key(job)
        return _find(store, job, key) or _take(store, job, key, read(job))
    except WorkerError:
        raise
    except OSError as error:
        return TakenVideo(error=f"{job.source}: {error}")
    except Exception as error:  # One bad file must not end an import of thousands.
        logger.exception("%s: unexpected error", job.source)
        return TakenVideo(error=f"{job.source}: {type(error).__name__}: {error}")


def read_video(job: VideoJob) -> ReadVideo:
    """The frames of one video.

    Raises:
        MemoryError: it needs more than there is.
    """
    try:
        return _read_video(job)
    except (ValueError, OSError) as error:
        if isinstance(error, MemoryError):  # FFmpeg's own kind is an OSError too.
            raise MemoryError from None
        return ReadVideo(error=f"{job.source}: {error}")


def _take(store: Store, job: VideoJob, key: str, outcome: Outcome[ReadVideo]) -> TakenVideo:
    if outcome.failure:
        return TakenVideo(error=f"{job.source}: {outcome.failure}, {outcome.detail}")
    found = outcome.result
    assert found
    taken = TakenVideo(clip=found.clip, error=found.error)
    if found.clip:
        store.write_bytes(found.clip.frames_key, found.data)
        if _stood_still(job, key):
            keep_output(store, key, taken)
    return taken


def _key(job: VideoJob) -> str:
    """Of everything that decides about the clip, the files by size and times."""
    versions = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in job.paths]
    asked = (job.is_frames, job.fps, job.timestamps_seconds, job.split.value)
    return work_key("adopted/videos", "import", versions, asked, _limits(job.config))


def _find(store: Store, job: VideoJob, key: str) -> TakenVideo | None:
    found = find_output(store, key, TakenVideo, is_cheap=True)
    if not found or not found.clip or not store.exists(found.clip.frames_key):
        return None
    return replace(found, clip=replace(found.clip, source=job.source))


def _stood_still(job: VideoJob, key: str) -> bool:
    """Whether `key`, made before reading, is true of what was read; what is too young may change unnoticed."""
    youngest = max(path.stat().st_ctime_ns for path in job.paths)
    return time.time_ns() - youngest >= _SETTLED_NS and _key(job) == key


def _limits(config: IngestConfig) -> tuple[float, ...]:
    size = (config.num_frames, config.min_area_px, config.max_area_px)
    return *size, config.jpeg_quality, config.min_jpeg_quality, config.max_bits_per_px


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """What was read of one video."""

    frames: Frames
    timestamps_seconds: tuple[float, ...]
    """Empty if only the data set can tell."""
    is_whole: bool = True
    """Every frame was taken."""
    warnings: tuple[str, ...] = ()


def _read_video(job: VideoJob) -> ReadVideo:
    taken = _pictures(job) if job.is_frames else _file(job)
    frames, times = taken.frames, taken.timestamps_seconds
    if job.timestamps_seconds and taken.is_whole:
        times = _stated_times(job, len(frames))
    _check_times(times)
    sha256 = _sha256(job.paths, times)
    frames_key = f"{work_key('frames', 'import', sha256, _limits(job.config))}.zip"
    packed = pack_clip(frames, job.config)
    step = (times[-1] - times[0]) / (len(times) - 1)
    clip = Clip(
        clip_id=sha256[:_CLIP_ID_DIGITS],
        source=job.source,
        sha256=sha256,
        split=job.split,
        duration_seconds=round(times[-1] + step, 3),
        source_fps=round(1 / step, 3),
        width_px=frames.shape[2],
        height_px=frames.shape[1],
        timestamps_seconds=times,
        frames_key=frames_key,
        warnings=taken.warnings,
        fingerprint=fingerprint(frames),
        jpeg_quality=packed.jpeg_quality,
    )
    return ReadVideo(clip=clip, data=packed.data)


def _stated_times(job: VideoJob, num_frames: int) -> tuple[float, ...]:
    stated = job.timestamps_seconds
    if len(stated) != num_frames:
        raise ValueError(f"{len(stated)} timestamps_seconds for {num_frames} frames")
    return tuple(round(second, 3) for second in stated)


def _sha256(paths: Sequence[Path], times: Sequence[float]) -> str:
    """Of the files and the times: the same pictures at another speed are another clip."""
    parts = [*(sha256_of_file(path) for path in paths), *map(str, times)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _check_times(times: Sequence[float]) -> None:
    if len(times) < 2:
        raise ValueError(f"{len(times)} frames, at least 2 needed")
    if not all(map(math.isfinite, times)):
        raise ValueError("the frames' times are no finite numbers")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("the frames' times do not rise")


def _pictures(job: VideoJob) -> _Taken:
    if job.fps <= 0 and not job.timestamps_seconds:
        raise ValueError("pictures without sample_fps or timestamps_seconds, so their times are unknown")
    width, height = _size(job.paths[0], job.config)
    frames = np.stack([_picture(path, width, height) for path in job.paths])
    times = tuple(round(index / job.fps, 3) for index in range(len(frames))) if job.fps > 0 else ()
    return _Taken(frames=frames, timestamps_seconds=times)


def _size(path: Path, config: IngestConfig) -> tuple[int, int]:
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        return choose_size(*picture.size, min_area_px=config.min_area_px, max_area_px=config.max_area_px)


def _picture(path: Path, width: int, height: int) -> Frames:
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        resized = upright if upright.size == (width, height) else upright.resize((width, height))
        return np.asarray(resized)


def _file(job: VideoJob) -> _Taken:
    num_frames = len(probe(job.paths[0]).times_seconds)
    choice = replace(FrameChoice.of(job.config), edge_share=0.0)
    is_short = 0 < num_frames <= choice.num_frames
    if is_short:
        choice = replace(choice, num_frames=num_frames)
    footage = decode_video(job.paths[0], choice)
    return _Taken(
        frames=footage.frames,
        timestamps_seconds=tuple(round(footage.start_seconds + time, 3) for time in footage.timestamps_seconds),
        is_whole=is_short,
        warnings=footage.warnings,
    )
