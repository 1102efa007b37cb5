"""A benchmark's video as the official processor would show it: its frames, its size, its times.

The pixels differ in the last bits, because another scaler shrinks them; frames, sizes and prompt tokens do not.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from tasks.core.types import VideoFile
from tasks.video.decode import decode_frames
from tasks.video.display import Display
from tasks.video.frames import MULTIPLE_PX, Frame, Frames
from tasks.video.official_frames import Selection, official_size, select_frames
from tasks.video.probe import probe
from tasks.video.render import ShownVideo
from tasks.video.resize import Resizer

_PICTURE_MULTIPLE_PX = 2 * MULTIPLE_PX
"""The official helper first brings listed pictures to multiples of 64: it takes 32 for the size of a patch."""


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
    if not promise.times_seconds or not promise.frame_seconds:
        raise ValueError(
            f"{file.paths[0]}: the file states no frame rate or no times, so the official rule says nothing"
        )
    selection = select_frames(
        len(promise.times_seconds),
        1 / promise.frame_seconds,
        fps=showing.fps,
        max_frames=showing.max_frames,
        start_seconds=file.start_seconds,
        stop_seconds=file.stop_seconds,
    )
    display = Display(orientation=promise.display.orientation)  # Pixels are square to it, and nothing is cropped.
    resizer = Resizer(
        display=display, min_area_px=showing.min_area_px, max_area_px=showing.max_area_px, rule=official_size
    )
    return _shown(decode_frames(path, promise, selection.indices, resizer), selection)


def _show_pictures(paths: list[Path], fps: float, showing: Showing) -> ShownVideo:
    """All of them; of an odd number the last one twice."""
    if not fps > 0:
        raise ValueError(f"{paths[0].name}: pictures at {fps} a second, expected a rate above 0")
    pictures = [_picture(path, showing) for path in paths]
    frames = np.stack(pictures + pictures[-1:] * (len(pictures) % 2))
    return _shown(frames, Selection(indices=tuple(range(len(frames))), rate=fps))


def _picture(path: Path, showing: Showing) -> Frame:
    limits = {"min_area_px": showing.min_area_px, "max_area_px": showing.max_area_px}
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    first = picture.resize(official_size(*picture.size, multiple_px=_PICTURE_MULTIPLE_PX, **limits))
    return np.asarray(first.resize(official_size(*first.size, **limits), Image.Resampling.BICUBIC))


def _shown(frames: Frames, selection: Selection) -> ShownVideo:
    return ShownVideo(frames=frames, timestamps_seconds=selection.timestamps_seconds, selection=selection)
