"""Applies edits to frames: pure, uint8 in and out, the input is never changed.

Nothing is encoded here: what is not altered stays the same bytes, so only the altered pixels themselves can tell the
answer. What a span edit does to pixels stands in `tasks.video.transforms`.
"""

from collections.abc import Callable

from tasks.core.edits import DrawEdit, Edit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.video.frames import Frames
from tasks.video.shapes import draw_shape
from tasks.video.transforms import SPAN_TRANSFORMS, cover

LoadDonor = Callable[[str, int, int], Frames]
"""Clip id, start and stop frame -> those frames of that clip, in its own size."""


def no_donors(clip_id: str, start_frame: int, stop_frame: int) -> Frames:
    raise ValueError(f"an edit takes frames of clip {clip_id!r}, but no other clip was given")


def apply_edits(frames: Frames, edits: tuple[Edit, ...], load_donor: LoadDonor = no_donors) -> Frames:
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
                span[:] = span[_checked_order(edit.order)]
            case ReplaceEdit():
                span = _span(edited, edit.start_frame, edit.stop_frame)
                donated = load_donor(edit.donor_clip_id, edit.donor_start_frame, edit.donor_start_frame + len(span))
                span[:] = cover(donated, *span.shape[1:3])
            case DrawEdit():
                draw_shape(_span(edited, edit.frame, edit.frame + 1)[0], edit)
    return edited


def _transformed(span: Frames, edit: SpanEdit) -> Frames:
    if edit.kind not in SPAN_TRANSFORMS:
        raise ValueError(f"unknown span edit {edit.kind!r}, expected one of {', '.join(SPAN_TRANSFORMS)}")
    transform = SPAN_TRANSFORMS[edit.kind]
    if edit.amount < transform.min_amount:
        raise ValueError(f"{edit.kind} needs an amount of at least {transform.min_amount}, got {edit.amount}")
    # a copy: some transforms give the span's own memory back in another order
    return transform.apply(span.copy(), edit.amount, edit.seed)


def _span(frames: Frames, start_frame: int, stop_frame: int) -> Frames:
    if not 0 <= start_frame < stop_frame <= len(frames):
        raise ValueError(f"edit of frames [{start_frame}, {stop_frame}) does not fit a video of {len(frames)} frames")
    return frames[start_frame:stop_frame]


def _checked_order(order: tuple[int, ...]) -> list[int]:
    if sorted(order) != list(range(len(order))):
        raise ValueError(f"reorder edit needs each offset 0..{len(order) - 1} once, got {order}")
    return list(order)
