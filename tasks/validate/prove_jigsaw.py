"""Jigsaw: find every shown segment among the clip's by its pixels, and read the order off.

Segments come as separate videos, or as equal parts of one.
"""

from collections.abc import Sequence

import numpy as np

from tasks.core.types import Sample
from tasks.validate.verdict import Proof, proved, undecidable, wrong
from tasks.video.frames import Frames


def prove_jigsaw(sample: Sample, shown: Sequence[Frames], original: Frames) -> Proof:
    """`original`: all frames (F, H, W, 3) of the clip; the k-th digit names where its k-th segment is shown."""
    segments = shown if len(shown) > 1 else np.array_split(shown[0], max(1, len(sample.answer)))
    length = len(segments[0])
    parts = [original[start : start + length] for start in range(0, length * len(segments), length)]
    places = [[number for number, video in enumerate(segments, 1) if np.array_equal(video, part)] for part in parts]
    if not all(places):
        return wrong(f"segment {places.index([]) + 1} of the clip is not shown")
    if not _fits(sample.answer, places):
        return wrong(f"pixels say {''.join(str(at[0]) for at in places)}, the answer is {sample.answer}")
    if any(len(at) > 1 for at in places):
        return undecidable("two segments look the same")
    return proved()


def _fits(answer: str, places: Sequence[Sequence[int]]) -> bool:
    """Whether the k-th digit names a place where the k-th segment is shown, for each k."""
    return len(answer) == len(places) and all(int(digit) in at for digit, at in zip(answer, places, strict=True))
