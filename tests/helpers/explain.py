"""Whether a kind of alteration explains what happened to some frames: from their pixels, never told
how strong it was.

Exact where the alteration can be undone exactly. Where pixels were computed anew (resized, blurred,
...) it is done again in every strength, and the best must come close, closer than leaving the
frames as they were.
"""

import itertools
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.video.frames import Frame, Frames
from tasks.video.transforms import SPAN_TRANSFORMS, blurred, cover

_BLUR_RADII_PX = np.arange(0.5, 6.01, 0.1)
_MIN_NOISE_LEVELS = 1.0
_WHITE = -0.5
"""Of white noise, differences of neighbours correlate with the next ones by exactly this."""
_MAX_DEVIATION = 0.12
_MAX_FRAME_CORRELATION = 0.2
_SATURATIONS = np.arange(1.1, 4.01, 0.05)
_LUMA = np.array([0.299, 0.587, 0.114])
"""Of ITU-R BT.601."""
_MAX_DIFFERENCE = 4.0
"""Most mean absolute difference from the candidate's pixels, in grey levels: room for another way
to resample."""

Alter = Callable[[Frame], Frame]
_MAX_ZOOM = 2.5
"""Sizes below the picture's by more than this are not tried."""

Size = tuple[int, int]


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
    return _is_closest(
        original, shown, [partial(_saturated, factor=float(factor)) for factor in _SATURATIONS]
    )


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
    steps = [
        np.diff(frame.astype(np.float64) - plain, axis=1)
        for frame, plain in zip(shown, original, strict=True)
    ]
    if any(step.std() < _MIN_NOISE_LEVELS for step in steps):
        return False
    is_white = all(
        abs(_correlation(step[:, 1:], step[:, :-1]) - _WHITE) <= _MAX_DEVIATION for step in steps
    )
    pairs = itertools.pairwise(steps)
    return is_white and all(
        abs(_correlation(one, other)) <= _MAX_FRAME_CORRELATION for one, other in pairs
    )


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float((one * other).mean() / max(1e-9, one.std() * other.std()))


def _is_blurred(original: Frames, shown: Frames) -> bool:
    return _is_closest(
        original, shown, [partial(blurred, radius_px=float(radius)) for radius in _BLUR_RADII_PX]
    )


def _is_turned(kind: str, other: str) -> Callable[[Frames, Frames], bool]:
    """By a quarter in one direction, which must fit better than the other direction."""

    def turn(name: str, frames: Frames) -> Frames:
        return SPAN_TRANSFORMS[name].apply(frames, 0.0, 0)

    def explains(original: Frames, shown: Frames) -> bool:
        return _is_closest(original, shown, [lambda frame: turn(kind, frame[None])[0]]) and all(
            _grey_difference(frame, right) < _grey_difference(frame, left)
            for frame, right, left in zip(
                shown, turn(kind, original), turn(other, original), strict=True
            )
        )

    return explains


def _is_zoomed_out(original: Frames, shown: Frames) -> bool:
    """Whether one smaller size in the middle of black explains every frame, at least as well as no
    change does."""
    return _is_zoomed(original, shown, _shrunk)


def _is_zoomed_in(original: Frames, shown: Frames) -> bool:
    """Whether one middle part, enlarged, explains every frame, at least as well as no change
    does."""
    return _is_zoomed(original, shown, _enlarged)


def _is_zoomed(original: Frames, shown: Frames, zoom: Callable[[Size, Frame], Frame]) -> bool:
    height, width = original.shape[1:3]
    similar = [
        (small, max(1, round(width * small / height)))
        for small in range(max(1, int(height / _MAX_ZOOM)), height)
    ]
    sizes = {partial(zoom, size): size for size in similar}
    near_height, near_width = sizes[_best_candidate(original, shown, list(sizes))]  # type: ignore[index]
    nearest = [
        (near_height, max(1, w)) for w in (near_width - 1, near_width, near_width + 1) if w <= width
    ]
    return _is_closest(original, shown, [partial(zoom, size) for size in nearest])


def _shrunk(size: Size, plain: Frame) -> Frame:
    height, width = size
    top, left = (plain.shape[0] - height) // 2, (plain.shape[1] - width) // 2
    frame = np.zeros_like(plain)
    small = Image.fromarray(plain).resize((width, height), Image.Resampling.BILINEAR)
    frame[top : top + height, left : left + width] = np.asarray(small)
    return frame


def _enlarged(size: Size, plain: Frame) -> Frame:
    height, width = size
    top, left = (plain.shape[0] - height) // 2, (plain.shape[1] - width) // 2
    part = Image.fromarray(plain).crop((left, top, left + width, top + height))
    return np.asarray(part.resize((plain.shape[1], plain.shape[0]), Image.Resampling.BILINEAR))


def _is_closest(original: Frames, shown: Frames, candidates: Sequence[Alter]) -> bool:
    """Whether the candidate that explains one frame best explains all, at least as well as no
    change does."""
    alter = _best_candidate(original, shown, candidates)
    return all(
        _grey_difference(frame, alter(plain))
        <= min(_MAX_DIFFERENCE, _grey_difference(frame, plain))
        for plain, frame in zip(original, shown, strict=True)
    )


def _best_candidate(original: Frames, shown: Frames, candidates: Sequence[Alter]) -> Alter:
    """The one nearest to the frame with most contrast, in which strengths can be told apart
    best."""
    reference = int(np.argmax(original.std(axis=(1, 2, 3))))
    return min(
        candidates, key=lambda alter: _grey_difference(shown[reference], alter(original[reference]))
    )


def _grey_difference(one: Frame, other: Frame) -> float:
    """Mean absolute difference in grey levels."""
    return float(np.abs(one.astype(np.int16) - other).mean())


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
    "zoom_in": _is_zoomed_in,
    "zoom_out": _is_zoomed_out,
}
