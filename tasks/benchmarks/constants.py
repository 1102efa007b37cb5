"""The best constant answer: the one that scores most if it is given to every question of a cell.

It needs no pixel, so what a model scores above it is the least that it must have seen. A question
that states how many clips or things it asks for is answered with as many, and times are shown to
whoever is asked, so questions are parted by the length of their answer, and an interval may be a
share of the video's length:

    interval      a right answer in seconds, or a share of the video on a grid of twentieths
    counts        the best number for each thing: the mean over things is largest where each is
    permutation   the most frequent one; by reward the best of all, an assignment of clips to places
    choice        the most frequent letter
    number        the best of the right ones: closeness has its peaks there
    text          none

Everything here is exact but for intervals, where more distinct right answers than
`_MOST_INTERVALS` are drawn from (logged).
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from rewards.answers import Answer, Choice, Counts, Interval, Number, Permutation
from rewards.parse import format_answer
from rewards.schema import SEPARATOR, Schema, read_schema, right_answers
from tasks.benchmarks.answer_space import length_seconds
from tasks.core.seeding import generator
from tasks.core.types import Clip, Sample

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


@dataclass(frozen=True)
class ConstantAnswer:
    """One answer to many questions, part by part (one part unless the schema has several)."""

    parts: tuple[Answer | Share, ...]

    def answers(self, seconds: float) -> tuple[Answer, ...]:
        """To a question about a video of that length."""
        return tuple(part.of(seconds) if isinstance(part, Share) else part for part in self.parts)

    def text(self, seconds: float) -> str:
        """As a model would write it."""
        return f"{SEPARATOR} ".join(map(format_answer, self.answers(seconds)))

    def __str__(self) -> str:
        """For people."""
        return f"{SEPARATOR} ".join(map(_words, self.parts))


@dataclass(frozen=True)
class BestConstant:
    """The best constant answer, and what it scores on the questions that it was chosen on."""

    answer: ConstantAnswer
    mean_score: float


class RightAnswer(NamedTuple):
    """Of one question, what a constant answer is held against."""

    parts: tuple[Answer, ...]
    seconds: float
    """Length of the video as shown; NaN if it is not known."""
    windows: tuple[tuple[float, float], ...] = ()
    """In the place of an interval: overlap with any of them counts."""


class AnswerCell(NamedTuple):
    """Questions that one constant answer fits: those of a cell whose answers are equally long."""

    pretext: str
    kind: str
    level: float
    answer_kind: str
    lengths: tuple[int, ...]
    """Of each part of the answer the number of its numbers; 0 for what is no list."""


def answer_cell(sample: Sample) -> AnswerCell:
    """Where the sample belongs."""
    parts = right_answers(sample.answer, _schema(sample.answer_kind))
    return AnswerCell(*sample.cell, sample.answer_kind, lengths_of(parts))


def lengths_of(parts: Iterable[Answer]) -> tuple[int, ...]:
    """See `AnswerCell.lengths`."""
    return tuple(map(_length, parts))


def right_answer_of(sample: Sample, clips: Mapping[str, Clip]) -> RightAnswer:
    """Of a sample on `clips` (by id); the length is that of the first video that it shows."""
    parts = right_answers(sample.answer, _schema(sample.answer_kind))
    seconds = length_seconds(sample, clips) if sample.views[0].clip_id in clips else np.nan
    return RightAnswer(parts, seconds)


def best_constants(
    samples: Iterable[Sample], clips: Mapping[str, Clip], seed: int = 0
) -> dict[AnswerCell, BestConstant]:
    """The best constant answer to each cell by smooth reward, chosen on these samples themselves;
    none where words are asked for.

    Args:
        samples: in any order, which decides nothing.
        clips: that they show, by id.
        seed: of what is drawn where there are too many candidates.
    """
    found: defaultdict[AnswerCell, list[RightAnswer]] = defaultdict(list)
    for sample in samples:
        found[answer_cell(sample)].append(right_answer_of(sample, clips))
    chosen = {
        cell: best_constant(found[cell], read_schema(cell.answer_kind), is_smooth=True, seed=seed)
        for cell in sorted(found)
    }
    return {cell: best for cell, best in chosen.items() if best is not None}


def best_constant(
    truths: Sequence[RightAnswer], schema: Schema, *, is_smooth: bool, seed: int
) -> BestConstant | None:
    """The best constant answer to questions with these right answers, equally long and at least
    one; None where words are asked for.

    `is_smooth`: counts and orders earn by how near they are, as in the rewards of training; else as
    benchmarks score them, by the share of counts that are right and by whole orders. Parts of an
    answer are rewarded independently, so each is chosen for itself.
    """
    parts: list[Answer | Share] = []
    total = 0.0
    for place, part in enumerate(schema):
        column = [truth.parts[place] for truth in truths]
        is_interval = isinstance(column[0], Interval)
        best = (
            _best_interval(truths, place, seed) if is_interval else _best_plain(column, is_smooth)
        )
        if best is None:
            return None
        parts.append(best[0])
        total += part.weight * best[1]
    return BestConstant(ConstantAnswer(tuple(parts)), total)


def best_share(windows: Float[ndarray, "I 2"]) -> tuple[Share, float]:
    """Of intervals in shares of the length, one for each question, the share with the best mean
    overlap, and that; overlap does not change with the scale."""
    # Sorted, because sums of floats depend on their order.
    windows = windows[np.lexsort(windows.T)]
    grid = _share_grid()
    means = _mean_overlaps(grid, windows[:, None])
    return Share(*grid[means.argmax()].tolist()), float(means.max())


def _best_plain(column: Sequence[Answer], is_smooth: bool) -> tuple[Answer | Share, float] | None:
    """Best answer and its mean score, of anything but intervals."""
    match column[0]:
        case Counts():
            rows = [truth.values for truth in column if isinstance(truth, Counts)]
            best = [_best_number(numbers, is_smooth) for numbers in zip(*rows, strict=True)]
            counts = tuple(round(number) for number, _ in best)
            return Counts(counts), fmean(mean for _, mean in best)
        case Number():
            values = [truth.value for truth in column if isinstance(truth, Number)]
            number, mean = _best_number(values, is_smooth)
            return Number(number), mean
        case Permutation() if is_smooth:
            return _best_order([t.positions for t in column if isinstance(t, Permutation)])
        case Permutation() | Choice():
            number_of = Counter(column)
            # Of equally frequent ones the first by its text.
            most = min(number_of, key=lambda answer: (-number_of[answer], format_answer(answer)))
            return most, number_of[most] / len(column)
    return None


def _best_number(values: Sequence[float], is_smooth: bool) -> tuple[float, float]:
    """Closeness to each right number falls in straight lines from its peak there, so the mean has
    its largest value at one of them."""
    distinct, number_of = np.unique(np.asarray(values, float), return_counts=True)
    if not is_smooth:
        # Not the mean over a table of right and wrong: there may be very many distinct ones.
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


def _best_order(orders: Sequence[tuple[int, ...]]) -> tuple[Answer, float]:
    """The order with the least mean displacement, whether it is a right one or not: each number
    goes to a place, at the cost of its distances from its right places (an assignment)."""
    from scipy.optimize import linear_sum_assignment  # a third of a second to load

    count = len(orders[0])
    right_places = np.argsort(np.asarray(orders), axis=1)  # (questions, numbers)
    distances = abs(np.arange(count) - right_places[..., None]).sum(axis=0)  # (numbers, places)
    numbers, places = linear_sum_assignment(distances)
    positions = (numbers + 1)[np.argsort(places)]
    displacement = distances[numbers, places].sum() / len(orders)
    # As `rewards.verify` scales it; an order of one has no other.
    mean = 1 - displacement / (count * count // 2) if count > 1 else 1.0
    return Permutation(tuple(positions.tolist())), float(mean)


def _best_interval(
    truths: Sequence[RightAnswer], place: int, seed: int
) -> tuple[Answer | Share, float]:
    """In shares of the video where all lengths are known, unless one in seconds is better."""
    # Sorted, because sums of floats depend on their order, and equally good ones are decided by it.
    found = sorted((_windows(truth, place), truth.seconds) for truth in truths)
    most = max(len(windows) for windows, _ in found)
    # (questions, windows, 2): who has fewer windows than others has its last one several times.
    table = np.array([[*w, *w[-1:] * (most - len(w))] for w, _ in found], float)
    candidates = np.unique(table.reshape(-1, 2), axis=0)
    if len(candidates) > _MOST_INTERVALS:
        logger.info(
            "best constant answer: %d of %d distinct intervals are tried (drawn by seed)",
            *(_MOST_INTERVALS, len(candidates)),
        )
        rng = generator(seed, "constant intervals")
        drawn = rng.choice(len(candidates), size=_MOST_INTERVALS, replace=False)
        candidates = candidates[np.sort(drawn)]
    means = _mean_overlaps(candidates, table)
    best, mean = Interval(*candidates[means.argmax()].tolist()), float(means.max())
    lengths = np.array([seconds for _, seconds in found])
    if not (np.isfinite(lengths) & (lengths > 0)).all():
        return best, mean
    grid = _share_grid()
    shares = _mean_overlaps(grid, table / lengths[:, None, None])
    if mean > shares.max():
        return best, mean
    return Share(*grid[shares.argmax()].tolist()), float(shares.max())


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


def _windows(truth: RightAnswer, place: int) -> list[tuple[float, float]]:
    own = truth.parts[place]
    assert isinstance(own, Interval)
    return sorted(truth.windows) or [(own.start_seconds, own.end_seconds)]


def _chunks(
    candidates: Float[ndarray, "C ..."], per_candidate: int
) -> Iterable[Float[ndarray, "N ..."]]:
    size = max(1, _MOST_CELLS // max(1, per_candidate))
    return (candidates[start : start + size] for start in range(0, len(candidates), size))


@cache
def _share_grid() -> Float[ndarray, "C 2"]:
    grid = np.arange(_SHARE_STEPS + 1) / _SHARE_STEPS
    starts, ends = np.triu_indices(len(grid), k=1)
    return np.stack([grid[starts], grid[ends]], axis=1)


@cache
def _schema(answer_kind: str) -> Schema:
    return read_schema(answer_kind)


def _length(answer: Answer) -> int:
    match answer:
        case Counts():
            return len(answer.values)
        case Permutation():
            return len(answer.positions)
    return 0


def _words(part: Answer | Share) -> str:
    if isinstance(part, Share):
        return f"{part.start:.2f}-{part.end:.2f} of the video"
    return format_answer(part)
