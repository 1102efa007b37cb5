"""How often do 95 % intervals hold the true mean? Rewards whose mean and correlation within a video
are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import erf, exp, pi, sqrt

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from tasks.core.statistics import estimate_of_sums

SIZES = {
    "equal": lambda number: np.full(number, 12),
    "1 or 5": lambda number: np.where(np.arange(number) % 2, 20, 4),
    "1 to 5": lambda number: np.linspace(4, 20, number).round().astype(int),
    "one of 5": lambda number: np.where(np.arange(number), 4, 20),
}
"""Items by video, of so many videos: the largest has at most five times as many as the smallest."""


@dataclass(frozen=True, kw_only=True)
class Rewards:
    """A way to draw rewards; `is_gain`: differences of two, not scores."""

    name: str
    truth: float
    is_gain: bool = False
    share_right: float = 0.0

    def draw(
        self, correlation: float, video: Sequence[int], runs: int, rng: np.random.Generator
    ) -> Float[ndarray, "runs items"]:
        """`video` is the number of each item's video."""
        place = (slice(None), np.asarray(video))
        shape = (runs, len(video))
        if self.name.startswith(("right or wrong", "gain")):
            ease = _eases(self.share_right, correlation, (runs, max(video) + 1), rng)[place]
            before = rng.random(shape) < ease
            after = rng.random(shape) < ease + _GAIN * (1 - ease)
            return after * 1.0 - before if self.is_gain else before * 1.0
        common = rng.standard_normal((runs, max(video) + 1))[place]
        noise = sqrt(correlation) * common + sqrt(1 - correlation) * rng.standard_normal(shape)
        return np.clip(_MIDDLE + _WIDTH * noise, 0, 1) if self.name == "smooth" else noise


_GAIN = 0.2
_MIDDLE, _WIDTH = 0.4, 0.5
"""Of smooth rewards: a fifth of them are 0, a tenth are 1."""


def _eases(
    mean: float, correlation: float, shape: tuple[int, int], rng: np.random.Generator
) -> ndarray:
    """Of a beta distribution, so that answers right with these probabilities are correlated so
    much."""
    total = 1 / correlation - 1
    return rng.beta(mean * total, (1 - mean) * total, shape)


def _clipped_mean() -> float:
    low, high = -_MIDDLE / _WIDTH, (1 - _MIDDLE) / _WIDTH
    below, above = ((1 + erf(z / sqrt(2))) / 2 for z in (low, high))
    density = [exp(-z * z / 2) / sqrt(2 * pi) for z in (low, high)]
    return _MIDDLE * (above - below) + _WIDTH * (density[0] - density[1]) + 1 - above


def _answers(share: float) -> Rewards:
    return Rewards(name=f"right or wrong, {share:g}", truth=share, share_right=share)


def _gains(share: float) -> Rewards:
    return Rewards(
        name=f"gain from {share:g}", truth=_GAIN * (1 - share), is_gain=True, share_right=share
    )


KINDS = [
    Rewards(name="normal", truth=0.0),
    *map(_answers, (0.5, 0.2, 0.9)),
    Rewards(name="smooth", truth=_clipped_mean()),
    *map(_gains, (0.5, 0.2)),
]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What became of the intervals."""

    held: float
    """Share that holds the true mean; where there is none, it counts as held."""
    none: float
    """Share of runs without an interval."""
    width: float
    """Median width of the intervals."""


def coverage(
    kind: Rewards,
    correlation: float,
    sizes: ndarray,
    runs: int,
    rng: np.random.Generator,
    num_strata: int = 1,
) -> Coverage:
    """Of `runs` sets of rewards of videos that have so many items, whose strata come in turn."""
    video = np.repeat(np.arange(len(sizes)), sizes)
    cell = video * num_strata + np.arange(len(video)) % num_strata
    rewards = kind.draw(correlation, video.tolist(), runs, rng)
    shape = (len(sizes), num_strata)
    counts = np.bincount(cell, minlength=len(sizes) * num_strata).reshape(shape).astype(float)
    found = [
        estimate_of_sums(
            np.bincount(cell, one, minlength=counts.size).reshape(shape),
            counts,
            np.ones(num_strata),
            is_share=not kind.is_gain and bool(one.min() >= 0 and one.max() <= 1),
        )
        for one in rewards
    ]
    widths = [one.high - one.low for one in found if not one.no_interval]
    return Coverage(
        held=float(np.mean([one.low <= kind.truth <= one.high for one in found])),
        none=float(np.mean([bool(one.no_interval) for one in found])),
        width=float(np.median(widths)) if widths else 0.0,
    )
