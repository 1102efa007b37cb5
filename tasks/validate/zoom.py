"""Tells from pixels whether frames were shrunk inside a black border, without being told by how much."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from tasks.video.frames import Frame, Frames

_MAX_DIFFERENCE = 4.0
"""Most mean absolute difference from the shrunk picture, in grey levels: room for another way to resample."""
_MAX_ZOOM = 2.5
"""Sizes below the picture's by more than this are not tried."""

Size = tuple[int, int]


def is_zoomed_out(original: Frames, shown: Frames) -> bool:
    """Whether one smaller size in the middle of black explains every frame, at least as well as no change does."""
    reference = int(np.argmax(original.std(axis=(1, 2, 3))))
    size = _best_size(original[reference], shown[reference])
    return all(
        _difference(frame, _shrunk(plain, size)) <= min(_MAX_DIFFERENCE, _difference(frame, plain))
        for plain, frame in zip(original, shown, strict=True)
    )


def _best_size(plain: Frame, frame: Frame) -> Size:
    """Height and width that explain `frame` best."""

    def misfit(size: Size) -> float:
        return _difference(frame, _shrunk(plain, size))

    height, width = min(_similar_sizes(plain.shape[0], plain.shape[1]), key=misfit)
    return min(((height, max(1, near)) for near in (width - 1, width, width + 1)), key=misfit)


def _similar_sizes(height: int, width: int) -> Iterator[Size]:
    """Every smaller height with the width of the same shape."""
    for small in range(int(height / _MAX_ZOOM), height):
        if small > 0:
            yield small, max(1, round(width * small / height))


def _shrunk(plain: Frame, size: Size) -> Frame:
    height, width = size
    top, left = (plain.shape[0] - height) // 2, (plain.shape[1] - width) // 2
    frame = np.zeros_like(plain)
    small = Image.fromarray(plain).resize((width, height), Image.Resampling.BILINEAR)
    frame[top : top + height, left : left + width] = np.asarray(small)
    return frame


def _difference(one: Frame, other: Frame) -> float:
    return float(np.abs(one.astype(np.int16) - other).mean())
