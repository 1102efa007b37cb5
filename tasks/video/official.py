"""A benchmark's video as the official processor would show it: its frames, its size, its times.

The rules are those of qwen-vl-utils 0.0.14: which frames, by their number and the nominal rate,
and what size. Ours (`tasks.video.timeline`, `tasks.video.resize`) are for videos whose frames we
keep; these are for scores that are compared with published ones. The pixels differ in the last
bits, because another scaler shrinks them; frames, sizes and prompt tokens do not.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tasks.core.types import VideoFile
from tasks.video.decode import decode_frames
from tasks.video.display import Display
from tasks.video.frames import MULTIPLE_PX, Frame, Frames, vision_tokens
from tasks.video.header import read_header
from tasks.video.probe import probe
from tasks.video.render import FrameSelection, ShownVideo
from tasks.video.resize import Resizer

_PAIR = 2
"""Frames that the policy merges into one."""
_LEAST_FRAMES = 4
_MOST_STRETCHED = 200
"""Sides with a larger ratio are refused."""
_PICTURE_MULTIPLE_PX = 2 * MULTIPLE_PX
"""The official helper first brings listed pictures to multiples of 64: it takes 32 for the size of
a patch."""


@dataclass(frozen=True, kw_only=True)
class Showing:
    """How videos are shown."""

    fps: float
    max_frames: int
    min_area_px: int
    max_area_px: int


def show_file(root: Path, file: VideoFile, showing: Showing) -> ShownVideo:
    """The frames of a benchmark's video below `root`.

    Raises:
        ValueError: it is missing, or it or the part asked for has too few frames.
        OSError: a file cannot be read.
    """
    if not file.paths:
        raise ValueError(file.missing or "no file")
    if file.is_frames:
        return _show_pictures([root / path for path in file.paths], file.fps, showing)
    path = root / file.paths[0]
    promise = probe(path)
    selection = _select(file, len(promise.times_seconds), promise.frame_seconds, showing)
    display = Display(
        orientation=promise.display.orientation
    )  # Pixels are square to it, and nothing is cropped.
    resizer = Resizer(
        display=display,
        min_area_px=showing.min_area_px,
        max_area_px=showing.max_area_px,
        rule=official_size,
    )
    return _shown(decode_frames(path, promise, selection.indices, resizer), selection)


def count_tokens(root: Path, file: VideoFile, showing: Showing) -> int:
    """Places in the prompt that `show_file` gives the video, by its header alone: as many as there
    are if that counts its frames right, which it does but for a few.

    Raises:
        ValueError: it is missing, or it or the part asked for has too few frames.
        OSError: a file cannot be read.
    """
    if not file.paths:
        raise ValueError(file.missing or "no file")
    path = root / file.paths[0]
    if file.is_frames:
        with Image.open(path) as opened:
            width, height = _picture_sizes(opened.size, showing)[-1]
        return vision_tokens(len(file.paths), height, width)
    header = read_header(path)
    num_frames = header.num_frames or len(probe(path).times_seconds)
    selection = _select(file, num_frames, header.frame_seconds, showing)
    # Turned by a quarter it has as many: the rule treats both sides alike.
    width, height = official_size(header.width_px, header.height_px, **_area(showing))
    return vision_tokens(len(selection.indices), height, width)


def select_frames(
    num_frames: int,
    rate: float,
    *,
    fps: float,
    max_frames: int,
    start_seconds: float | None = None,
    stop_seconds: float | None = None,
) -> FrameSelection:
    """Frames of a file with `num_frames` frames, `rate` a second; the first and the last are always
    among them.

    Raises:
        ValueError: the file, or the part from start to stop, has too few frames.
    """
    if num_frames < 1 or not 0 < rate < math.inf:
        raise ValueError(
            f"{num_frames} frames at {rate} a second, expected at least one and a rate above 0"
        )
    first, last = _range(num_frames, rate, start_seconds, stop_seconds)
    count = _count_frames(last - first + 1, rate, fps=fps, max_frames=max_frames)
    # torch's own, because of its single precision: in long videos it decides ties (1 selection in
    # 1,000).
    places: list[int] = torch.linspace(first, last, count).round().long().tolist()
    return FrameSelection(indices=tuple(places), rate=rate)


def _count_frames(num_frames: int, rate: float, *, fps: float, max_frames: int) -> int:
    """How many of `num_frames` frames are taken: an even number.

    Raises:
        ValueError: fewer than two.
    """
    # The order of the limits decides: at most `max_frames` wins over at least four, and the file's
    # number over both.
    wanted = num_frames / rate * fps
    count = (
        math.floor(min(max(wanted, _LEAST_FRAMES), max_frames // _PAIR * _PAIR, num_frames) / _PAIR)
        * _PAIR
    )
    if count < _PAIR:
        raise ValueError(f"{num_frames} frames, expected at least {_PAIR}")
    return count


def official_size(
    width: float,
    height: float,
    *,
    min_area_px: int,
    max_area_px: int,
    multiple_px: int = MULTIPLE_PX,
) -> tuple[int, int]:
    """(width, height) in multiples of `multiple_px`, with an area inside the limits as far as the
    rule keeps them.

    Raises:
        ValueError: one side is more than 200 times the other.
    """
    if max(height, width) > _MOST_STRETCHED * min(height, width):
        raise ValueError(
            f"{width}x{height} pixels: one side is more than {_MOST_STRETCHED} times the other"
        )
    rounded = [
        max(multiple_px, round(side / multiple_px) * multiple_px) for side in (width, height)
    ]
    area = rounded[0] * rounded[1]
    if area > max_area_px:
        # Rounding down after shrinking, and up after growing, so that the limit holds afterwards.
        shrink = math.sqrt(height * width / max_area_px)
        rounded = [
            math.floor(side / shrink / multiple_px) * multiple_px for side in (width, height)
        ]
    elif area < min_area_px:
        grow = math.sqrt(min_area_px / (height * width))
        rounded = [math.ceil(side * grow / multiple_px) * multiple_px for side in (width, height)]
    return rounded[0], rounded[1]


def _show_pictures(paths: list[Path], fps: float, showing: Showing) -> ShownVideo:
    """All of them; of an odd number the last one twice."""
    if not fps > 0:
        raise ValueError(f"{paths[0].name}: pictures at {fps} a second, expected a rate above 0")
    pictures = [_picture(path, showing) for path in paths]
    frames = np.stack(pictures + pictures[-1:] * (len(pictures) % 2))
    return _shown(frames, FrameSelection(indices=tuple(range(len(frames))), rate=fps))


def _picture(path: Path, showing: Showing) -> Frame:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    first, last = _picture_sizes(picture.size, showing)
    return np.asarray(picture.resize(first).resize(last, Image.Resampling.BICUBIC))


def _picture_sizes(
    size: tuple[int, int], showing: Showing
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(width, height) of a listed picture after each of the two steps."""
    first = official_size(*size, multiple_px=_PICTURE_MULTIPLE_PX, **_area(showing))
    return first, official_size(*first, **_area(showing))


def _area(showing: Showing) -> dict[str, int]:
    return {"min_area_px": showing.min_area_px, "max_area_px": showing.max_area_px}


def _select(
    file: VideoFile, num_frames: int, frame_seconds: float, showing: Showing
) -> FrameSelection:
    if not num_frames or not frame_seconds:
        raise ValueError(
            f"{file.paths[0]}: the file states no frame rate or no times, so the official rule "
            "says nothing"
        )
    return select_frames(
        num_frames,
        1 / frame_seconds,
        fps=showing.fps,
        max_frames=showing.max_frames,
        start_seconds=file.start_seconds,
        stop_seconds=file.stop_seconds,
    )


def _shown(frames: Frames, selection: FrameSelection) -> ShownVideo:
    return ShownVideo(
        frames=frames, timestamps_seconds=selection.timestamps_seconds, selection=selection
    )


def _range(
    num_frames: int, rate: float, start: float | None, stop: float | None
) -> tuple[int, int]:
    duration = num_frames / rate
    first = 0 if start is None else math.ceil(min(max(start, 0.0), duration) * rate)
    last = num_frames - 1
    if stop is not None:
        last = min(math.floor(min(max(stop, 0.0), duration) * rate), last)
    if first >= last and not (start is None and stop is None):
        raise ValueError(
            f"from {start} to {stop} s there is no frame: {num_frames} frames at {rate} a second"
        )
    return first, last
