"""The best of all answers that are the same for every question, to one part of an answer, found
from the right ones.

    interval      a right answer in seconds, or a share of the video on a grid of twentieths
    counts        the best number for each thing: the mean over things is largest where each is
    permutation   the most frequent one; by reward the best of all, an assignment of clips to places
    choice        the most frequent letter
    number        the best of the right ones: closeness has its peaks there
    text          none

All of it is exact but for intervals, where more distinct right answers than `_MOST_INTERVALS` are
drawn from (logged). By reward (`is_smooth`) counts and orders earn by how near they are; else as
benchmarks score them, by the share of counts that are right and by whole orders.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from rewards.answers import Answer, Choice, Counts, Interval, Number, Permutation
from rewards.parse import format_answer
from tasks.benchmarks.spans import Window
from tasks.core.seeding import generator

logger = logging.getLogger(__name__)

_SHARE_STEPS = 20
"""Constant intervals in shares begin and end at multiples of a twentieth of the video."""
_MOST_INTERVALS = 1000
"""Right answers in seconds that are tried: against 30,000 questions they take a second, and with so
many there is one near every good place."""
_MOST_CELLS = 2**21
"""Of a table of candidates and questions at a time: 16 MB."""
_EPSILON = 1e-9
"""As in `rewards.verify`."""


class Share(NamedTuple):
    """An interval in shares of the video's length."""

    start: float
    end: float

    def of(self, seconds: float) -> Interval:
        """In a video of that length."""
        return Interval(self.start * seconds, self.end * seconds)


class BestAnswer(NamedTuple):
    """The best answer, and what it scores on average over the questions that it was chosen on."""

    answer: Answer | Share
    mean_score: float


def best_plain(truths: Sequence[Answer], *, is_smooth: bool) -> BestAnswer | None:
    """Of anything but intervals; `truths` are at least one, of one type and equally long. None of
    words."""
    match truths[0]:
        case Counts():
            rows = [truth.values for truth in truths if isinstance(truth, Counts)]
            best = [_best_number(numbers, is_smooth) for numbers in zip(*rows, strict=True)]
            counts = tuple(round(number) for number, _ in best)
            return BestAnswer(Counts(counts), fmean(mean for _, mean in best))
        case Number():
            values = [truth.value for truth in truths if isinstance(truth, Number)]
            number, mean = _best_number(values, is_smooth)
            return BestAnswer(Number(number), mean)
        case Permutation() if is_smooth:
            return _best_order([t.positions for t in truths if isinstance(t, Permutation)])
        case Permutation() | Choice():
            number_of = Counter(truths)
            # Of equally frequent ones the first by its text.
            most = min(number_of, key=lambda answer: (-number_of[answer], format_answer(answer)))
            return BestAnswer(most, number_of[most] / len(truths))
    return None


def best_interval(
    windows: Sequence[Sequence[Window]], seconds: Sequence[float], seed: int
) -> BestAnswer:
    """In shares of the video where lengths are known, unless one in seconds is better.

    Args:
        windows: of each question, at least one; overlap with any of them counts.
        seconds: the lengths of the questions' videos; NaN where it is not known.
        seed: of what is drawn where there are too many candidates.
    """
    rows = list(zip(map(sorted, windows), seconds, strict=True))
    # One of unknown length says nothing about shares, so it is heard only if all are such.
    known = [row for row in rows if row[1] > 0]
    # Sorted, because sums of floats depend on their order, and equally good ones are decided by it.
    found = sorted(known or rows)
    most = max(len(own) for own, _ in found)
    # (questions, windows, 2): who has fewer windows than others has its last one several times.
    table = np.array([[*w, *w[-1:] * (most - len(w))] for w, _ in found], float)
    candidates = _right_intervals(table, seed)
    means = _mean_overlaps(candidates, table)
    in_seconds = BestAnswer(Interval(*candidates[means.argmax()].tolist()), float(means.max()))
    if not known:
        return in_seconds
    lengths = np.array([length for _, length in found])
    in_shares = _best_share(table / lengths[:, None, None])
    return max(in_shares, in_seconds, key=lambda best: best.mean_score)


def best_share(windows: Float[ndarray, "I 2"]) -> BestAnswer:
    """Of intervals in shares of the video, one for each question; overlap does not change with the
    scale."""
    # Sorted, because sums of floats depend on their order.
    return _best_share(windows[np.lexsort(windows.T), None])


def _best_share(windows: Float[ndarray, "I W 2"]) -> BestAnswer:
    grid = np.arange(_SHARE_STEPS + 1) / _SHARE_STEPS
    starts, ends = np.triu_indices(len(grid), k=1)
    shares = np.stack([grid[starts], grid[ends]], axis=1)
    means = _mean_overlaps(shares, windows)
    return BestAnswer(Share(*shares[means.argmax()].tolist()), float(means.max()))


def _right_intervals(windows: Float[ndarray, "I W 2"], seed: int) -> Float[ndarray, "C 2"]:
    """Those that differ, or as many of them as are tried."""
    distinct = np.unique(windows.reshape(-1, 2), axis=0)
    if len(distinct) <= _MOST_INTERVALS:
        return distinct
    logger.info(
        "best constant answer: %d of %d distinct intervals are tried (drawn by seed)",
        *(_MOST_INTERVALS, len(distinct)),
    )
    rng = generator(seed, "constant intervals")
    return distinct[np.sort(rng.choice(len(distinct), size=_MOST_INTERVALS, replace=False))]


def _best_number(values: Sequence[float], is_smooth: bool) -> tuple[float, float]:
    """Closeness to each right number falls in straight lines from its peak there, so the mean has
    its largest value at one of them."""
    distinct, number_of = np.unique(np.asarray(values, float), return_counts=True)
    if not is_smooth:
        best = int(number_of.argmax())
        return float(distinct[best]), float(number_of[best] / len(values))
    means = np.concatenate(
        [
            np.maximum(0, 1 - abs(tried[:, None] - distinct) / (abs(distinct) + _EPSILON))
            @ number_of
            / len(values)
            for tried in _chunks(distinct, len(distinct))
        ]
    )
    return float(distinct[means.argmax()]), float(means.max())


def _best_order(orders: Sequence[tuple[int, ...]]) -> BestAnswer:
    """The order with the least mean displacement, whether it is a right one or not: each number
    goes to a place, at the cost of its distances from its right places (an assignment)."""
    from scipy.optimize import linear_sum_assignment  # slow to load

    count = len(orders[0])
    right_places = np.argsort(np.asarray(orders), axis=1)  # (questions, numbers)
    distances = abs(np.arange(count) - right_places[..., None]).sum(axis=0)  # (numbers, places)
    numbers, places = linear_sum_assignment(distances)
    positions = (numbers + 1)[np.argsort(places)]
    displacement = distances[numbers, places].sum() / len(orders)
    # As `rewards.verify` scales it; an order of one has no other.
    mean = 1 - displacement / (count * count // 2) if count > 1 else 1.0
    return BestAnswer(Permutation(tuple(positions.tolist())), float(mean))


def _mean_overlaps(
    candidates: Float[ndarray, "C 2"], windows: Float[ndarray, "I W 2"]
) -> Float[ndarray, " C"]:
    """Of each candidate the mean over questions of its best overlap with a window."""
    means = []
    for tried in _chunks(candidates, windows.size // 2):
        starts, ends = tried[:, :1, None], tried[:, 1:, None]  # beside (questions, windows)
        shared = np.minimum(ends, windows[..., 1]) - np.maximum(starts, windows[..., 0])
        # Where two intervals overlap their hull is their union; where they do not, nothing is
        # shared. Two that are one and the same point have no hull.
        hull = np.maximum(ends, windows[..., 1]) - np.minimum(starts, windows[..., 0])
        overlaps = np.maximum(shared, 0) / np.maximum(hull, _EPSILON)
        means.append(overlaps.max(axis=2).mean(axis=1))
    return np.concatenate(means)


def _chunks(
    candidates: Float[ndarray, "C ..."], per_candidate: int
) -> Iterable[Float[ndarray, "N ..."]]:
    size = max(1, _MOST_CELLS // max(1, per_candidate))
    return (candidates[start : start + size] for start in range(0, len(candidates), size))
