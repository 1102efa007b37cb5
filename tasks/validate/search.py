"""Finds the strength of an alteration: one of many candidates must explain all frames, better than no change does."""

from collections.abc import Callable, Sequence

import numpy as np

from tasks.video.frames import Frame, Frames

MAX_DIFFERENCE = 4.0
"""Most mean absolute difference from the candidate's pixels, in grey levels: room for another way to resample."""

Alter = Callable[[Frame], Frame]


def is_closest(original: Frames, shown: Frames, candidates: Sequence[Alter]) -> bool:
    """Whether the candidate that explains one frame best explains all, at least as well as no change does."""
    alter = best_candidate(original, shown, candidates)
    return all(
        grey_difference(frame, alter(plain)) <= min(MAX_DIFFERENCE, grey_difference(frame, plain))
        for plain, frame in zip(original, shown, strict=True)
    )


def best_candidate(original: Frames, shown: Frames, candidates: Sequence[Alter]) -> Alter:
    """The one nearest to the frame with most contrast, in which strengths can be told apart best."""
    reference = int(np.argmax(original.std(axis=(1, 2, 3))))
    return min(candidates, key=lambda alter: grey_difference(shown[reference], alter(original[reference])))


def grey_difference(one: Frame, other: Frame) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(one.astype(np.int16) - other).mean())
