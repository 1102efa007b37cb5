"""The one step between the decoder's picture and the stored frame: upright, RGB, at its final size.

What the file asks for is in `tasks.video.display`. HDR is mapped to BT.709 by the same scaler.

FFmpeg's scaler with a bicubic filter that widens with the ratio, so nothing flickers however far a
picture shrinks. It goes from the decoder's planes to small RGB at once: no large RGB picture is
made, and rounding happens once. The exact flags take the slower arithmetic that gives the same
bytes on every processor and does not darken the picture. Of an interlaced frame the upper field
alone is used: one moment, without combs or ghosts, and with lines enough for the sizes stored here.
"""

import functools
import math
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc, Interpolation, VideoReformatter

from tasks.video.display import HDR_TRANSFERS, Crop, Display, matrix_of, orientation_of
from tasks.video.errors import Problem, Remark, VideoError
from tasks.video.frames import MULTIPLE_PX, Frame

_INVISIBLE_STRETCH = 1.03
"""Among sizes that stretch the picture by at most this factor, the largest wins."""
_ANY_TIME_BASE = Fraction(1, 1000)
"""A filter graph wants one; a single picture has no use for it."""
_EXACT = Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT


def choose_size(
    width: float, height: float, *, min_area_px: int, max_area_px: int
) -> tuple[int, int]:
    """(width, height) in multiples of 32 that keeps the shape best, with an area inside the limits.

    Raises:
        ValueError: no such size has an area inside the limits.
    """
    sizes = _sizes(min_area_px, max_area_px)
    if not sizes:
        raise ValueError(
            f"no width and height in multiples of {MULTIPLE_PX} have an area of {min_area_px} to "
            f"{max_area_px} pixels"
        )
    # In logarithms twice as wide and twice as high are equally far from the true shape.
    stretch = {size: abs(math.log(size[0] / size[1]) - math.log(width / height)) for size in sizes}
    # Among sizes that nobody can tell from the true shape the largest wins; if there is none, the
    # nearest.
    # The 1e-9 is for rounding: of sizes that are equally far the larger one shall win.
    allowed = max(math.log(_INVISIBLE_STRETCH), min(stretch.values()) + 1e-9)
    good = [size for size in sizes if stretch[size] <= allowed]
    return min(good, key=lambda size: (-size[0] * size[1], stretch[size]))


class SizeRule(Protocol):
    """Chooses (width, height) for a picture of some width and height; `choose_size` unless another
    is given."""

    def __call__(
        self, width: float, height: float, *, min_area_px: int, max_area_px: int
    ) -> tuple[int, int]: ...


class Resizer:
    """Brings the frames of one video to one size, which the first frame decides."""

    def __init__(
        self, *, display: Display, min_area_px: int, max_area_px: int, rule: SizeRule | None = None
    ) -> None:
        self._display, self._rule = display, rule or choose_size
        self._min_area_px, self._max_area_px = min_area_px, max_area_px
        self._size: tuple[int, int] | None = None
        self._source = (0, 0)
        self._has_changes = False
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Frame:
        """The picture (H, W, 3), cropped, turned and mirrored as the file asks.

        Raises:
            VideoError: nobody knows how to make RGB of it.
        """
        orientation = self._display.orientation
        size = (frame.width, frame.height)
        if self._size is None:
            self._size, self._source = self._choose(frame), size
        self._has_changes |= size != self._source or self._is_turned_otherwise(frame)
        width, height = reversed(self._size) if orientation.is_transposed else self._size
        picture = _to_rgb(self._scaler, _shown_part(frame, self._display.crop), width, height)
        if orientation.is_transposed:
            picture = picture.swapaxes(0, 1)
        rows, columns = (
            -1 if flips else 1 for flips in (orientation.flips_rows, orientation.flips_columns)
        )
        return np.ascontiguousarray(picture[::rows, ::columns])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was seen in the frames so far."""
        detail = "all frames are shown in the size and orientation of the first"
        return (Remark.CHANGES.of(detail),) if self._has_changes else ()

    def _choose(self, frame: VideoFrame) -> tuple[int, int]:
        crop = self._display.crop
        width = (frame.width - crop.left - crop.right) * self._display.pixel_aspect
        height = float(frame.height - crop.top - crop.bottom)
        if self._display.orientation.is_transposed:
            width, height = height, width
        return self._rule(
            width, height, min_area_px=self._min_area_px, max_area_px=self._max_area_px
        )

    def _is_turned_otherwise(self, frame: VideoFrame) -> bool:
        matrix = matrix_of(frame)
        return matrix is not None and orientation_of(matrix) != self._display.orientation


def _to_rgb(scaler: VideoReformatter, picture: VideoFrame, width: int, height: int) -> Frame:
    is_hdr = picture.color_trc in HDR_TRANSFERS
    flags = Interpolation.BICUBIC | _EXACT
    try:
        # HDR has 10 bits a channel or more: they are kept until it is mapped, and cut to 8 only
        # then.
        small = scaler.reformat(
            picture, width, height, "rgb48le" if is_hdr else "rgb24", interpolation=flags, threads=1
        )
        if is_hdr:
            small = _mapper(width, height, picture.color_trc).reformat(
                small,
                format="rgb24",
                interpolation=flags,
                dst_color_trc=ColorTrc.BT709,
                dst_color_primaries=ColorPrimaries.BT709,
                threads=1,
            )
    except MemoryError:  # FFmpeg's kind is an FFmpegError too.
        raise
    except av.FFmpegError as error:
        colours = (
            f"matrix {picture.colorspace}, transfer {picture.color_trc}, primaries "
            f"{picture.color_primaries}"
        )
        detail = f"{picture.format.name} with {colours} (numbers of ITU-T H.273)"
        raise VideoError(Problem.UNSUPPORTED_COLOURS, detail) from error
    return np.asarray(small.to_ndarray(), np.uint8)


@functools.lru_cache(maxsize=8)
def _mapper(width: int, height: int, transfer: int) -> VideoReformatter:
    """What maps HDR to BT.709, for one size and transfer: its table takes seconds to make, so
    videos share it."""
    return VideoReformatter()


def _shown_part(frame: VideoFrame, crop: Crop) -> VideoFrame:
    """Without what the container cuts off; of an interlaced frame the upper field."""
    left, right, top, bottom = crop
    filters = [("crop", f"iw-{left}-{right}:ih-{top}-{bottom}:{left}:{top}")] if any(crop) else []
    filters += [("field", "type=top")] if frame.interlaced_frame else []
    if not filters:
        return frame
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_ANY_TIME_BASE
    )
    steps = [graph.add(*filter) for filter in filters]
    graph.link_nodes(source, *steps, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


def _sizes(min_area_px: int, max_area_px: int) -> list[tuple[int, int]]:
    most = max_area_px // MULTIPLE_PX**2
    pairs = (
        (columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)
    )
    return [
        (c * MULTIPLE_PX, r * MULTIPLE_PX)
        for c, r in pairs
        if c * r * MULTIPLE_PX**2 >= min_area_px
    ]
