"""What a stack of frames is, everywhere in the project."""

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""RGB picture, shape (H, W, 3)."""
Frames = NDArray[np.uint8]
"""RGB pictures of one size, shape (F, H, W, 3)."""

MULTIPLE_PX = 32
"""Both sides of a shown picture are multiples of this: patch 16 x merge 2 of the policy."""

_FRAMES_MERGED = 2
"""Frames that the vision tower takes as one; of an odd number the last one counts twice."""


def vision_tokens(num_frames: int, height_px: int, width_px: int) -> int:
    """Places that a video takes in the prompt."""
    pairs = (num_frames + num_frames % _FRAMES_MERGED) // _FRAMES_MERGED
    return pairs * (height_px // MULTIPLE_PX) * (width_px // MULTIPLE_PX)
