"""What a stack of frames is, everywhere in the project."""

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""RGB picture, shape (H, W, 3)."""
Frames = NDArray[np.uint8]
"""RGB pictures of one size, shape (F, H, W, 3)."""

MULTIPLE_PX = 32
"""Both sides of a shown picture are multiples of this: patch 16 x merge 2 of the policy."""
