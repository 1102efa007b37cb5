"""Applies edits to frames: pure, uint8 in and out, the input is never changed.

Adding a span transform is one function and one entry of `SPAN_EDITS`. Nothing is encoded here: what is not altered
stays the same bytes, so only the altered pixels themselves can tell the answer.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image

from tasks.core.edits import DrawEdit, Edit, ReorderEdit, SpanEdit
from tasks.video.frames import Frames
from tasks.video.shapes import shape_mask


def apply_edits(frames: Frames, edits: tuple[Edit, ...]) -> Frames:
    """A copy of `frames` with the edits applied in order.

    Raises:
        ValueError: an edit reaches outside the frames or names no known transform.
    """
    edited = frames.copy()
    for edit in edits:
        match edit:
            case SpanEdit():
                span = _span(edited, edit.start_frame, edit.stop_frame)
                edited[edit.start_frame : edit.stop_frame] = _transform(edit.kind)(span, edit.amount)
            case ReorderEdit():
                stop_frame = edit.start_frame + len(edit.order)
                span = _span(edited, edit.start_frame, stop_frame)
                edited[edit.start_frame : stop_frame] = span[_checked_order(edit.order)]
            case DrawEdit():
                frame = _span(edited, edit.frame, edit.frame + 1)[0]
                frame[shape_mask(edit, height_px=frame.shape[0], width_px=frame.shape[1])] = edit.color
    return edited


def _channel_swap(frames: Frames, amount: float) -> Frames:
    return frames[..., [2, 1, 0]]


def _grayscale(frames: Frames, amount: float) -> Frames:
    """Luma of ITU-R BT.601, as in JPEG."""
    red, green, blue = (frames[..., channel] for channel in range(3))
    luma = np.rint(np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=-1)


def _invert(frames: Frames, amount: float) -> Frames:
    return np.uint8(255) - frames


def _mirror(frames: Frames, amount: float) -> Frames:
    return frames[:, :, ::-1]


def _rotate_180(frames: Frames, amount: float) -> Frames:
    return frames[:, ::-1, ::-1]


def _zoom_out(frames: Frames, amount: float) -> Frames:
    """The picture at 1 / amount of its size, in the centre of a black frame."""
    if amount < 1:
        raise ValueError(f"zoom_out needs an amount of at least 1, got {amount}")
    height, width = frames.shape[1:3]
    small_height, small_width = max(1, round(height / amount)), max(1, round(width / amount))
    top, left = (height - small_height) // 2, (width - small_width) // 2
    zoomed = np.zeros_like(frames)
    for target, frame in zip(zoomed, frames, strict=True):
        small = Image.fromarray(frame).resize((small_width, small_height), Image.Resampling.BILINEAR)
        target[top : top + small_height, left : left + small_width] = np.asarray(small)
    return zoomed


SPAN_EDITS: dict[str, Callable[[Frames, float], Frames]] = {
    "channel_swap": _channel_swap,
    "grayscale": _grayscale,
    "invert": _invert,
    "mirror": _mirror,
    "rotate_180": _rotate_180,
    "zoom_out": _zoom_out,
}


def _transform(kind: str) -> Callable[[Frames, float], Frames]:
    if kind not in SPAN_EDITS:
        raise ValueError(f"unknown span edit {kind!r}, expected one of {', '.join(SPAN_EDITS)}")
    return SPAN_EDITS[kind]


def _span(frames: Frames, start_frame: int, stop_frame: int) -> Frames:
    if not 0 <= start_frame < stop_frame <= len(frames):
        raise ValueError(f"edit of frames [{start_frame}, {stop_frame}) does not fit a video of {len(frames)} frames")
    return frames[start_frame:stop_frame]


def _checked_order(order: tuple[int, ...]) -> list[int]:
    if sorted(order) != list(range(len(order))):
        raise ValueError(f"reorder edit needs each offset 0..{len(order) - 1} once, got {order}")
    return list(order)
