"""How sure a score is: standard errors, bootstrap intervals and paired differences, all stratified.

A stratum is a part that counts equally whatever its number of items, such as one VIUBench type.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Strata = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Estimate:
    """A mean with how far to trust it."""

    mean: float
    se: float
    """Standard error over items; infinite when a stratum has one item only."""
    low: float
    """End of the bootstrap's 95 % interval."""
    high: float
    num_items: int


@dataclass(frozen=True)
class Difference:
    """Mean gain of one model over another on the same items."""

    mean: float
    se: float
    num_items: int

    @property
    def z(self) -> float:
        """The gain in standard errors; infinite for the same gain on every item, 0 for none."""
        if self.se == 0:
            return math.copysign(math.inf, self.mean) if self.mean else 0.0
        return self.mean / self.se


def estimate(strata: Strata, num_resamples: int, rng: np.random.Generator) -> Estimate:
    """Mean of the strata's means, with its standard error and interval.

    Raises:
        ValueError: there is no stratum, or an empty one.
    """
    mean, se = _mean_and_error(strata)
    low, high = bootstrap_interval(strata, num_resamples, rng)
    return Estimate(mean=mean, se=se, low=low, high=high, num_items=sum(map(len, strata.values())))


def paired_difference(
    before: Mapping[str, float], after: Mapping[str, float], stratum_of: Mapping[str, str]
) -> Difference:
    """Mean of the strata's mean gains; scores and strata by item.

    Raises:
        ValueError: the two models were scored on different items, or on none.
    """
    if before.keys() != after.keys():
        raise ValueError(f"{len(before.keys() ^ after.keys())} items were scored for one of the two models only")
    gains: dict[str, list[float]] = {}
    for item in sorted(before):
        gains.setdefault(stratum_of[item], []).append(after[item] - before[item])
    mean, se = _mean_and_error(gains)
    return Difference(mean=mean, se=se, num_items=len(before))


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of `values`: sample standard deviation / sqrt(n); infinite for a single value."""
    return float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def bootstrap_interval(
    strata: Strata, num_resamples: int, rng: np.random.Generator, confidence: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of the mean of means, items redrawn within their stratum."""
    means: NDArray[np.float64] = np.zeros(num_resamples)
    for name in sorted(strata):
        values = np.asarray(strata[name], dtype=np.float64)
        # One resample at a time: all at once would take resamples x items of memory.
        means += [rng.choice(values, len(values)).mean() for _ in range(num_resamples)]
    low, high = np.quantile(means / len(strata), [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _mean_and_error(strata: Strata) -> tuple[float, float]:
    empty = [name for name, values in strata.items() if not len(values)]
    if not strata or empty:
        raise ValueError(f"expected at least one score in each stratum, got none{' in ' if empty else ''}{empty or ''}")
    mean = sum(float(np.mean(values)) for values in strata.values()) / len(strata)
    variance = sum(standard_error(values) ** 2 for values in strata.values()) / len(strata) ** 2
    return mean, math.sqrt(variance)
