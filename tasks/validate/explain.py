"""Whether a kind of alteration explains what happened to some frames: from their pixels, never told how strong it was.

Exact where the alteration can be undone exactly. Where pixels were computed anew (resized, blurred, ...) it is done
again in every strength, and the best must come close, closer than leaving the frames as they were.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tasks.validate.search import grey_difference, is_closest
from tasks.validate.zoom import is_zoomed_in, is_zoomed_out
from tasks.video.blur import blurred
from tasks.video.frames import Frame, Frames
from tasks.video.transforms import SPAN_TRANSFORMS, cover

_BLUR_RADII_PX = np.arange(0.5, 6.01, 0.1)
_MIN_NOISE_LEVELS = 1.0
_WHITE = -0.5
"""Of white noise, differences of neighbours correlate with the next ones by exactly this."""
_MAX_DEVIATION = 0.12
_MAX_FRAME_CORRELATION = 0.2
_SATURATIONS = np.arange(1.1, 4.01, 0.05)
_LUMA = np.array([0.299, 0.587, 0.114])
"""Of ITU-R BT.601."""


def are_lent(shown: Frames, donors: Sequence[Frames]) -> bool:
    """Whether the frames are consecutive ones of a donor, fitted to their size."""
    fitted = [cover(donor, *shown.shape[1:3]) for donor in donors]
    return any(
        np.array_equal(donor[start : start + len(shown)], shown)
        for donor in fitted
        for start in range(len(donor) - len(shown) + 1)
        if np.array_equal(donor[start], shown[0])
    )


def _is_grayscale_of(original: Frames, shown: Frames) -> bool:
    """All channels equal and at most two levels from the luma of ITU-R BT.601."""
    luma = original @ _LUMA
    return bool(np.all(shown == shown[..., :1]) and np.all(np.abs(shown[..., 0] - luma) <= 2))


def _is_saturated(original: Frames, shown: Frames) -> bool:
    """One factor above 1 takes every pixel's distance from its luma to the shown one."""
    return is_closest(original, shown, [partial(_saturated, factor=float(factor)) for factor in _SATURATIONS])


def _saturated(frame: Frame, factor: float) -> Frame:
    luma = (frame @ _LUMA)[..., None]
    saturated: Frame = np.clip(np.rint(luma + factor * (frame - luma)), 0, 255).astype(np.uint8)
    return saturated


def _is_reordering_of(original: Frames, shown: Frames) -> bool:
    """The same frames, each shown where an equal one was not, unless it has a twin in the span."""
    before, after = [frame.tobytes() for frame in original], [frame.tobytes() for frame in shown]
    stayed = [b for b, a in zip(before, after, strict=True) if a == b]
    return sorted(before) == sorted(after) and all(before.count(frame) > 1 for frame in stayed)


def _stands_still(original: Frames, shown: Frames) -> bool:
    return len(shown) > 1 and bool(np.all(shown == original[0]))


def _is_noisy(original: Frames, shown: Frames) -> bool:
    """What was added is white noise in each frame, and another one in each."""
    steps = [np.diff(frame.astype(np.float64) - plain, axis=1) for frame, plain in zip(shown, original, strict=True)]
    if any(step.std() < _MIN_NOISE_LEVELS for step in steps):
        return False
    is_white = all(abs(_correlation(step[:, 1:], step[:, :-1]) - _WHITE) <= _MAX_DEVIATION for step in steps)
    pairs = itertools.pairwise(steps)
    return is_white and all(abs(_correlation(one, other)) <= _MAX_FRAME_CORRELATION for one, other in pairs)


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float((one * other).mean() / max(1e-9, one.std() * other.std()))


def _is_blurred(original: Frames, shown: Frames) -> bool:
    return is_closest(original, shown, [partial(blurred, radius_px=float(radius)) for radius in _BLUR_RADII_PX])


def _is_turned(kind: str, other: str) -> Callable[[Frames, Frames], bool]:
    """By a quarter in one direction, which must fit better than the other direction."""

    def turn(name: str, frames: Frames) -> Frames:
        return SPAN_TRANSFORMS[name].apply(frames, 0.0, 0)

    def explains(original: Frames, shown: Frames) -> bool:
        return is_closest(original, shown, [lambda frame: turn(kind, frame[None])[0]]) and all(
            grey_difference(frame, right) < grey_difference(frame, left)
            for frame, right, left in zip(shown, turn(kind, original), turn(other, original), strict=True)
        )

    return explains


EXPLAINS: dict[str, Callable[[Frames, Frames], bool]] = {
    "blur": _is_blurred,
    "channel_swap": lambda original, shown: np.array_equal(shown[..., ::-1], original),
    "grayscale": _is_grayscale_of,
    "hold": _stands_still,
    "invert": lambda original, shown: np.array_equal(255 - shown, original),
    "mirror": lambda original, shown: np.array_equal(shown[:, :, ::-1], original),
    "noise": _is_noisy,
    "rotate_90": _is_turned("rotate_90", "rotate_270"),
    "rotate_180": lambda original, shown: np.array_equal(shown[:, ::-1, ::-1], original),
    "rotate_270": _is_turned("rotate_270", "rotate_90"),
    "saturation": _is_saturated,
    "shuffle": _is_reordering_of,
    "zoom_in": is_zoomed_in,
    "zoom_out": is_zoomed_out,
}
