"""In which runs of packets the wanted frames are read: pure arithmetic on the table of packets.

A cost is a number of frames to decode, never a measured time, so that the same file is read the same way everywhere.
"""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice

from tasks.video.probe import Packets

CHECKED_FRAMES = 4
"""Pictures after the second key frame that must be the same after a seek as without one."""
_SEEK_FRAMES = 3
"""What finding a place in the file costs, in frames decoded."""
_LEAST_GAIN = 0.95
"""Seeking is chosen if it costs at most this share of one pass: an even choice goes to the simpler way."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Packets to be read one after the other. Positions count packets in the order of decoding."""

    start: int
    """A key frame."""
    wanted: frozenset[int]
    """Positions whose pictures are kept; the last of them ends the run."""

    @property
    def stop(self) -> int:
        return max(self.wanted) + 1


def plan_reading(packets: Packets, wanted: Collection[int], *, may_seek: bool = True) -> tuple[Run, ...]:
    """One run from the start, or several, each from a key frame; `wanted` are positions."""
    one_pass = Run(start=0, wanted=frozenset(wanted))
    if not may_seek:
        return (one_pass,)
    runs = _runs(packets, wanted)
    cost = sum(run.stop - run.start + _SEEK_FRAMES for run in runs) + _cost_of_check(packets)
    return runs if needs_seek(runs) and cost <= _LEAST_GAIN * one_pass.stop else (one_pass,)


def needs_seek(runs: Collection[Run]) -> bool:
    """Whether a run starts elsewhere than at the start of the file."""
    return any(run.start > 0 for run in runs)


def check_runs(packets: Packets) -> tuple[Run, Run]:
    """The same pictures twice, decoded from the start and after a seek to the second key frame."""
    second = packets.keys[1]
    positions = range(second, len(packets.stamps))
    trailing = (position for position in positions if packets.stamps[position] >= packets.stamps[second])
    wanted = frozenset(islice(trailing, CHECKED_FRAMES))
    return Run(start=0, wanted=wanted), Run(start=second, wanted=wanted)


def _cost_of_check(packets: Packets) -> int:
    return packets.keys[1] + 2 * CHECKED_FRAMES + _SEEK_FRAMES if len(packets.keys) > 1 else 0


def _runs(packets: Packets, wanted: Collection[int]) -> tuple[Run, ...]:
    runs: list[Run] = []
    for position in sorted(wanted):
        start = _start(packets, position)
        if runs and start - max(runs[-1].wanted) <= _SEEK_FRAMES:
            # A leading picture may need an earlier key frame than the one decoded before it.
            start, before = min(start, runs[-1].start), runs.pop().wanted
            runs.append(Run(start=start, wanted=before | {position}))
        else:
            runs.append(Run(start=start, wanted=frozenset({position})))
    return tuple(runs)


def _start(packets: Packets, position: int) -> int:
    """The last key frame from which the picture is sure to come out right.

    Pictures that are decoded after a key frame and shown before it (the leading ones of an open group) may need what
    stands before the key frame: they are reached from an earlier one.
    """
    index = bisect_right(packets.keys, position) - 1
    while index > 0 and packets.stamps[packets.keys[index]] > packets.stamps[position]:
        index -= 1
    return packets.keys[index]
