"""Counting: find the drawn shapes as connected patches of change and tell them apart by their second moment.

Of a filled shape, the sum of squared distances from the centroid over the squared area does not depend on size,
place or rotation: circle 1 / (2 pi) = 0.159, square 1 / 6 = 0.167, triangle 1 / (3 sqrt 3) = 0.192.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.types import Sample
from tasks.validate.verdict import Proof, proved, undecidable, wrong
from tasks.video.frames import Frame, Frames

_CIRCLE_BELOW = 0.162
_SQUARE_BELOW = 0.178
"""Limits between the three, measured on 9,000 drawn shapes: no error from 77 px of area on."""
_CLEAR_FROM_PX = 77


def prove_counting(sample: Sample, shown: Sequence[Frames], original: Frames) -> Proof:
    """`original`: all frames (F, H, W, 3) of the clip; the answer is `circles,squares,triangles`."""
    patches = [patch for frame, plain in zip(shown[0], original, strict=True) for patch in _patches(frame, plain)]
    counts = np.bincount([_shape_number(patch) for patch in patches], minlength=3)
    found = ",".join(map(str, counts))
    if found == sample.answer:
        return proved()
    detail = f"pixels say {found}, the answer is {sample.answer}"
    same_total = len(patches) == sum(map(int, sample.answer.split(",")))
    if same_total and any(len(patch) < _CLEAR_FROM_PX for patch in patches):
        return undecidable(f"{detail}; some shapes are too small to tell apart")
    return wrong(detail)


def _patches(frame: Frame, plain: Frame) -> list[NDArray[np.float64]]:
    """Pixel positions (N, 2) of every connected patch of change; unchanged holes count as changed."""
    from scipy import ndimage

    changed = np.any(frame != plain, axis=-1)
    if not changed.any():
        return []
    # diagonal neighbours count as connected, or the tip of a triangle might come off
    labels, count = ndimage.label(ndimage.binary_fill_holes(changed), structure=np.ones((3, 3)))
    return [np.argwhere(labels == number).astype(np.float64) for number in range(1, count + 1)]


def _shape_number(patch: NDArray[np.float64]) -> int:
    """0 circle, 1 square, 2 triangle."""
    area = len(patch)
    # a pixel is a unit square, whose own second moment is 1 / 6
    second_moment = ((patch - patch.mean(axis=0)) ** 2).sum() + area / 6
    return int(np.searchsorted([_CIRCLE_BELOW, _SQUARE_BELOW], second_moment / area**2))
