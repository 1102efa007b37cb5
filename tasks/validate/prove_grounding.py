"""Grounding: the frames that differ from the clip's must make up the answered interval, and undoing restores them."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rewards.answers import Interval
from rewards.parse import format_answer
from tasks.core.types import Sample
from tasks.validate.verdict import Proof, proved, undecidable, wrong
from tasks.validate.zoom import is_zoomed_out
from tasks.video.frames import Frames


def prove_grounding(
    sample: Sample, shown: Sequence[Frames], original: Frames, timestamps_seconds: Sequence[float]
) -> Proof:
    """`original`: all frames (F, H, W, 3) of the clip with their times."""
    frames = shown[0]
    changed = np.flatnonzero(np.any(frames != original, axis=(1, 2, 3)))
    first, stop = (int(changed[0]), int(changed[-1]) + 1) if len(changed) else (len(frames), 0)
    spans = [
        (start_frame, stop_frame)
        for start_frame, stop_frame in _spans_of(sample.answer, timestamps_seconds)
        if start_frame <= first and stop <= stop_frame
    ]
    if not spans:
        return wrong(f"pixels say frames [{first}, {stop}), which is not {sample.answer}")
    undoes = _UNDOES.get(sample.kind)
    if undoes is None:
        return undecidable(f"no way to undo {sample.kind!r} is known; the interval fits")
    fitting = [span for span in spans if undoes(original[slice(*span)], frames[slice(*span)])]
    if not fitting:
        return wrong(f"undoing {sample.kind} in {sample.answer} does not give the clip's frames back")
    if (first, stop) not in fitting:
        return undecidable(f"some frames of {sample.answer} look the same after {sample.kind}")
    return proved()


def _spans_of(answer: str, timestamps_seconds: Sequence[float]) -> Iterator[tuple[int, int]]:
    """Every span of frames whose interval is written as `answer` (several if frames are closer than 0.1 s)."""
    count = len(timestamps_seconds)
    mean_step = timestamps_seconds[-1] / max(1, count - 1)
    ends = [*timestamps_seconds, timestamps_seconds[-1] + mean_step]
    for start_frame in range(count):
        for stop_frame in range(start_frame + 1, count + 1):
            if format_answer(Interval(ends[start_frame], ends[stop_frame])) == answer:
                yield start_frame, stop_frame


def _is_grayscale_of(original: Frames, shown: Frames) -> bool:
    """All channels equal and at most two levels from the luma of ITU-R BT.601."""
    luma = original @ np.array([0.299, 0.587, 0.114])
    return bool(np.all(shown == shown[..., :1]) and np.all(np.abs(shown[..., 0] - luma) <= 2))


def _is_reordering_of(original: Frames, shown: Frames) -> bool:
    """The same frames, each shown where an equal one was not, unless it has a twin in the span."""
    before, after = [frame.tobytes() for frame in original], [frame.tobytes() for frame in shown]
    stayed = [b for b, a in zip(before, after, strict=True) if a == b]
    return sorted(before) == sorted(after) and all(before.count(frame) > 1 for frame in stayed)


_UNDOES: dict[str, Callable[[Frames, Frames], bool]] = {
    "channel_swap": lambda original, shown: np.array_equal(shown[..., ::-1], original),
    "grayscale": _is_grayscale_of,
    "invert": lambda original, shown: np.array_equal(255 - shown, original),
    "mirror": lambda original, shown: np.array_equal(shown[:, :, ::-1], original),
    "rotate_180": lambda original, shown: np.array_equal(shown[:, ::-1, ::-1], original),
    "shuffle": _is_reordering_of,
    "zoom_out": is_zoomed_out,
}
