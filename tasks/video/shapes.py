"""Filled shapes as pixel masks. Hard edges on purpose: every pixel is either the shape's or the picture's."""

import math

import numpy as np
from numpy.typing import NDArray

from tasks.core.edits import DrawEdit
from tasks.video.frames import Frame

_NUM_CORNERS = {"square": 4, "triangle": 3}
_DIAMOND_ASPECT = 0.35
_BAR_ASPECT = 1 / 3
"""Width over length. Slimmer diamonds fall to pieces, wider ones come near a triangle's second moment."""


def draw_shape(frame: Frame, edit: DrawEdit) -> None:
    """Paint the shape onto `frame` (H, W, 3), in place. Every pixel of it changes, by one level at least."""
    height, width = frame.shape[:2]
    box = _box(edit, height, width)
    inside = shape_mask(edit, height_px=height, width_px=width, box=box)
    picture = frame[box][inside]
    painted = np.rint(picture + edit.opacity * (np.array(edit.color) - picture)).astype(np.uint8)
    same = np.all(painted == picture, axis=-1)
    painted[same] = np.where(picture[same] < 255, picture[same] + 1, picture[same] - 1)
    frame[box][inside] = painted


def shape_mask(
    edit: DrawEdit, *, height_px: int, width_px: int, box: tuple[slice, slice] | None = None
) -> NDArray[np.bool_]:
    """Which pixels (H, W), or those of `box`, have their centre inside the shape."""
    rows, columns = np.ogrid[box or (slice(height_px), slice(width_px))]
    radius = edit.size * min(height_px, width_px) / 2
    down = rows + 0.5 - edit.centre_y * height_px
    right = columns + 0.5 - edit.centre_x * width_px
    angle = math.radians(edit.angle_degrees)
    if edit.shape == "circle":
        inside: NDArray[np.bool_] = down**2 + right**2 <= radius**2
        return inside
    if edit.shape in _NUM_CORNERS:
        return _regular_polygon(right, down, _NUM_CORNERS[edit.shape], radius, angle)
    along = np.abs(right * math.cos(angle) + down * math.sin(angle))
    across = np.abs(down * math.cos(angle) - right * math.sin(angle))
    if edit.shape == "diamond":
        slim: NDArray[np.bool_] = along + across / _DIAMOND_ASPECT <= radius
        return slim
    half_length = radius / math.hypot(1, _BAR_ASPECT)
    bar: NDArray[np.bool_] = (along <= half_length) & (across <= _BAR_ASPECT * half_length)
    return bar


def _box(edit: DrawEdit, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns that hold the whole shape: drawing looks at these alone."""
    radius = edit.size * min(height, width) / 2 + 1
    return _around(edit.centre_y * height, radius, height), _around(edit.centre_x * width, radius, width)


def _around(centre: float, radius: float, length: int) -> slice:
    start = min(length, max(0, math.floor(centre - radius)))
    return slice(start, max(start, min(length, math.ceil(centre + radius))))


def _regular_polygon(
    right: NDArray[np.float64], down: NDArray[np.float64], num_corners: int, radius: float, angle: float
) -> NDArray[np.bool_]:
    """Points within the distance of every side from the centre; `angle` points to the middle of one side."""
    inside = np.ones(np.broadcast_shapes(right.shape, down.shape), bool)
    side_distance = radius * math.cos(math.pi / num_corners)
    for side in range(num_corners):
        direction = angle + 2 * math.pi * side / num_corners
        inside &= right * math.cos(direction) + down * math.sin(direction) <= side_distance
    return inside
