"""Tells from pixels whether frames were zoomed, without being told by how much: every size is tried."""

from collections.abc import Callable
from functools import partial

import numpy as np
from PIL import Image

from tasks.validate.search import best_candidate, is_closest
from tasks.video.frames import Frame, Frames

_MAX_ZOOM = 2.5
"""Sizes below the picture's by more than this are not tried."""

Size = tuple[int, int]


def is_zoomed_out(original: Frames, shown: Frames) -> bool:
    """Whether one smaller size in the middle of black explains every frame, at least as well as no change does."""
    return _is_zoomed(original, shown, _shrunk)


def is_zoomed_in(original: Frames, shown: Frames) -> bool:
    """Whether one middle part, enlarged, explains every frame, at least as well as no change does."""
    return _is_zoomed(original, shown, _enlarged)


def _is_zoomed(original: Frames, shown: Frames, zoom: Callable[[Size, Frame], Frame]) -> bool:
    height, width = original.shape[1:3]
    similar = [
        (small, max(1, round(width * small / height))) for small in range(max(1, int(height / _MAX_ZOOM)), height)
    ]
    sizes = {partial(zoom, size): size for size in similar}
    near_height, near_width = sizes[best_candidate(original, shown, list(sizes))]  # type: ignore[index]
    nearest = [(near_height, max(1, w)) for w in (near_width - 1, near_width, near_width + 1) if w <= width]
    return is_closest(original, shown, [partial(zoom, size) for size in nearest])


def _shrunk(size: Size, plain: Frame) -> Frame:
    height, width = size
    top, left = (plain.shape[0] - height) // 2, (plain.shape[1] - width) // 2
    frame = np.zeros_like(plain)
    small = Image.fromarray(plain).resize((width, height), Image.Resampling.BILINEAR)
    frame[top : top + height, left : left + width] = np.asarray(small)
    return frame


def _enlarged(size: Size, plain: Frame) -> Frame:
    height, width = size
    top, left = (plain.shape[0] - height) // 2, (plain.shape[1] - width) // 2
    part = Image.fromarray(plain).crop((left, top, left + width, top + height))
    return np.asarray(part.resize((plain.shape[1], plain.shape[0]), Image.Resampling.BILINEAR))
