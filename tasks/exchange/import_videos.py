"""One video of a foreign data set -> a clip. Its frames are taken as they are, unaltered.

A list of pictures gives one frame each. Of a video file all frames are taken if there are at most
as many as ingest keeps of a video, else as many, spread over the whole length. Times count from the
start of the video, as those in its questions do. `read_video` runs in a worker process
(`tasks.video.isolation`) that hands back bytes and reaches nothing else; `import_video` keeps them.
"""

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tasks.core.config import IngestConfig
from tasks.core.digest import sha256_of_file
from tasks.core.ingest_config import JPEG_QUALITY, MIN_JPEG_QUALITY
from tasks.core.reuse import find_output, keep_output, work_key
from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.video.clip_file import ClipFile, file_version, is_settled, make_clip_file
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.frames import Frames
from tasks.video.isolation import Outcome
from tasks.video.probe import probe
from tasks.video.resize import choose_size
from tasks.video.worker import WorkerError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VideoJob:
    """One video to import."""

    paths: tuple[Path, ...]
    is_frames: bool
    fps: float
    timestamps_seconds: tuple[float, ...]
    source: str
    """As the data set calls it."""
    split: Split
    config: IngestConfig


@dataclass(frozen=True, kw_only=True)
class VideoReading:
    """What a worker read of one video, or why there is nothing."""

    clip_file: ClipFile | None = None
    sha256: str = ""
    """Of the files and the times: the same pictures at another speed are another clip."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class ImportedVideo:
    """The clip, or why there is none."""

    clip: Clip | None = None
    error: str = ""


def import_video(
    store: Store, job: VideoJob, read: Callable[[VideoJob], Outcome[VideoReading]]
) -> ImportedVideo:
    """Store the frames of one video; files that stand unchanged are not read again.

    Never raises on a bad file.
    """
    try:
        key = _key(job)
        return _find(store, job, key) or _import(store, job, key, read(job))
    except WorkerError:
        raise
    except OSError as error:
        return ImportedVideo(error=f"{job.source}: {error}")
    except Exception as error:  # One bad file must not end an import of thousands.
        logger.exception("%s: unexpected error", job.source)
        return ImportedVideo(error=f"{job.source}: {type(error).__name__}: {error}")


def read_video(job: VideoJob) -> VideoReading:
    """The frames of one video.

    Raises:
        MemoryError: it needs more than there is.
    """
    try:
        clip_file = _pictures(job) if job.is_frames else _video_file(job)
        return VideoReading(
            clip_file=clip_file, sha256=_sha256(job.paths, clip_file.timestamps_seconds)
        )
    except (ValueError, OSError) as error:
        if isinstance(error, MemoryError):  # FFmpeg's own kind is an OSError too.
            raise MemoryError from None
        return VideoReading(error=f"{job.source}: {error}")


def _key(job: VideoJob) -> str:
    """Of everything that decides about the clip, the files by their version."""
    versions = [(str(path), file_version(path)) for path in job.paths]
    asked = (job.is_frames, job.fps, job.timestamps_seconds, job.split.value)
    return work_key("imported/videos", "import", versions, asked, _limits(job.config))


def _limits(config: IngestConfig) -> tuple[float, ...]:
    size = (config.num_frames, config.min_area_px, config.max_area_px)
    return *size, JPEG_QUALITY, MIN_JPEG_QUALITY, config.max_bits_per_px


def _find(store: Store, job: VideoJob, key: str) -> ImportedVideo | None:
    known = find_output(store, key, ImportedVideo, is_cheap=True)
    if not known or not known.clip or not store.exists(known.clip.frames_key):
        return None
    return replace(known, clip=replace(known.clip, source=job.source))


def _import(store: Store, job: VideoJob, key: str, outcome: Outcome[VideoReading]) -> ImportedVideo:
    if outcome.failure:
        return ImportedVideo(error=f"{job.source}: {outcome.failure}, {outcome.detail}")
    assert outcome.result
    clip_file, sha256 = outcome.result.clip_file, outcome.result.sha256
    if not clip_file:
        return ImportedVideo(error=outcome.result.error)
    frames_key = f"{work_key('frames', 'import', sha256, _limits(job.config))}.zip"
    store.write_bytes(frames_key, clip_file.data)
    clip = clip_file.clip(sha256=sha256, source=job.source, split=job.split, frames_key=frames_key)
    imported = ImportedVideo(clip=clip)
    # The key was made before reading: is it true of what was read?
    if all(map(is_settled, job.paths)) and _key(job) == key:
        keep_output(store, key, imported)
    return imported


def _sha256(paths: Sequence[Path], times: Sequence[float]) -> str:
    parts = [*(sha256_of_file(path) for path in paths), *map(str, times)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _pictures(job: VideoJob) -> ClipFile:
    if job.fps <= 0 and not job.timestamps_seconds:
        raise ValueError(
            "pictures without sample_fps or timestamps_seconds, so their times are unknown"
        )
    width, height = _size(job.paths[0], job.config)
    frames = np.stack([_picture(path, width, height) for path in job.paths])
    return _pack(
        job,
        frames,
        _stated_times(job, len(frames)) or tuple(at / job.fps for at in range(len(frames))),
    )


def _size(path: Path, config: IngestConfig) -> tuple[int, int]:
    with Image.open(path) as opened:
        # Cameras store what the sensor saw, and say in EXIF how to turn it.
        picture = ImageOps.exif_transpose(opened)
        return choose_size(
            *picture.size, min_area_px=config.min_area_px, max_area_px=config.max_area_px
        )


def _picture(path: Path, width: int, height: int) -> Frames:
    with Image.open(path) as picture:
        # Pictures of one video may differ in size: all get that of the first.
        upright = ImageOps.exif_transpose(picture).convert("RGB")
        resized = upright if upright.size == (width, height) else upright.resize((width, height))
        return np.asarray(resized)


def _video_file(job: VideoJob) -> ClipFile:
    num_frames = len(probe(job.paths[0]).times_seconds)
    # Ingest leaves out the edges of a video; a question of another data set may be about them. A
    # file whose packets have no time stamps promises no frames: it is taken for a long one.
    choice = replace(FrameChoice.of(job.config), edge_share=0.0)
    is_short = 0 < num_frames <= choice.num_frames
    if is_short:
        choice = replace(choice, num_frames=num_frames)
    footage = decode_video(job.paths[0], choice)
    times = tuple(footage.start_seconds + time for time in footage.timestamps_seconds)
    # Stated times are those of all frames: of a long video only some were taken.
    stated = _stated_times(job, len(footage.frames)) if is_short else ()
    return _pack(job, footage.frames, stated or times, footage.warnings)


def _stated_times(job: VideoJob, num_frames: int) -> tuple[float, ...]:
    """Those that the data set states; empty if it states none."""
    stated = job.timestamps_seconds
    if stated and len(stated) != num_frames:
        raise ValueError(f"{len(stated)} timestamps_seconds for {num_frames} frames")
    return stated


def _pack(
    job: VideoJob, frames: Frames, seconds: Sequence[float], warnings: tuple[str, ...] = ()
) -> ClipFile:
    times = tuple(round(second, 3) for second in seconds)
    _check_times(times)
    step = (times[-1] - times[0]) / (len(times) - 1)
    return make_clip_file(
        frames,
        job.config,
        timestamps_seconds=times,
        duration_seconds=round(
            times[-1] + step, 3
        ),  # the last frame is shown for as long as others
        source_fps=round(1 / step, 3),
        warnings=warnings,
    )


def _check_times(times: Sequence[float]) -> None:
    if len(times) < 2:
        raise ValueError(f"{len(times)} frames, at least 2 needed")
    if not all(map(math.isfinite, times)):
        raise ValueError("the frames' times are no finite numbers")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("the frames' times do not rise")
