"""Grounding: the altered frames of the answered interval must be explained by what the question names.

Frames altered elsewhere are allowed (a second span of another kind) if what the question names does not explain them.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from rewards.answers import Interval
from rewards.parse import format_answer
from tasks.core.types import Sample
from tasks.validate.explain import EXPLAINS, are_lent
from tasks.validate.verdict import Proof, proved, undecidable, wrong
from tasks.video.frames import Frames

Span = tuple[int, int]


def prove_grounding(
    sample: Sample,
    shown: Sequence[Frames],
    original: Frames,
    timestamps_seconds: Sequence[float],
    donors: Sequence[Frames] = (),
) -> Proof:
    """`original`: all frames (F, H, W, 3) of the clip with their times; `donors`: those of clips it may borrow from."""
    frames, kind = shown[0], sample.kind
    changed = np.any(frames != original, axis=(1, 2, 3))
    spans = [span for span in _spans_of(sample.answer, timestamps_seconds) if not _goes_on(changed, span)]
    if not spans:
        return wrong(f"pixels say frames {_runs(changed)}, which is not {sample.answer}")

    def explains(start_frame: int, stop_frame: int) -> bool:
        part, plain = frames[start_frame:stop_frame], original[start_frame:stop_frame]
        return are_lent(part, donors) if kind == "other_video" else EXPLAINS[kind](plain, part)

    if kind not in EXPLAINS and kind != "other_video":
        return undecidable(f"no way to undo {kind!r} is known; the interval fits")
    fitting = [span for span in spans if explains(*span)]
    if not fitting:
        return wrong(f"{kind} does not explain frames {_runs(changed)} as {sample.answer}")
    if not any(_is_clear(changed, span, kind, frames) for span in fitting):
        return undecidable(f"some frames of {sample.answer} look the same after {kind}")
    elsewhere = [run for run in _runs(changed) if not any(a <= run[0] and run[1] <= b for a, b in fitting)]
    if any(explains(*run) for run in elsewhere):
        return undecidable(f"{kind} explains the frames {elsewhere}, too")
    return proved()


def _spans_of(answer: str, timestamps_seconds: Sequence[float]) -> Iterator[Span]:
    """Every span of frames whose interval is written as `answer` (several if frames are closer than 0.1 s)."""
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
        [number for number, _ in run] for is_changed, run in groupby(enumerate(changed), lambda x: x[1]) if is_changed
    ]
    return [(run[0], run[-1] + 1) for run in numbers]


def _goes_on(changed: NDArray[np.bool_], span: Span) -> bool:
    """Whether the alteration reaches beyond the span."""
    return bool(changed[span[0] - 1 : span[0]].any() or changed[span[1] : span[1] + 1].any())


def _is_clear(changed: NDArray[np.bool_], span: Span, kind: str, frames: Frames) -> bool:
    """Whether the altered frames make up the span: the first and the last are altered.

    A picture that stands still alters all but its first frame; the frame before must be another one.
    """
    start_frame, stop_frame = span
    if kind == "hold":
        begins = start_frame == 0 or not np.array_equal(frames[start_frame - 1], frames[start_frame])
        return begins and bool(changed[stop_frame - 1])
    return bool(changed[start_frame] and changed[stop_frame - 1])
