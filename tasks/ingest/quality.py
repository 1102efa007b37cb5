"""Is a video good enough to learn from? Its frames are decoded, measured and packed.

`examine_file` runs in a worker process: it gets a path and limits, and hands back bytes; it reaches
neither the store nor anything else outside.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasks.core.config import IngestConfig
from tasks.ingest.reasons import Flaw, Reason
from tasks.video.clip_file import ClipFile, make_clip_file
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.errors import VideoError
from tasks.video.frames import Frames
from tasks.video.probe import open_video

_BLOCK_PX = 8
"""Frames are compared by the means of such squares: noise and compression vanish, small things that
move do not."""
_SEEN_LEVELS = 2.5
"""Grey levels by which one square must change for two frames to be told apart; coding a frozen
picture stays below."""
_BLANK_LEVELS = 6.0
"""A frame whose squares differ by less (standard deviation) is nearly one colour."""


@dataclass(frozen=True, kw_only=True)
class FileJob:
    """A file to examine."""

    path: Path
    config: IngestConfig


def examine_file(job: FileJob) -> ClipFile | Flaw:
    """
    Raises:
        MemoryError: the file needs more than there is.
        OSError: it cannot be read.
    """
    path, config = job.path, job.config
    if path.stat().st_size == 0:
        return Flaw(Reason.EMPTY_FILE, "0 bytes")
    try:
        if flaw := find_size_flaw(path, config):
            return flaw
        footage = decode_video(path, FrameChoice.of(config))
    except VideoError as error:
        return Flaw(Reason(error.problem.value), error.detail)
    if flaw := find_flaw(footage.frames, footage.duration_seconds, config):
        return flaw
    return make_clip_file(
        footage.frames,
        config,
        timestamps_seconds=footage.timestamps_seconds,
        duration_seconds=footage.duration_seconds,
        source_fps=footage.source_fps,
        warnings=footage.warnings,
    )


def find_size_flaw(path: Path, config: IngestConfig) -> Flaw | None:
    """What is wrong with the size of the pictures by the header, before anything is decoded.

    Raises:
        VideoError: the file cannot be opened.
    """
    with open_video(path) as (_, stream):
        width, height = stream.width, stream.height
    if width * height > config.max_source_area_px:
        return Flaw(
            Reason.FRAMES_TOO_LARGE,
            f"{width}x{height}, at most {config.max_source_area_px} pixels allowed",
        )
    if 0 < min(width, height) < config.min_source_side_px:
        return Flaw(
            Reason.FRAMES_TOO_SMALL,
            f"{width}x{height}, at least {config.min_source_side_px} a side needed",
        )
    return None


def find_flaw(frames: Frames, duration_seconds: float, config: IngestConfig) -> Flaw | None:
    """The first limit that the frames (F, H, W, 3) miss, with what was measured; else None."""
    if duration_seconds < config.min_seconds:
        return Flaw(
            Reason.TOO_SHORT, f"{duration_seconds:.2f} s, at least {config.min_seconds:g} s needed"
        )
    squares = _squares(frames)
    blank = blank_share(squares)
    if blank > config.max_blank_share:
        detail = (
            f"{blank:.0%} of the frames are nearly one colour, at most "
            f"{config.max_blank_share:.0%} allowed"
        )
        return Flaw(Reason.BLANK, detail)
    motion = mean_motion(frames)
    if motion < config.min_motion:
        detail = (
            f"frames change by {motion:.3f} grey levels on average, at least "
            f"{config.min_motion} needed"
        )
        return Flaw(Reason.STATIC, detail)
    distinct = num_distinct(squares)
    if distinct < config.min_distinct_share * len(frames):
        detail = (
            f"{distinct} of {len(frames)} frames can be told apart, at least "
            f"{config.min_distinct_share:.0%} needed"
        )
        return Flaw(Reason.TOO_FEW_DISTINCT, detail)
    return None


def mean_motion(frames: Frames) -> float:
    """Mean absolute change between neighbouring frames, in grey levels of 255; 0 for one frame."""
    # Signed, because a difference of uint8 wraps around below 0.
    changes = [
        np.abs(later.astype(np.int16) - earlier).mean() for earlier, later in pairwise(frames)
    ]
    return float(np.mean(changes)) if changes else 0.0


def num_distinct(squares: NDArray[np.float32]) -> int:
    """How many frames differ visibly from all distinct ones before them."""
    kept: list[NDArray[np.float32]] = []
    for frame in squares:
        if all(np.abs(frame - other).max() >= _SEEN_LEVELS for other in kept):
            kept.append(frame)
    return len(kept)


def blank_share(squares: NDArray[np.float32]) -> float:
    """Share of frames that are nearly one colour."""
    # Over the squares of a frame, (F, 3) before the maximum: one channel that varies is enough.
    spread = squares.std(axis=(1, 2)).max(axis=-1)
    return float((spread < _BLANK_LEVELS).mean())


def _squares(frames: Frames) -> NDArray[np.float32]:
    """Means of squares, (F, rows, columns, 3)."""
    num_frames, height, width, _ = frames.shape
    # In whole numbers and one side of the squares after the other: ten times as fast as one mean,
    # and the same values.
    # (F * rows, 8, W * 3) -> (F * rows, W * 3) -> (F * rows * columns, 3). Sides of stored frames
    # are multiples of 32, so every square is whole.
    strips = _sums(frames.reshape(-1, _BLOCK_PX, width * 3))
    sums = _sums(strips.reshape(-1, _BLOCK_PX, 3))
    means = sums.reshape(num_frames, height // _BLOCK_PX, width // _BLOCK_PX, 3) / np.float32(
        _BLOCK_PX**2
    )
    return np.asarray(means)


def _sums(lines: NDArray[np.unsignedinteger]) -> NDArray[np.uint16]:
    """(N, lines, values) -> (N, values); the sum of a whole square fits 16 bits."""
    total = np.zeros((lines.shape[0], lines.shape[2]), np.uint16)
    for line in range(lines.shape[1]):
        total += lines[:, line]
    return total
