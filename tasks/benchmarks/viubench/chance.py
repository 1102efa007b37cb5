"""What guessing scores on VIUBench, by type: exactly, so that a model's score can be held against
it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean

import numpy as np

from rewards.answers import Interval
from tasks.benchmarks.answer_space import IntervalSpace, Moments, answer_space, right_answer
from tasks.core.types import Clip, Sample
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type

_CONSTANT_STEPS = 20
"""Constant guesses of an interval begin and end at multiples of a twentieth of the video."""


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What guessing scores on one type, or on all."""

    mean: float
    """Expected score of an answer drawn uniformly from the valid ones."""
    se: float
    """Standard error of a run with one drawn answer for each item: what is within it is luck."""
    best_constant: float
    """Score of the best answer that is the same for every item (a share of the length for
    intervals)."""
    num_items: int


def chance_by_type(items: Sequence[Sample], clips: Mapping[str, Clip]) -> dict[str, Chance]:
    """In the order of `VIUBENCH_TYPES`; types without an item are left out."""
    members: defaultdict[str, list[Sample]] = defaultdict(list)
    for item in items:
        members[viubench_type(item)].append(item)
    return {name: _chance(members[name], clips) for name in VIUBENCH_TYPES if members[name]}


def chance_overall(by_type: Mapping[str, Chance]) -> Chance:
    """Types count equally, as in the benchmark's own mean."""
    types = list(by_type.values())
    return Chance(
        mean=fmean(found.mean for found in types),
        # Types are guessed independently, so the variances of their means add up.
        se=sqrt(sum(found.se**2 for found in types)) / len(types),
        best_constant=fmean(found.best_constant for found in types),
        num_items=sum(found.num_items for found in types),
    )


def _chance(items: Sequence[Sample], clips: Mapping[str, Clip]) -> Chance:
    moments: list[Moments] = []
    shares: list[tuple[float, float]] = []
    for item in items:
        space, truth = answer_space(item, clips), right_answer(item)
        moments.append(space.moments(truth))
        if isinstance(space, IntervalSpace) and isinstance(truth, Interval):
            # Ticks are tenths of a second.
            length = space.last_tick / 10
            shares.append((truth.start_seconds / length, truth.end_seconds / length))
    mean = fmean(found.mean for found in moments)
    variance = fmean(found.mean_square for found in moments) - mean**2
    return Chance(
        mean=mean,
        # Rounding can take it below 0 where all scores are equal.
        se=sqrt(max(0.0, variance) / len(items)),
        best_constant=_best_interval(shares) if shares else _most_common(items),
        num_items=len(items),
    )


def _most_common(items: Sequence[Sample]) -> float:
    """Of orders the share of the most common one; of counts each shape's own most common number."""
    parts = [item.answer.split(",") for item in items]
    return fmean(max(Counter(column).values()) / len(items) for column in zip(*parts, strict=True))


def _best_interval(shares: Sequence[tuple[float, float]]) -> float:
    """Best mean overlap of one interval in shares of the length; overlap does not change with the
    scale."""
    # Items stand along the second axis (1, items, 2) and guesses along the first (guesses, 1), so
    # everything below is (guesses, items).
    truth = np.asarray(shares)[None]
    grid = np.linspace(0, 1, _CONSTANT_STEPS + 1)
    starts, ends = (grid[index][:, None] for index in np.triu_indices(len(grid), k=1))
    shared = np.minimum(ends, truth[..., 1]) - np.maximum(starts, truth[..., 0])
    hull = np.maximum(ends, truth[..., 1]) - np.minimum(starts, truth[..., 0])
    return float((np.maximum(shared, 0.0) / hull).mean(axis=1).max())
