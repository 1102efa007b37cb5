"""The one step between the decoder's picture and the stored frame: upright, RGB, at its final size.

FFmpeg's scaler with a bicubic filter that widens with the ratio, so nothing flickers however far a picture shrinks. It
goes from the decoder's planes to small RGB at once: no large RGB picture is made, and rounding happens once. The exact
flags take the slower arithmetic that gives the same bytes on every processor and does not darken the picture.
Of an interlaced frame the upper field alone is used: one moment, without combs or ghosts, and with lines enough for the
sizes stored here.
"""

import math
from fractions import Fraction
from typing import Protocol

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from tasks.video.frames import MULTIPLE_PX, Frame

_INVISIBLE_STRETCH = 1.03
"""Among sizes that stretch the picture by at most this factor, the largest wins."""
_ANY_TIME_BASE = Fraction(1, 1000)
"""A filter graph wants one; a single picture has no use for it."""
_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT


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


class SizeRule(Protocol):
    """Chooses (width, height) for a picture of some width and height; `choose_size` unless another is given."""

    def __call__(self, width: float, height: float, *, min_area_px: int, max_area_px: int) -> tuple[int, int]: ...


class Resizer:
    """Brings the frames of one video to one size, which the first frame decides."""

    def __init__(
        self, *, pixel_aspect: float, min_area_px: int, max_area_px: int, rule: SizeRule | None = None
    ) -> None:
        self._pixel_aspect, self._rule = pixel_aspect, rule or choose_size
        self._min_area_px, self._max_area_px = min_area_px, max_area_px
        self._size: tuple[int, int] | None = None
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Frame:
        """The picture (H, W, 3), turned as the file asks."""
        turns = round(frame.rotation / 90) % 4
        self._size = self._size or self._choose(frame, turns)
        width, height = reversed(self._size) if turns % 2 else self._size
        picture = _upper_field(frame) if frame.interlaced_frame else frame
        small = self._scaler.reformat(
            picture, width, height, "rgb24", interpolation=Interpolation.BICUBIC | _EXACT, threads=1
        )
        return np.ascontiguousarray(np.rot90(small.to_ndarray(), turns))

    def _choose(self, frame: VideoFrame, turns: int) -> tuple[int, int]:
        width, height = frame.width * self._pixel_aspect, float(frame.height)
        if turns % 2:
            width, height = height, width
        return self._rule(width, height, min_area_px=self._min_area_px, max_area_px=self._max_area_px)


def _upper_field(frame: VideoFrame) -> VideoFrame:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_TIME_BASE)
    graph.link_nodes(source, graph.add("field", "type=top"), graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


def _sizes(min_area_px: int, max_area_px: int) -> list[tuple[int, int]]:
    most = max_area_px // MULTIPLE_PX**2
    pairs = ((columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1))
    return [(c * MULTIPLE_PX, r * MULTIPLE_PX) for c, r in pairs if c * r * MULTIPLE_PX**2 >= min_area_px]
