"""The one table of difficulty: from the knob `level` in [0, 1] to what each pretext task does.

Level 0.5 is the paper's training recipe and VIUBench easy, 0.75 is VIUBench hard, 1 lies beyond hard.
Lengths in time are shares of the clip's frames, so a clip of 16 frames gets the same difficulty as one of 48.
Between two columns the value is interpolated; every row is monotone, so a higher level is never easier.
"""

from dataclasses import dataclass

import numpy as np

_LEVELS = (0.0, 0.25, 0.50, 0.75, 1.00)
_TABLE: dict[str, tuple[float, float, float, float, float]] = {
    # grounding: length of the altered span, and how far zoom-out zooms
    "min_span_share": (16 / 48, 12 / 48, 8 / 48, 6 / 48, 4 / 48),
    "max_span_share": (24 / 48, 20 / 48, 16 / 48, 12 / 48, 8 / 48),
    "min_zoom": (1.6, 1.4, 1.2, 1.15, 1.1),
    "max_zoom": (1.8, 1.6, 1.4, 1.3, 1.2),
    # counting, for each shape: altered frames, shapes in one of them, diameter as a share of the short side.
    # Level 0 draws up to two shapes and not one, or its answer would always be 1,1,1.
    "max_frames": (1, 2, 3, 4, 5),
    "max_shapes": (2, 2, 3, 4, 5),
    "min_size": (0.30, 0.25, 0.20, 0.20, 0.15),
    "max_size": (0.45, 0.40, 0.40, 0.40, 0.30),
    # jigsaw
    "num_clips": (2, 4, 6, 8, 9),
}
_HARD_NUM_CLIPS = 8
MIN_FRAMES_PER_CLIP = 2
"""Of a jigsaw: the model's vision tower merges two frames into one step."""
MIN_SHAPE_PX = 13
"""Least diameter of a drawn shape: below, pixels no longer tell a square from a circle (measured by the proof)."""


@dataclass(frozen=True, kw_only=True)
class GroundingDifficulty:
    """Ranges to draw from, in frames (both ends included) and as zoom factors."""

    min_span_frames: int
    max_span_frames: int
    min_zoom: float
    max_zoom: float


@dataclass(frozen=True, kw_only=True)
class CountingDifficulty:
    """Ranges to draw from for each shape: 1..max_frames altered frames with 1..max_shapes each."""

    max_frames: int
    max_shapes: int
    min_size: float
    max_size: float


def grounding_difficulty(level: float, num_frames: int) -> GroundingDifficulty:
    """Span lengths round inwards, so that they stay inside the stated shares where whole frames allow."""
    shortest = int(np.ceil(_at("min_span_share", level) * num_frames - 1e-9))
    longest = int(_at("max_span_share", level) * num_frames + 1e-9)
    return GroundingDifficulty(
        min_span_frames=max(1, shortest),
        max_span_frames=max(1, shortest, longest),
        min_zoom=_at("min_zoom", level),
        max_zoom=_at("max_zoom", level),
    )


def counting_difficulty(level: float, short_side_px: int) -> CountingDifficulty:
    """Small pictures get larger shapes than the table says, so that none is below `MIN_SHAPE_PX`."""
    least = MIN_SHAPE_PX / short_side_px
    return CountingDifficulty(
        max_frames=round(_at("max_frames", level)),
        max_shapes=round(_at("max_shapes", level)),
        min_size=max(least, _at("min_size", level)),
        max_size=max(least, _at("max_size", level)),
    )


def jigsaw_num_clips(level: float, num_frames: int) -> int:
    """Number of clips; a video too short for the hard point scales the table so that hard uses all it has."""
    most = num_frames // MIN_FRAMES_PER_CLIP
    scale = min(1.0, most / _HARD_NUM_CLIPS)
    return min(most, max(2, round(wanted_num_clips(level) * scale)))


def wanted_num_clips(level: float) -> int:
    """What the table says, before a short video limits it."""
    return round(_at("num_clips", level))


def _at(name: str, level: float) -> float:
    if not 0 <= level <= 1:
        raise ValueError(f"level must lie in [0, 1], got {level}")
    return float(np.interp(level, _LEVELS, _TABLE[name]))
