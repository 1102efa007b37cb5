"""Applies edits to frames: pure, uint8 in and out, the input is never changed.

Nothing is encoded here: what is not altered stays the same bytes, so only the altered pixels
themselves can tell the answer. What a span edit does to pixels stands in `tasks.video.transforms`.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tasks.core.edits import DrawEdit, Edit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.video.frames import Frame, Frames
from tasks.video.transforms import SPAN_TRANSFORMS, cover

_NUM_CORNERS = {"square": 4, "triangle": 3}
_DIAMOND_ASPECT = 0.35
_BAR_ASPECT = 1 / 3
"""Width over length. Slimmer diamonds fall to pieces, wider ones come near a triangle's second
moment."""

LoadDonor = Callable[[str, int, int], Frames]
"""Clip id, start and stop frame -> those frames of that clip, in its own size."""


def no_donors(clip_id: str, start_frame: int, stop_frame: int) -> Frames:
    raise ValueError(f"an edit takes frames of clip {clip_id!r}, but no other clip was given")


def apply_edits(
    frames: Frames, edits: tuple[Edit, ...], load_donor: LoadDonor = no_donors
) -> Frames:
    """A copy of `frames` with the edits applied in order.

    Raises:
        ValueError: an edit reaches outside the frames or names no known transform or clip.
    """
    edited = frames.copy()
    for edit in edits:
        match edit:
            case SpanEdit():
                span = _span(edited, edit.start_frame, edit.stop_frame)
                span[:] = _transformed(span, edit)
            case ReorderEdit():
                span = _span(edited, edit.start_frame, edit.start_frame + len(edit.order))
                # An index that is a list copies: no frame is overwritten before it is read.
                span[:] = span[_checked_order(edit.order)]
            case ReplaceEdit():
                span = _span(edited, edit.start_frame, edit.stop_frame)
                donated = load_donor(
                    edit.donor_clip_id, edit.donor_start_frame, edit.donor_start_frame + len(span)
                )
                span[:] = cover(donated, *span.shape[1:3])
            case DrawEdit():
                _draw_shape(_span(edited, edit.frame, edit.frame + 1)[0], edit)
    return edited


def shape_mask(
    edit: DrawEdit, *, height_px: int, width_px: int, box: tuple[slice, slice] | None = None
) -> NDArray[np.bool_]:
    """Which pixels (H, W), or those of `box`, have their centre inside the shape."""
    # (H, 1) and (1, W): what is made of both is (H, W).
    rows, columns = np.ogrid[box or (slice(height_px), slice(width_px))]
    radius = edit.size * min(height_px, width_px) / 2
    # From the shape's centre to the centres of pixels, which lie half a pixel inside.
    down = rows + 0.5 - edit.centre_y * height_px
    right = columns + 0.5 - edit.centre_x * width_px
    angle = math.radians(edit.angle_degrees)
    if edit.shape == "circle":
        inside: NDArray[np.bool_] = down**2 + right**2 <= radius**2
        return inside
    if edit.shape in _NUM_CORNERS:
        return _regular_polygon(right, down, _NUM_CORNERS[edit.shape], radius, angle)
    # In the shape's own axes: it is slim across and long along `angle`.
    along = np.abs(right * math.cos(angle) + down * math.sin(angle))
    across = np.abs(down * math.cos(angle) - right * math.sin(angle))
    if edit.shape == "diamond":
        slim: NDArray[np.bool_] = along + across / _DIAMOND_ASPECT <= radius
        return slim
    # The corners of a bar lie on the circle of its size, as those of the other shapes do.
    half_length = radius / math.hypot(1, _BAR_ASPECT)
    bar: NDArray[np.bool_] = (along <= half_length) & (across <= _BAR_ASPECT * half_length)
    return bar


def _transformed(span: Frames, edit: SpanEdit) -> Frames:
    if edit.kind not in SPAN_TRANSFORMS:
        raise ValueError(
            f"unknown span edit {edit.kind!r}, expected one of {', '.join(SPAN_TRANSFORMS)}"
        )
    transform = SPAN_TRANSFORMS[edit.kind]
    if edit.amount < transform.min_amount:
        raise ValueError(
            f"{edit.kind} needs an amount of at least {transform.min_amount}, got {edit.amount}"
        )
    # a copy: some transforms give the span's own memory back in another order
    return transform.apply(span.copy(), edit.amount, edit.seed)


def _span(frames: Frames, start_frame: int, stop_frame: int) -> Frames:
    if not 0 <= start_frame < stop_frame <= len(frames):
        raise ValueError(
            f"edit of frames [{start_frame}, {stop_frame}) does not fit a video of {len(frames)} "
            "frames"
        )
    return frames[start_frame:stop_frame]


def _checked_order(order: tuple[int, ...]) -> list[int]:
    if sorted(order) != list(range(len(order))):
        raise ValueError(f"reorder edit needs each offset 0..{len(order) - 1} once, got {order}")
    return list(order)


def _draw_shape(frame: Frame, edit: DrawEdit) -> None:
    """Paint the shape onto `frame` (H, W, 3), in place. Every pixel of it changes, by one level at
    least."""
    height, width = frame.shape[:2]
    box = _box(edit, height, width)
    inside = shape_mask(edit, height_px=height, width_px=width, box=box)
    # (pixels of the shape, 3), a copy. The colour is an array of int64, so that a difference below
    # 0 does not wrap around as in uint8.
    picture = frame[box][inside]
    painted = np.rint(picture + edit.opacity * (np.array(edit.color) - picture)).astype(np.uint8)
    # Where the colour was there already (white on snow) one level is moved: a shape without a trace
    # has no answer.
    same = np.all(painted == picture, axis=-1)
    painted[same] = np.where(picture[same] < 255, picture[same] + 1, picture[same] - 1)
    frame[box][inside] = painted


def _box(edit: DrawEdit, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns that hold the whole shape: drawing looks at these alone."""
    radius = edit.size * min(height, width) / 2 + 1
    return _around(edit.centre_y * height, radius, height), _around(
        edit.centre_x * width, radius, width
    )


def _around(centre: float, radius: float, length: int) -> slice:
    start = min(length, max(0, math.floor(centre - radius)))
    return slice(start, max(start, min(length, math.ceil(centre + radius))))


def _regular_polygon(
    right: NDArray[np.float64],
    down: NDArray[np.float64],
    num_corners: int,
    radius: float,
    angle: float,
) -> NDArray[np.bool_]:
    """Points within the distance of every side from the centre; `angle` points to the middle of one
    side."""
    inside = np.ones(np.broadcast_shapes(right.shape, down.shape), bool)
    # A convex polygon is where every side's half-plane holds; the apothem is the distance of a
    # side.
    side_distance = radius * math.cos(math.pi / num_corners)
    for side in range(num_corners):
        direction = angle + 2 * math.pi * side / num_corners
        inside &= right * math.cos(direction) + down * math.sin(direction) <= side_distance
    return inside
