"""How sure a score is: standard errors and bootstrap intervals that know which items share a video, paired differences.

Items on one video are not independent, so videos are redrawn, never single items. A stratum is a part that counts
equally whatever its number of items, such as one VIUBench type.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

_RESAMPLES_AT_ONCE = 64
"""Of 5,000 videos and nine strata they take 23 MB."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The score of one item, and where it belongs."""

    score: float
    video: str
    """Items with the same name are redrawn together."""
    stratum: str = ""


@dataclass(frozen=True)
class Estimate:
    """A mean with how far to trust it."""

    mean: float
    se: float
    """Standard error over videos; infinite if all items are on one."""
    low: float
    """End of the bootstrap's 95 % interval."""
    high: float
    num_items: int
    num_videos: int = 0


@dataclass(frozen=True)
class Difference:
    """Mean gain of one model over another on the same items."""

    mean: float
    se: float
    num_items: int
    num_videos: int
    low: float = -math.inf
    """End of the bootstrap's 95 % interval."""
    high: float = math.inf

    @property
    def z(self) -> float:
        """The gain in standard errors; infinite for the same gain on every item, 0 for none."""
        if self.se == 0:
            return math.copysign(math.inf, self.mean) if self.mean else 0.0
        return self.mean / self.se


def estimate(
    items: Iterable[Scored],
    num_resamples: int,
    rng: np.random.Generator,
    weights: Mapping[str, float] | None = None,
) -> Estimate:
    """Weighted mean of the strata's means (equal weights unless given), with its standard error and interval.

    Raises:
        ValueError: there is no item.
    """
    table = _Table(list(items), weights)
    low, high = _interval(table, num_resamples, rng)
    return Estimate(
        mean=table.mean(), se=table.se(), low=low, high=high, num_items=table.num_items, num_videos=table.num_videos
    )


def mean_and_error(items: Iterable[Scored]) -> tuple[float, float]:
    """Mean of the strata's means and its standard error, where no interval is wanted.

    Raises:
        ValueError: there is no item.
    """
    table = _Table(list(items), None)
    return table.mean(), table.se()


def paired_difference(
    before: Mapping[str, Scored],
    after: Mapping[str, Scored],
    num_resamples: int,
    rng: np.random.Generator,
    weights: Mapping[str, float] | None = None,
) -> Difference:
    """Mean of the strata's mean gains; scores by item.

    Raises:
        ValueError: the two models were scored on different items, or on none.
    """
    if before.keys() != after.keys():
        raise ValueError(f"{len(before.keys() ^ after.keys())} items were scored for one of the two models only")
    gains = [
        Scored(score=after[item].score - before[item].score, video=after[item].video, stratum=after[item].stratum)
        for item in sorted(before)
    ]
    found = estimate(gains, num_resamples, rng, weights)
    return Difference(
        mean=found.mean,
        se=found.se,
        num_items=found.num_items,
        num_videos=found.num_videos,
        low=found.low,
        high=found.high,
    )


class _Table:
    """Sums and counts of scores by video (V rows) and stratum (S columns)."""

    def __init__(self, items: Sequence[Scored], weights: Mapping[str, float] | None) -> None:
        if not items:
            raise ValueError("expected at least one score, got none")
        strata = sorted({item.stratum for item in items})
        videos = {name: row for row, name in enumerate(sorted({item.video for item in items}))}
        column = {name: index for index, name in enumerate(strata)}
        self.sums: Float[ndarray, "V S"] = np.zeros((len(videos), len(strata)))
        self.counts: Float[ndarray, "V S"] = np.zeros_like(self.sums)
        for item in items:
            self.sums[videos[item.video], column[item.stratum]] += item.score
            self.counts[videos[item.video], column[item.stratum]] += 1
        shares = np.array([1.0 if weights is None else weights[name] for name in strata])
        self.weights: Float[ndarray, " S"] = shares / shares.sum()
        self.num_items, self.num_videos = len(items), len(videos)

    def mean(self) -> float:
        return float(self._stratum_means() @ self.weights)

    def se(self) -> float:
        """Of the mean, to first order: how much each video pulls at it, videos being independent."""
        if self.num_videos == 1:
            return math.inf
        pulls = (self.sums - self.counts * self._stratum_means()) / self.counts.sum(axis=0) @ self.weights
        return math.sqrt(self.num_videos / (self.num_videos - 1) * float(pulls @ pulls))

    def resampled_mean(self, rows: Int[ndarray, "R V"]) -> Float[ndarray, " R"]:
        """The mean for R choices of videos; a stratum that a choice misses is left out of its mean."""
        sums, counts = self.sums[rows].sum(axis=1), self.counts[rows].sum(axis=1)
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        return np.asarray((means @ self.weights) / ((counts > 0) @ self.weights))

    def _stratum_means(self) -> Float[ndarray, " S"]:
        return np.asarray(self.sums.sum(axis=0) / self.counts.sum(axis=0))


def _interval(table: _Table, num_resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile bootstrap over videos, widened for few of them; unbounded for a single one."""
    from scipy import stats

    if table.num_videos == 1:
        return -math.inf, math.inf
    resampled: Callable[..., Float[ndarray, " R"]] = lambda rows, axis: table.resampled_mean(np.atleast_2d(rows))  # noqa: E731
    found = stats.bootstrap(
        (np.arange(table.num_videos),),
        resampled,
        vectorized=True,
        n_resamples=num_resamples,
        batch=_RESAMPLES_AT_ONCE,
        confidence_level=_widened(0.95, table.num_videos),
        method="percentile",
        rng=rng,
    )
    low, high = found.confidence_interval
    return float(low), float(high)


def _widened(confidence: float, num_videos: int) -> float:
    """Percentiles whose normal interval has the width of Student's t.

    Plain ones are too narrow by sqrt((n - 1) / n) and by the normal's tails (Hesterberg 2015, "What teachers should
    know about the bootstrap").
    """
    from scipy import stats

    quantile = stats.t.ppf((1 + confidence) / 2, num_videos - 1) * math.sqrt(num_videos / (num_videos - 1))
    return float(2 * stats.norm.cdf(quantile) - 1)
