"""Proves the answer of a sample from what is shown: the rendered pixels against the clip's own,
never the edits.

A proof that fails means that planning or rendering is wrong. Where pixels cannot tell (a frame that
looks the same mirrored) the verdict says so. A pretext task may have a proof: a function here and
an entry of `_PROOFS`; without one its answers are undecidable.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from rewards.answers import Interval
from rewards.parse import format_answer
from tasks.core.edits import donor_clip_ids
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.video.frame_store import load_frames
from tasks.video.frames import Frame, Frames
from tasks.video.render import render_sample
from tests.helpers.explain import EXPLAINS, are_lent

Span = tuple[int, int]

_CIRCLE_BELOW = 0.162
_SQUARE_BELOW = 0.178
_TRIANGLE_BELOW = 0.2115
"""Limits between the four, measured on 3,000 drawn shapes of each size: no error from 77 px of area
on."""
_CLEAR_FROM_PX = 77
_DOUBT = 0.006
_SPECK_PX = 8
"""A smaller patch is the tip of a slim shape that came off: the least shape drawn has 25 pixels."""


class Verdict(StrEnum):
    """Outcome of one proof."""

    PROVED = "proved"
    WRONG = "wrong"
    UNDECIDABLE = "undecidable"
    """The pixels fit more than one answer, the given one among them."""


@dataclass(frozen=True)
class Proof:
    """Verdict on one answer, with its reason unless proved."""

    verdict: Verdict
    detail: str = ""


def prove_stored(store: Store, sample: Sample, clips: Mapping[str, Clip]) -> Proof:
    """Of a sample rendered from stored frames; `clips` by clip id."""
    shown = [video.frames for video in render_sample(store, sample, clips)]
    donors = [
        load_frames(store, clips[name])
        for view in sample.views
        for name in donor_clip_ids(view.edits)
    ]
    clip = clips[sample.views[0].clip_id]
    return prove_answer(sample, shown, load_frames(store, clip), clip, donors)


def prove_answer(
    sample: Sample,
    shown: Sequence[Frames],
    original: Frames,
    clip: Clip,
    donors: Sequence[Frames] = (),
) -> Proof:
    """`shown`: frames (F, H, W, 3) of each view; `original`: all frames of the one clip they come
    from.

    `donors`: all frames of the clips that a view borrows from, each in its own size.
    """
    prove = _PROOFS.get(sample.pretext)
    if prove is None:
        return _undecidable(f"no proof is known for the pretext task {sample.pretext!r}")
    return prove(sample, shown, original, clip, donors)


def _prove_grounding(
    sample: Sample,
    shown: Sequence[Frames],
    original: Frames,
    timestamps_seconds: Sequence[float],
    donors: Sequence[Frames] = (),
) -> Proof:
    """The altered frames of the answered interval must be explained by what the question names.

    Frames altered elsewhere are allowed (a second span of another kind) if what the question names
    does not explain them. `original`: all frames (F, H, W, 3) of the clip with their times;
    `donors`: those of clips it may borrow from.
    """
    frames, kind = shown[0], sample.kind
    changed = np.any(frames != original, axis=(1, 2, 3))
    spans = [
        span for span in _spans_of(sample.answer, timestamps_seconds) if not _goes_on(changed, span)
    ]
    if not spans:
        return _wrong(f"pixels say frames {_runs(changed)}, which is not {sample.answer}")

    def explains(start_frame: int, stop_frame: int) -> bool:
        part, plain = frames[start_frame:stop_frame], original[start_frame:stop_frame]
        return are_lent(part, donors) if kind == "other_video" else EXPLAINS[kind](plain, part)

    if kind not in EXPLAINS and kind != "other_video":
        return _undecidable(f"no way to undo {kind!r} is known; the interval fits")
    fitting = [span for span in spans if explains(*span)]
    if not fitting:
        return _wrong(f"{kind} does not explain frames {_runs(changed)} as {sample.answer}")
    if not any(_is_clear(changed, span, kind, frames) for span in fitting):
        return _undecidable(f"some frames of {sample.answer} look the same after {kind}")
    elsewhere = [
        run for run in _runs(changed) if not any(a <= run[0] and run[1] <= b for a, b in fitting)
    ]
    if any(explains(*run) for run in elsewhere):
        return _undecidable(f"{kind} explains the frames {elsewhere}, too")
    return _proved()


def _spans_of(answer: str, timestamps_seconds: Sequence[float]) -> Iterator[Span]:
    """Every span of frames whose interval is written as `answer` (several if frames are closer than
    0.1 s)."""
    count = len(timestamps_seconds)
    mean_step = timestamps_seconds[-1] / max(1, count - 1)
    ends = [*timestamps_seconds, timestamps_seconds[-1] + mean_step]
    for start_frame in range(count):
        for stop_frame in range(start_frame + 1, count + 1):
            if format_answer(Interval(ends[start_frame], ends[stop_frame])) == answer:
                yield start_frame, stop_frame


def _runs(changed: NDArray[np.bool_]) -> list[Span]:
    """The unbroken runs of altered frames."""
    numbers = [
        [number for number, _ in run]
        for is_changed, run in groupby(enumerate(changed), lambda x: x[1])
        if is_changed
    ]
    return [(run[0], run[-1] + 1) for run in numbers]


def _goes_on(changed: NDArray[np.bool_], span: Span) -> bool:
    """Whether the alteration reaches beyond the span."""
    return bool(changed[span[0] - 1 : span[0]].any() or changed[span[1] : span[1] + 1].any())


def _is_clear(changed: NDArray[np.bool_], span: Span, kind: str, frames: Frames) -> bool:
    """Whether the altered frames make up the span: the first and the last are altered.

    A picture that stands still alters all but its first frame; the frame before must be another
    one.
    """
    start_frame, stop_frame = span
    if kind == "hold":
        begins = start_frame == 0 or not np.array_equal(
            frames[start_frame - 1], frames[start_frame]
        )
        return begins and bool(changed[stop_frame - 1])
    return bool(changed[start_frame] and changed[stop_frame - 1])


def _prove_counting(sample: Sample, shown: Sequence[Frames], original: Frames) -> Proof:
    """Finds the drawn shapes as connected patches of change, and tells them apart by their second
    moment.

    Of a filled shape, the sum of squared distances from the centroid over the squared area does not
    depend on size, place or rotation: circle 1 / (2 pi) = 0.159, square 1 / 6 = 0.167, triangle 1 /
    (3 sqrt 3) = 0.192; the slim shapes that do not count have 0.25 and more. `original`: all frames
    (F, H, W, 3) of the clip; the answer is
    `circles,squares,triangles`.
    """
    patches = [
        patch
        for frame, plain in zip(shown[0], original, strict=True)
        for patch in _patches(frame, plain)
    ]
    numbers = [_shape_number(patch) for patch in patches]
    found = ",".join(str(numbers.count(number)) for number in range(3))
    if found == sample.answer:
        return _proved()
    detail = f"pixels say {found}, the answer is {sample.answer}"
    # of small patches near the limit between triangles and what does not count, either may be meant
    num_doubtful = sum(
        len(patch) < _CLEAR_FROM_PX and abs(_second_moment(patch) - _TRIANGLE_BELOW) < _DOUBT
        for patch in patches
    )
    num_off = abs(sum(number < 3 for number in numbers) - sum(map(int, sample.answer.split(","))))
    if num_off <= num_doubtful and any(len(patch) < _CLEAR_FROM_PX for patch in patches):
        return _undecidable(f"{detail}; some shapes are too small to tell apart")
    return _wrong(detail)


def _patches(frame: Frame, plain: Frame) -> list[NDArray[np.float64]]:
    """Pixel positions (N, 2) of every connected patch of change; unchanged holes count as
    changed."""
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
    return int(
        np.searchsorted([_CIRCLE_BELOW, _SQUARE_BELOW, _TRIANGLE_BELOW], _second_moment(patch))
    )


def _second_moment(patch: NDArray[np.float64]) -> float:
    area = len(patch)
    # a pixel is a unit square, whose own second moment is 1 / 6
    return float((((patch - patch.mean(axis=0)) ** 2).sum() + area / 6) / area**2)


def _prove_jigsaw(sample: Sample, shown: Sequence[Frames], original: Frames) -> Proof:
    """Finds every shown segment (a video each, or equal parts of one) among the clip's by its
    pixels.

    `original`: all frames (F, H, W, 3) of the clip; the k-th digit names where its k-th segment is
    shown.
    """
    segments = shown if len(shown) > 1 else np.array_split(shown[0], max(1, len(sample.answer)))
    length = len(segments[0])
    parts = [original[start : start + length] for start in range(0, length * len(segments), length)]
    places = [
        [number for number, video in enumerate(segments, 1) if np.array_equal(video, part)]
        for part in parts
    ]
    if not all(places):
        return _wrong(f"segment {places.index([]) + 1} of the clip is not shown")
    if not _fits(sample.answer, places):
        return _wrong(
            f"pixels say {''.join(str(at[0]) for at in places)}, the answer is {sample.answer}"
        )
    if any(len(at) > 1 for at in places):
        return _undecidable("two segments look the same")
    return _proved()


def _fits(answer: str, places: Sequence[Sequence[int]]) -> bool:
    """Whether the k-th digit names a place where the k-th segment is shown, for each k."""
    return len(answer) == len(places) and all(
        int(digit) in at for digit, at in zip(answer, places, strict=True)
    )


def _proved() -> Proof:
    return Proof(Verdict.PROVED)


def _wrong(detail: str) -> Proof:
    return Proof(Verdict.WRONG, detail)


def _undecidable(detail: str) -> Proof:
    return Proof(Verdict.UNDECIDABLE, detail)


_PROOFS: dict[str, Callable[[Sample, Sequence[Frames], Frames, Clip, Sequence[Frames]], Proof]] = {
    "grounding": lambda sample, shown, original, clip, donors: _prove_grounding(
        sample, shown, original, clip.timestamps_seconds, donors
    ),
    "counting": lambda sample, shown, original, clip, donors: _prove_counting(
        sample, shown, original
    ),
    "jigsaw": lambda sample, shown, original, clip, donors: _prove_jigsaw(sample, shown, original),
}
