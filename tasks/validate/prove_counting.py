"""Counting: find the drawn shapes as connected patches of change and tell them apart by their second moment.

Of a filled shape, the sum of squared distances from the centroid over the squared area does not depend on size,
place or rotation: circle 1 / (2 pi) = 0.159, square 1 / 6 = 0.167, triangle 1 / (3 sqrt 3) = 0.192;
the slim shapes that do not count have 0.25 and more.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.core.types import Sample
from tasks.validate.verdict import Proof, proved, undecidable, wrong
from tasks.video.frames import Frame, Frames

_CIRCLE_BELOW = 0.162
_SQUARE_BELOW = 0.178
_TRIANGLE_BELOW = 0.2115
"""Limits between the four, measured on 3,000 drawn shapes of each size: no error from 77 px of area on."""
_CLEAR_FROM_PX = 77
_DOUBT = 0.006
_SPECK_PX = 8
"""A smaller patch is the tip of a slim shape that came off: the least shape drawn has 25 pixels."""


def prove_counting(sample: Sample, shown: Sequence[Frames], original: Frames) -> Proof:
    """`original`: all frames (F, H, W, 3) of the clip; the answer is `circles,squares,triangles`."""
    patches = [patch for frame, plain in zip(shown[0], original, strict=True) for patch in _patches(frame, plain)]
    numbers = [_shape_number(patch) for patch in patches]
    found = ",".join(str(numbers.count(number)) for number in range(3))
    if found == sample.answer:
        return proved()
    detail = f"pixels say {found}, the answer is {sample.answer}"
    # of small patches near the limit between triangles and what does not count, either may be meant
    num_doubtful = sum(
        len(patch) < _CLEAR_FROM_PX and abs(_second_moment(patch) - _TRIANGLE_BELOW) < _DOUBT for patch in patches
    )
    num_off = abs(sum(number < 3 for number in numbers) - sum(map(int, sample.answer.split(","))))
    if num_off <= num_doubtful and any(len(patch) < _CLEAR_FROM_PX for patch in patches):
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
    patches = (np.argwhere(labels == number).astype(np.float64) for number in range(1, count + 1))
    return [patch for patch in patches if len(patch) >= _SPECK_PX]


def _shape_number(patch: NDArray[np.float64]) -> int:
    """0 circle, 1 square, 2 triangle, 3 one that does not count."""
    return int(np.searchsorted([_CIRCLE_BELOW, _SQUARE_BELOW, _TRIANGLE_BELOW], _second_moment(patch)))


def _second_moment(patch: NDArray[np.float64]) -> float:
    area = len(patch)
    # a pixel is a unit square, whose own second moment is 1 / 6
    return float((((patch - patch.mean(axis=0)) ** 2).sum() + area / 6) / area**2)
