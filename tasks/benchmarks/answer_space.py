"""The valid answers of a VIUBench item or a published question, and what one drawn from them
uniformly is worth.

    choice, text  the letters or the options that the question names
    interval      start < end on tenths of a second, from 0 to the end of the video
    counts        1 to frames x shapes of the type for each of the three shapes (an item holds at
                  least one of each)
    permutation   every order of the clips, the right one included

Expected scores are exact: counted, not drawn. They are of the score of VIUBench and of published
questions (`moments`), and of the smooth reward of training (`expected_reward`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import numpy as np
from jaxtyping import Float
from numpy import ndarray

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

    def expected_reward(self, truth: Answer) -> float:
        """Mean of the smooth reward, in which counts and orders earn by how near they are."""
        ...


@dataclass(frozen=True)
class IntervalSpace:
    """Intervals on a grid from 0 to `last_tick`."""

    last_tick: int

    @classmethod
    def of_length(cls, seconds: float) -> "IntervalSpace":
        """In a video of that length; with one tick at least, or there would be no interval to
        draw."""
        return cls(max(1, round(seconds * _TICKS_PER_SECOND)))

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
        return Moments(self._sum(truth, 1) / self.size, self._sum(truth, 2) / self.size)

    def expected_reward(self, truth: Answer) -> float:
        return self.moments(truth).mean

    def _sum(self, truth: Interval, power: int) -> float:
        """Of all overlaps with `truth`, raised to a power; in time linear in the video's length."""
        start, end = truth.start_seconds, truth.end_seconds
        ticks = np.arange(self.last_tick + 1) / _TICKS_PER_SECOND
        before, after = ticks[ticks <= start], ticks[ticks >= end]
        inside = ticks[(ticks > start) & (ticks < end)]
        if not start < end:
            return 0.0
        # An interval begins before the right one or inside it, and ends inside it or after: else
        # nothing is shared. Where one end lies inside, sums over beginnings and over ends part.
        begins_before = ((inside - start) ** power).sum() * ((end - before) ** -power).sum()
        ends_after = ((end - inside) ** power).sum() * ((after - start) ** -power).sum()
        lengths = np.arange(1, max(1, len(inside))) / _TICKS_PER_SECOND
        # So many pairs of ticks inside are that far apart.
        number_of = np.arange(len(inside) - 1, 0, -1)
        inner = (lengths / (end - start)) ** power @ number_of
        return float(begins_before + ends_after + inner + _around(before, after, start, end, power))


@dataclass(frozen=True)
class CountsSpace:
    """`num_shapes` numbers from `least` to `most`."""

    num_shapes: int
    most: int
    least: int = 1

    @property
    def size(self) -> int:
        return math.prod([self._range] * self.num_shapes)

    def draw(self, rng: np.random.Generator) -> Answer:
        drawn = rng.integers(self.least, self.most + 1, size=self.num_shapes)
        return Counts(tuple(drawn.tolist()))

    def moments(self, truth: Answer) -> Moments:
        right = 1 / self._range  # of each count, whatever the others are
        # The squared mean, plus the variance of a mean of independent right-or-wrong counts.
        return Moments(right, right**2 + right * (1 - right) / self.num_shapes)

    def expected_reward(self, truth: Answer) -> float:
        assert isinstance(truth, Counts)
        return fmean(self._closeness(value) for value in truth.values) / self._range

    @property
    def _range(self) -> int:
        return self.most - self.least + 1

    def _closeness(self, right: int) -> float:
        """Sum over all numbers of how near each is: v / right up to the right one, 2 - v / right
        from there to twice as many."""
        if right == 0:
            return float(self.least == 0)
        below, above = min(right, self.most), min(2 * right, self.most)
        first = max(right, self.least - 1)
        num_above = max(0, above - first)
        sum_below = (below + self.least) * max(0, below - self.least + 1) / 2
        sum_above = (above + first + 1) * num_above / 2
        return 2 * num_above + (sum_below - sum_above) / right


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

    def expected_reward(self, truth: Answer) -> float:
        return 1 / self.size


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

    def expected_reward(self, truth: Answer) -> float:
        """Two places drawn independently are (n^2 - 1) / 3n apart on average, and n of them make up
        the displacement that the reward is scaled by (`rewards.verify`)."""
        count = self.count
        return 1 - (count**2 - 1) / 3 / (count * count // 2) if count > 1 else 1.0


def answer_space(sample: Sample, clips: Mapping[str, Clip]) -> AnswerSpace:
    """The valid answers of a VIUBench item.

    Raises:
        ValueError: the sample is of no VIUBench type, or its clip is unknown.
    """
    return space_of(sample, viubench_type(sample), lambda: length_seconds(sample, clips))


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
            return IntervalSpace.of_length(length_seconds())
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


def length_seconds(sample: Sample, clips: Mapping[str, Clip]) -> float:
    """Of the first video that a sample shows, to the end of its last frame, as planning has it: one
    mean step after the frame's own time.

    Raises:
        ValueError: its clip is unknown.
    """
    view = sample.views[0]
    if view.clip_id not in clips:
        raise ValueError(
            f"sample {sample.sample_id} shows clip {view.clip_id}, which is not among the clips"
        )
    clip = clips[view.clip_id]
    return view_timestamps(view, clip)[-1] + mean_frame_step_seconds(clip)


def _around(
    before: Float[ndarray, " N"],
    after: Float[ndarray, " M"],
    start: float,
    end: float,
    power: int,
) -> float:
    """Of intervals from a tick of `before` to one of `after`, which hold the right one: the sum of
    their overlaps with it, raised to a power."""
    if not len(after):
        return 0.0
    steps = np.arange(len(before) + len(after) - 1)
    lengths = after[0] - before[-1] + steps / _TICKS_PER_SECOND
    # So many pairs of ticks are that far apart: first ever more, then as many as there are in the
    # smaller part, then ever fewer.
    number_of = np.minimum(steps + 1, np.minimum(steps[::-1] + 1, min(len(before), len(after))))
    return float(((end - start) / lengths) ** power @ number_of)
