"""The one table of difficulty: from the knob `level` in [0, 1] to what each pretext task does.

Level 0.5 is the paper's training recipe and VIUBench easy, 0.75 is VIUBench hard, 1 lies beyond
hard. Lengths in time are shares of the clip's frames, so a clip of 16 frames gets the same
difficulty as one of 48. Between two columns the value is interpolated; every row is monotone, so a
higher level is never easier.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_LEVELS = (0.0, 0.25, 0.50, 0.75, 1.00)
_TABLE: dict[str, tuple[float, float, float, float, float]] = {
    # grounding: length of the altered span, and how strong the edit is
    "min_span_share": (16 / 48, 12 / 48, 8 / 48, 6 / 48, 4 / 48),
    "max_span_share": (24 / 48, 20 / 48, 16 / 48, 12 / 48, 8 / 48),
    "min_zoom_out": (1.6, 1.4, 1.2, 1.15, 1.1),
    "max_zoom_out": (1.8, 1.6, 1.4, 1.3, 1.2),
    "min_zoom_in": (1.7, 1.5, 1.3, 1.2, 1.1),
    "max_zoom_in": (1.9, 1.7, 1.5, 1.35, 1.2),
    "min_noise": (60, 45, 35, 20, 8),  # standard deviation in grey levels
    "max_noise": (90, 80, 70, 40, 16),
    "min_blur": (3.5, 2.75, 2.0, 1.5, 0.8),  # radius in pixels
    "max_blur": (4.5, 3.0, 2.0, 1.5, 1.0),
    "min_saturation": (3.0, 2.5, 2.0, 1.6, 1.3),
    "max_saturation": (3.5, 3.0, 2.0, 1.8, 1.4),
    # grounding: other spans, as long, with an edit that the question does not name
    "num_other_spans": (0, 0, 0, 0, 1),
    # counting, for each shape: altered frames, shapes in one of them, diameter as a share of the
    # short side.
    # Level 0 shows one large shape at a time, on up to two frames and not one, or its answer would
    # always be 1,1,1.
    "max_frames": (2, 2, 3, 4, 5),
    "max_shapes": (1, 2, 3, 4, 5),
    "min_size": (0.50, 0.25, 0.20, 0.20, 0.15),
    "max_size": (0.65, 0.40, 0.40, 0.40, 0.30),
    "opacity": (
        1.0,
        1.0,
        1.0,
        1.0,
        0.35,
    ),  # the less, the nearer a shape's colour is to the picture behind it
    "num_other_frames": (0, 0, 0, 0, 3),  # frames with shapes that nobody asks for
    # jigsaw
    # An answer has one digit for each clip, so nine is the most.
    "num_clips": (2, 4, 6, 8, 9),
}
_HARD_NUM_CLIPS = 8
MIN_FRAMES_PER_CLIP = 2
"""Of a jigsaw: the model's vision tower merges two frames into one step."""
MIN_SHAPE_PX = 13
"""Least diameter of a drawn shape: below, pixels no longer tell a square from a circle (measured by
the proof)."""


@dataclass(frozen=True, kw_only=True)
class GroundingDifficulty:
    """Ranges to draw from (both ends included)."""

    min_span_frames: int
    max_span_frames: int
    min_amount: float
    """Strength of the edit, in the unit of its kind; 0 for a kind that has none."""
    max_amount: float
    num_other_spans: int


@dataclass(frozen=True, kw_only=True)
class CountingDifficulty:
    """Ranges to draw from for each shape: 1..max_frames altered frames with 1..max_shapes each."""

    max_frames: int
    max_shapes: int
    min_size: float
    max_size: float
    opacity: float
    num_other_frames: int


def grounding_difficulty(level: float, num_frames: int, kind: str) -> GroundingDifficulty:
    """Span lengths round inwards, so that they stay inside the stated shares where whole frames
    allow."""
    # Without 1e-9 rounding would cost a frame where share times frames is a whole number.
    shortest = int(np.ceil(at_level("min_span_share", level) * num_frames - 1e-9))
    longest = int(at_level("max_span_share", level) * num_frames + 1e-9)
    has_amount = f"min_{kind}" in _TABLE
    return GroundingDifficulty(
        min_span_frames=max(1, shortest),
        max_span_frames=max(1, shortest, longest),
        min_amount=at_level(f"min_{kind}", level) if has_amount else 0.0,
        max_amount=at_level(f"max_{kind}", level) if has_amount else 0.0,
        num_other_spans=round(at_level("num_other_spans", level)),
    )


def counting_difficulty(level: float, short_side_px: int) -> CountingDifficulty:
    """Small pictures get larger shapes than the table says, so that none is below
    `MIN_SHAPE_PX`."""
    least = MIN_SHAPE_PX / short_side_px
    return CountingDifficulty(
        max_frames=round(at_level("max_frames", level)),
        max_shapes=round(at_level("max_shapes", level)),
        min_size=max(least, at_level("min_size", level)),
        max_size=max(least, at_level("max_size", level)),
        opacity=round(at_level("opacity", level), 3),
        num_other_frames=round(at_level("num_other_frames", level)),
    )


def jigsaw_num_clips(level: float, num_frames: int) -> int:
    """Number of clips; a video too short for the hard point scales the table so that hard uses all
    it has."""
    most = num_frames // MIN_FRAMES_PER_CLIP
    scale = min(1.0, most / _HARD_NUM_CLIPS)
    return min(most, max(2, round(wanted_num_clips(level) * scale)))


def wanted_num_clips(level: float) -> int:
    """What the table says, before a short video limits it."""
    return round(at_level("num_clips", level))


def at_level(row: str, level: float) -> float:
    """One row of the table at a level between its columns."""
    return interpolate(_TABLE[row], level)


def interpolate(row: Sequence[float], level: float) -> float:
    """A row of five columns at `level`, for pretext tasks that bring a table of their own."""
    if not 0 <= level <= 1:
        raise ValueError(f"level must lie in [0, 1], got {level}")
    return float(np.interp(level, _LEVELS, row))
