"""Colored marks: discs of different colors appear one after another; in which order, and when?

Two examples of a pretext task, made from what was there already (edits, answers, rewards): this
file and an entry of
`PRETEXTS` each. The answer of `marks` is plain, that of `timed_marks` has two parts. Both are off
unless
`perturb.pretexts` names them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rewards.answers import Interval, Permutation
from tasks.core.config import PerturbConfig
from tasks.core.edits import DrawEdit
from tasks.core.types import Clip, Sample
from tasks.perturb.difficulty import interpolate
from tasks.perturb.donors import Donor
from tasks.perturb.grounding import span_interval
from tasks.perturb.item import UnplannableError, build_sample, whole_view

_COLORS = {
    "red": (230, 30, 30),
    "green": (30, 200, 40),
    "blue": (40, 60, 230),
    "yellow": (240, 220, 30),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
_NUM_MARKS = (2, 3, 4, 5, 6)
_SIZE = (0.5, 0.4, 0.3, 0.25, 0.2)
"""Diameter as a share of the short side."""
_OPACITY = (1.0, 1.0, 1.0, 0.9, 0.7)
"""Each row is read like those of `tasks.perturb.difficulty`."""


@dataclass(frozen=True)
class OrderAndTime:
    """Answered as `21; 2.0-4.5`, and rewarded by half for each part."""

    order: Permutation
    when: Interval


class Marks:
    """Each mark is on one frame of its own; frames, places and the order are uniform."""

    name = "marks"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return ("colors",)

    def num_donors(self, kind: str) -> int:
        return 0

    def plan(
        self,
        clip: Clip,
        kind: str,
        level: float,
        rng: np.random.Generator,
        donors: Sequence[Donor] = (),
    ) -> Sample:
        count = _num_marks(clip, level)
        frames = np.sort(
            rng.choice(len(clip.timestamps_seconds), size=count, replace=False)
        ).tolist()
        order = rng.permutation(count).tolist()
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=(whole_view(clip, _marks(frames, order, level, rng)),),
            question=f"{_appear(count)} In which order? "
            f"Answer with {count} digits: the numbers of the colors from first to last.",
            answer=Permutation(tuple(mark + 1 for mark in order)),
        )


class TimedMarks(Marks):
    """All marks lie in a span of uniform length and uniform start, one on its first and one on its
    last frame."""

    name = "timed_marks"

    def plan(
        self,
        clip: Clip,
        kind: str,
        level: float,
        rng: np.random.Generator,
        donors: Sequence[Donor] = (),
    ) -> Sample:
        num_frames, count = len(clip.timestamps_seconds), _num_marks(clip, level)
        length = int(rng.integers(count, num_frames + 1))
        first = int(rng.integers(num_frames - length + 1))
        # Both ends bear a mark, so that the marks alone say where the span begins and ends.
        inner = rng.choice(np.arange(first + 1, first + length - 1), size=count - 2, replace=False)
        frames = [first, *np.sort(inner).tolist(), first + length - 1]
        order = rng.permutation(count).tolist()
        answer = OrderAndTime(
            order=Permutation(tuple(mark + 1 for mark in order)),
            when=span_interval(clip, first, first + length),
        )
        if answer.when.start_seconds >= answer.when.end_seconds:
            raise UnplannableError(
                "frames lie too close in time for an interval in tenths of seconds"
            )
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=(whole_view(clip, _marks(frames, order, level, rng)),),
            question=f"{_appear(count)} In which order, and in which part? Answer with the "
            "numbers of the colors from first to last; start-end in seconds, e.g. 21; "
            "2.0-4.5.",
            answer=answer,
        )


def _num_marks(clip: Clip, level: float) -> int:
    num_frames, count = len(clip.timestamps_seconds), round(interpolate(_NUM_MARKS, level))
    if num_frames < count:
        raise UnplannableError(f"{num_frames} frames do not show {count} marks one after another")
    return count


def _appear(count: int) -> str:
    numbered = ", ".join(f"{number} {name}" for number, name in enumerate(list(_COLORS)[:count], 1))
    return f"Discs of these colors appear in this video, each once: {numbered}."


def _marks(
    frames: Sequence[int], order: Sequence[int], level: float, rng: np.random.Generator
) -> tuple[DrawEdit, ...]:
    names = list(_COLORS)
    return tuple(
        _mark(frame, names[mark], level, rng) for frame, mark in zip(frames, order, strict=True)
    )


def _mark(frame: int, color: str, level: float, rng: np.random.Generator) -> DrawEdit:
    size = interpolate(_SIZE, level)
    x, y = rng.uniform(size / 2, 1 - size / 2, size=2).tolist()
    return DrawEdit(
        frame=frame,
        shape="circle",
        centre_x=round(x, 4),
        centre_y=round(y, 4),
        size=size,
        angle_degrees=0.0,
        color=_COLORS[color],
        opacity=interpolate(_OPACITY, level),
    )
