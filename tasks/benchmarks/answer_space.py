"""The valid answers of a VIUBench item or a published question, and what one drawn from them
uniformly is worth.

    choice, text  the letters or the options that the question names
    interval      start < end on tenths of a second, from 0 to the end of the video
    counts        1 to frames x shapes of the type for each of the three shapes (an item holds at
                  least one of each)
    permutation   every order of the clips, the right one included

Expected scores are exact: counted or enumerated, not drawn.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rewards.answers import Answer, AnswerKind, Choice, Counts, Interval, Permutation, Text
from rewards.parse import parse_answer
from tasks.core.types import Clip, Sample
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type
from tasks.video.render import mean_frame_step_seconds, view_timestamps

_TICKS_PER_SECOND = 10
"""Intervals are asked for, planned and drawn in tenths of a second."""


@dataclass(frozen=True)
class Moments:
    """Mean of a score and of its square when the answer is drawn uniformly."""

    mean: float
    mean_square: float


class AnswerSpace(Protocol):
    """All valid answers of one item."""

    @property
    def size(self) -> int: ...

    def draw(self, rng: np.random.Generator) -> Answer:
        """One of them, each as likely as any other."""
        ...

    def moments(self, truth: Answer) -> Moments:
        """Of the item's VIUBench score: overlap, share of counts that are right, right or wrong
        order."""
        ...


@dataclass(frozen=True)
class IntervalSpace:
    """Intervals on a grid from 0 to `last_tick`."""

    last_tick: int

    @property
    def size(self) -> int:
        # Pairs of start < end among last_tick + 1 ticks.
        return self.last_tick * (self.last_tick + 1) // 2

    def draw(self, rng: np.random.Generator) -> Answer:
        one, other = int(rng.integers(self.last_tick + 1)), int(rng.integers(self.last_tick))
        other += other >= one  # a tick that is not `one`, each as likely
        start, end = sorted((one, other))
        return Interval(start / _TICKS_PER_SECOND, end / _TICKS_PER_SECOND)

    def moments(self, truth: Answer) -> Moments:
        assert isinstance(truth, Interval)
        ticks = np.arange(self.last_tick + 1) / _TICKS_PER_SECOND
        total, total_square = 0.0, 0.0
        for index, start in enumerate(
            ticks[:-1]
        ):  # All pairs at once would take gigabytes for a long video.
            ends = ticks[index + 1 :]
            shared = np.minimum(ends, truth.end_seconds) - max(start, truth.start_seconds)
            # Where two intervals overlap, their hull is their union; where they do not, nothing is
            # shared, and the hull is merely not 0.
            hull = np.maximum(ends, truth.end_seconds) - min(start, truth.start_seconds)
            overlap = np.maximum(shared, 0.0) / hull
            total, total_square = (
                total + float(overlap.sum()),
                total_square + float((overlap**2).sum()),
            )
        return Moments(total / self.size, total_square / self.size)


@dataclass(frozen=True)
class CountsSpace:
    """`num_shapes` numbers from 1 to `most`."""

    num_shapes: int
    most: int

    @property
    def size(self) -> int:
        return math.prod([self.most] * self.num_shapes)

    def draw(self, rng: np.random.Generator) -> Answer:
        return Counts(tuple(rng.integers(1, self.most + 1, size=self.num_shapes).tolist()))

    def moments(self, truth: Answer) -> Moments:
        right = 1 / self.most  # of each count, whatever the others are
        # The squared mean, plus the variance of a mean of independent right-or-wrong counts.
        return Moments(right, right**2 + right * (1 - right) / self.num_shapes)


@dataclass(frozen=True)
class OptionSpace:
    """One of a few answers."""

    options: tuple[Choice | Text, ...]

    @property
    def size(self) -> int:
        return len(self.options)

    def draw(self, rng: np.random.Generator) -> Answer:
        return self.options[int(rng.choice(self.size))]

    def moments(self, truth: Answer) -> Moments:
        return Moments(1 / self.size, 1 / self.size)


@dataclass(frozen=True)
class PermutationSpace:
    """The orders of `count` clips."""

    count: int

    @property
    def size(self) -> int:
        return math.factorial(self.count)

    def draw(self, rng: np.random.Generator) -> Answer:
        return Permutation(tuple((rng.permutation(self.count) + 1).tolist()))

    def moments(self, truth: Answer) -> Moments:
        return Moments(1 / self.size, 1 / self.size)


def answer_space(sample: Sample, clips: Mapping[str, Clip]) -> AnswerSpace:
    """The valid answers of a VIUBench item.

    Raises:
        ValueError: the sample is of no VIUBench type, or its clip is unknown.
    """
    return space_of(sample, viubench_type(sample), lambda: _length_seconds(sample, clips))


def space_of(sample: Sample, kind: str, length_seconds: Callable[[], float]) -> AnswerSpace:
    """The valid answers of any question; `kind` is its VIUBench type if it counts, `length_seconds`
    its video's length.

    Raises:
        ValueError: none are known for such a question.
    """
    match sample.answer_kind:
        case AnswerKind.CHOICE if sample.benchmark:
            return OptionSpace(tuple(map(Choice, sample.benchmark.letters)))
        case AnswerKind.TEXT if sample.benchmark and sample.benchmark.options:
            return OptionSpace(tuple(map(Text, sample.benchmark.options)))
        case AnswerKind.COUNTS:
            truth = right_answer(sample)
            assert isinstance(truth, Counts)
            return CountsSpace(len(truth.values), VIUBENCH_TYPES[kind].most_of_each)
        case AnswerKind.PERMUTATION:
            truth = right_answer(sample)
            assert isinstance(truth, Permutation)
            return PermutationSpace(len(truth.positions))
        case AnswerKind.INTERVAL:
            # One tick at least, or there would be no interval to draw.
            return IntervalSpace(max(1, round(length_seconds() * _TICKS_PER_SECOND)))
    raise ValueError(
        f"sample {sample.sample_id}: no valid answers are known of the kind {sample.answer_kind!r}"
    )


def expected_score(sample: Sample) -> float | None:
    """Of a drawn answer to a benchmark's question; None for intervals, where it depends on the
    video's length."""
    if sample.answer_kind == AnswerKind.INTERVAL:
        return None
    space = space_of(sample, sample.kind, lambda: 0.0)
    return space.moments(right_answer(sample)).mean


def right_answer(sample: Sample) -> Answer:
    """The sample's own answer, typed."""
    truth = parse_answer(sample.answer, AnswerKind(sample.answer_kind))
    assert truth is not None, (
        f"sample {sample.sample_id} has the unreadable answer {sample.answer!r}"
    )
    return truth


def _length_seconds(sample: Sample, clips: Mapping[str, Clip]) -> float:
    """To the end of the last frame, as planning has it: one mean step after the frame's own
    time."""
    view = sample.views[0]
    if view.clip_id not in clips:
        raise ValueError(
            f"sample {sample.sample_id} shows clip {view.clip_id}, which is not among the clips"
        )
    clip = clips[view.clip_id]
    return view_timestamps(view, clip)[-1] + mean_frame_step_seconds(clip)
