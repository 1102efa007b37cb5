"""Which frames the official processor takes of a video file, and at what size: the rule of qwen-vl-utils 0.0.14.

Ours (`tasks.video.timeline`, `tasks.video.resize`) is for videos whose frames we keep; this one is for scores that are
compared with published ones. Pure arithmetic on the number of frames and the nominal rate, as the official rule is.
"""

import math
from dataclasses import dataclass

import torch

from tasks.video.frames import MULTIPLE_PX

_PAIR = 2
"""Frames that the policy merges into one."""
_LEAST_FRAMES = 4
_MOST_STRETCHED = 200
"""Sides with a larger ratio are refused."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The frames that stand for a video."""

    indices: tuple[int, ...]
    """In the file, from 0, ascending."""
    rate: float
    """Frames a second, nominal."""

    @property
    def timestamps_seconds(self) -> tuple[float, ...]:
        """From the start of the file, also for a part of it."""
        return tuple(index / self.rate for index in self.indices)


def select_frames(
    num_frames: int,
    rate: float,
    *,
    fps: float,
    max_frames: int,
    start_seconds: float | None = None,
    stop_seconds: float | None = None,
) -> Selection:
    """Frames of a file with `num_frames` frames, `rate` a second; the first and the last are always among them.

    Raises:
        ValueError: the file, or the part from start to stop, has too few frames.
    """
    if num_frames < 1 or not 0 < rate < math.inf:
        raise ValueError(f"{num_frames} frames at {rate} a second, expected at least one and a rate above 0")
    first, last = _range(num_frames, rate, start_seconds, stop_seconds)
    count = count_frames(last - first + 1, rate, fps=fps, max_frames=max_frames)
    # torch's own, because of its single precision: in long videos it decides ties (1 selection in 1,000).
    places: list[int] = torch.linspace(first, last, count).round().long().tolist()
    return Selection(indices=tuple(places), rate=rate)


def count_frames(num_frames: int, rate: float, *, fps: float, max_frames: int) -> int:
    """How many of `num_frames` frames are taken: an even number.

    Raises:
        ValueError: fewer than two.
    """
    wanted = num_frames / rate * fps
    count = math.floor(min(max(wanted, _LEAST_FRAMES), max_frames // _PAIR * _PAIR, num_frames) / _PAIR) * _PAIR
    if count < _PAIR:
        raise ValueError(f"{num_frames} frames, expected at least {_PAIR}")
    return count


def official_size(
    width: float, height: float, *, min_area_px: int, max_area_px: int, multiple_px: int = MULTIPLE_PX
) -> tuple[int, int]:
    """(width, height) in multiples of `multiple_px`, with an area inside the limits as far as the rule keeps them.

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    if max(height, width) > _MOST_STRETCHED * min(height, width):
        raise ValueError(f"{width}x{height} pixels: one side is more than {_MOST_STRETCHED} times the other")
    rounded = [max(multiple_px, round(side / multiple_px) * multiple_px) for side in (width, height)]
    area = rounded[0] * rounded[1]
    if area > max_area_px:
        shrink = math.sqrt(height * width / max_area_px)
        rounded = [math.floor(side / shrink / multiple_px) * multiple_px for side in (width, height)]
    elif area < min_area_px:
        grow = math.sqrt(min_area_px / (height * width))
        rounded = [math.ceil(side * grow / multiple_px) * multiple_px for side in (width, height)]
    return rounded[0], rounded[1]


def _range(num_frames: int, rate: float, start: float | None, stop: float | None) -> tuple[int, int]:
    duration = num_frames / rate
    first = 0 if start is None else math.ceil(min(max(start, 0.0), duration) * rate)
    last = num_frames - 1
    if stop is not None:
        last = min(math.floor(min(max(stop, 0.0), duration) * rate), last)
    if first >= last and not (start is None and stop is None):
        raise ValueError(f"from {start} to {stop} s there is no frame: {num_frames} frames at {rate} a second")
    return first, last
