"""Which frames stand for a video: pure arithmetic on the times at which its frames are shown.

Times are in seconds and ascending. Frames are chosen by time, never by index, so a variable frame
rate, a start other than zero and a wrong nominal rate do no harm.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import inf
from statistics import median

_LEAST_STEP_SECONDS = 0.001
"""Frames closer than this are one: time stamps are kept in whole milliseconds. Some packets hold no
picture of their own (hidden reference frames) and lie so close beside one that does."""
_TIE_SECONDS = 1e-6
"""Differences below this are rounding: a tie must not be broken one way here and the other way
there."""
_LOST_AFTER_STEPS = 0.5
"""A promised time with no frame within this many frame steps was lost: decoders may shift time
stamps a little."""


def frame_step_seconds(times: Sequence[float]) -> float:
    """Typical time between frames; 0 with fewer than two."""
    return median(later - earlier for earlier, later in pairwise(times)) if len(times) > 1 else 0.0


def duration_seconds(times: Sequence[float]) -> float:
    """From the start of the first frame to the end of the last."""
    return times[-1] - times[0] + frame_step_seconds(times) if times else 0.0


def span_frames(times: Sequence[float], *, edge_share: float) -> list[int]:
    """Indices of the distinct frames that are shown after the first and before the last
    `edge_share` of the time."""
    if not times:
        return []
    duration = duration_seconds(times)
    start, end = times[0] + duration * edge_share, times[0] + duration * (1 - edge_share)
    inside: list[int] = []
    for index, time in enumerate(times):
        is_distinct = not inside or time > times[inside[-1]] + _LEAST_STEP_SECONDS
        if start <= time <= end and is_distinct:
            inside.append(index)
    return inside


def choose_frames(times: Sequence[float], *, num_frames: int, edge_share: float) -> tuple[int, ...]:
    """Indices of `num_frames` distinct frames, each near the middle of one of as many equal parts
    of the span.

    Raises:
        ValueError: the span has fewer frames.
    """
    inside = span_frames(times, edge_share=edge_share)
    if len(inside) < num_frames:
        raise ValueError(f"{num_frames} frames wanted from a span of {len(inside)}")
    span_times = [times[index] for index in inside]
    start = times[0] + duration_seconds(times) * edge_share
    part = duration_seconds(times) * (1 - 2 * edge_share) / num_frames
    chosen: list[int] = []
    for number in range(num_frames):
        # At least one past the one before, and enough left for those to come.
        earliest, latest = chosen[-1] + 1 if chosen else 0, len(inside) - num_frames + number
        chosen.append(
            min(max(nearest(span_times, start + (number + 0.5) * part), earliest), latest)
        )
    return tuple(inside[position] for position in chosen)


def nearest(times: Sequence[float], time: float) -> int:
    """Index of the entry closest to `time`; the earlier of two."""
    after = bisect_left(times, time)
    if after in (0, len(times)):
        return min(after, len(times) - 1)
    is_later_closer = times[after] - time < time - times[after - 1] - _TIE_SECONDS
    return after if is_later_closer else after - 1


def lost_times(promised: Sequence[float], delivered: Sequence[float]) -> list[float]:
    """The times at which a frame was promised and none came; both ascending. One frame keeps one
    promise."""
    # Both lists ascend, so one walk pairs them: each promise takes the first frame near enough that
    # is not taken.
    tolerance = _LOST_AFTER_STEPS * frame_step_seconds(promised)
    lost: list[float] = []
    position = 0
    for time, following in pairwise([*promised, inf]):
        if following - time < _LEAST_STEP_SECONDS + _TIE_SECONDS:
            continue  # Two promises of one frame.
        while position < len(delivered) and delivered[position] < time - tolerance:
            position += 1
        if position < len(delivered) and delivered[position] <= time + tolerance:
            position += 1
        else:
            lost.append(time)
    return lost
