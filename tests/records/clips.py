"""The clips that records are about: made up, with and without frames."""

from dataclasses import replace

from tests.helpers.clips import make_clip
from tests.records.product.data import Clip, Split


def _clip(
    name: str, num_frames: int, split: Split, side_px: int, step_seconds: float, width_px: int
) -> Clip:
    made = make_clip(
        name, num_frames=num_frames, split=split, side_px=side_px, step_seconds=step_seconds
    )
    return replace(made, width_px=width_px)


PLANNED = (
    _clip("a", 16, Split.TRAIN, 64, 0.5, 64),
    _clip("b", 48, Split.TRAIN, 256, 0.4, 192),
    _clip("c", 24, Split.TRAIN, 128, 0.21, 160),
    _clip("d", 48, Split.HELDOUT, 256, 0.5, 256),
    _clip("e", 16, Split.HELDOUT, 64, 0.5, 64),
    _clip("f", 20, Split.HELDOUT, 128, 1.3, 128),
)
"""Short and long, square and not, on both sides of the split."""
