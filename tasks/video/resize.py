"""The one resize between the source's picture and the stored frame.

Pillow rather than swscale: its bicubic filter widens with the ratio, so nothing flickers however far a picture shrinks,
and its integer arithmetic gives the same bytes on every processor.
"""

import math

from PIL import Image

from tasks.video.frames import Frame

MULTIPLE_PX = 32
"""Both sides are multiples of this: patch 16 x merge 2 of the policy."""
_INVISIBLE_STRETCH = 1.03
"""Among sizes that stretch the picture by at most this factor, the largest wins."""


def choose_size(width: float, height: float, *, min_area_px: int, max_area_px: int) -> tuple[int, int]:
    """(width, height) in multiples of 32 that keeps the shape best, with an area inside the limits.

    Raises:
        ValueError: no such size has an area inside the limits.
    """
    sizes = _sizes(min_area_px, max_area_px)
    if not sizes:
        raise ValueError(
            f"no width and height in multiples of {MULTIPLE_PX} have an area of {min_area_px} to {max_area_px} pixels"
        )
    stretch = {size: abs(math.log(size[0] / size[1]) - math.log(width / height)) for size in sizes}
    allowed = max(math.log(_INVISIBLE_STRETCH), min(stretch.values()) + 1e-9)
    good = [size for size in sizes if stretch[size] <= allowed]
    return min(good, key=lambda size: (-size[0] * size[1], stretch[size]))


def resize(frame: Frame, *, width: int, height: int) -> Image.Image:
    """The picture at its final size."""
    return Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC)


def _sizes(min_area_px: int, max_area_px: int) -> list[tuple[int, int]]:
    most = max_area_px // MULTIPLE_PX**2
    pairs = ((columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1))
    return [(c * MULTIPLE_PX, r * MULTIPLE_PX) for c, r in pairs if c * r * MULTIPLE_PX**2 >= min_area_px]
