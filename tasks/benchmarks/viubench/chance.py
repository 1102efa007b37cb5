"""What guessing scores on VIUBench, by type: exactly, so that a model's score can be held against
it."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from rewards.answers import Interval
from tasks.benchmarks.answer_space import IntervalSpace, Moments, answer_space, right_answer
from tasks.benchmarks.best_answers import BestAnswer, best_plain, best_share
from tasks.core.types import Clip, Sample
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type


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
        se=math.sqrt(sum(found.se**2 for found in types)) / len(types),
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
    best = best_share(np.asarray(shares)) if shares else _most_frequent(items)
    variance = fmean(found.mean_square for found in moments) - mean**2
    return Chance(
        mean=mean,
        # Rounding can take it below 0 where all scores are equal.
        se=math.sqrt(max(0.0, variance) / len(items)),
        best_constant=best.mean_score,
        num_items=len(items),
    )


def _most_frequent(items: Sequence[Sample]) -> BestAnswer:
    """Of orders the most frequent one; of counts each shape's own most frequent number."""
    best = best_plain([right_answer(item) for item in items], is_smooth=False)
    assert best is not None
    return best
