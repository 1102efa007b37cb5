"""Filled shapes as pixel masks. Hard edges on purpose: every pixel is either the shape's or the picture's."""

import math

import numpy as np
from numpy.typing import NDArray

from tasks.core.edits import DrawEdit

_NUM_CORNERS = {"square": 4, "triangle": 3}


def shape_mask(edit: DrawEdit, *, height_px: int, width_px: int) -> NDArray[np.bool_]:
    """Which pixels (H, W) have their centre inside the shape."""
    radius = edit.size * min(height_px, width_px) / 2
    rows, columns = np.ogrid[:height_px, :width_px]
    down = rows + 0.5 - edit.centre_y * height_px
    right = columns + 0.5 - edit.centre_x * width_px
    if edit.shape == "circle":
        inside: NDArray[np.bool_] = down**2 + right**2 <= radius**2
        return inside
    return _regular_polygon(right, down, _NUM_CORNERS[edit.shape], radius, math.radians(edit.angle_degrees))


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
