"""Means of scores and paired differences, with intervals that know which items share a video.

Items on one video are not independent, so a video counts as one observation, whatever its number of
items.

- Standard errors are CR2 (Bell and McCaffrey 2002): each video's pull at the mean is enlarged by
  what the mean gave way to it, so that few videos, or a few large ones, do not make the error too
  small.
- Quantiles are Student's t. Its degrees of freedom are Bell and McCaffrey's (Satterthwaite's, by
  the numbers of items): one less than there are videos where all have equally many items, fewer
  where a few have most. They are fewer still where the pulls have a larger fourth moment than
  normal ones (as O'Neill 2014 has it for a plain variance): where few videos decide how large the
  error looks, such as the only ones that anything is right on.
- A mean of scores in [0, 1] gets its interval on the scale of log-odds: it stays within, and leans
  to the farther end.

`tests/bench/bench_interval_coverage.py` simulates how often they hold. Below `MIN_VIDEOS` nothing
is reliable, and equal means of all videos show no spread to go by: then there is no interval.

A stratum is a part that counts equally whatever its number of items, such as one VIUBench type.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float
from numpy import ndarray

MIN_VIDEOS = 5
"""Least number of videos for an interval."""
METHOD = (
    "95 % intervals over videos: CR2 standard errors, Student's t with Bell and McCaffrey's "
    "degrees of freedom (fewer where few videos carry the spread), scores on the log-odds scale; "
    f"none below {MIN_VIDEOS} videos or of equal means"
)
_LEVEL = 0.95
_POWER = 0.8
_EQUAL = "equal means"
_ROUNDING = 1e-12
"""Of the largest score: what differs by less is equal."""


@dataclass(frozen=True, kw_only=True)
class ItemScore:
    """The score of one item, and where it belongs."""

    score: float
    video: str
    """Items with the same name are one observation."""
    stratum: str = ""


# Not as plain defaults: those stand in the type that Flyte registers, whose JSON knows no infinite
# number.
def _infinity() -> float:
    return math.inf


def _minus_infinity() -> float:
    return -math.inf


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean, of scores or of gains, with how far to trust it."""

    mean: float
    num_items: int
    num_videos: int
    se: float = field(default_factory=_infinity)
    """Standard error over videos; infinite where there is no interval."""
    degrees_of_freedom: float = 0.0
    low: float = field(default_factory=_minus_infinity)
    """End of the 95 % interval."""
    high: float = field(default_factory=_infinity)
    no_interval: str = ""
    """Why there is none, e.g. "3 videos: no interval"; empty if there is one."""


def estimate(items: Iterable[ItemScore], weights: Mapping[str, float] | None = None) -> Estimate:
    """Weighted mean of the strata's means (equal weights unless given), with its interval; NaN of
    no items."""
    return _estimate(list(items), weights, of_scores=True)


def paired_difference(
    before: Mapping[str, ItemScore],
    after: Mapping[str, ItemScore],
    weights: Mapping[str, float] | None = None,
) -> Estimate:
    """Mean of the strata's mean gains; scores by item.

    Raises:
        ValueError: the two models were scored on different items.
    """
    if before.keys() != after.keys():
        raise ValueError(
            f"{len(before.keys() ^ after.keys())} items were scored for one of the two models only"
        )
    gains = [
        ItemScore(
            score=after[item].score - before[item].score,
            video=after[item].video,
            stratum=after[item].stratum,
        )
        # In one order, because sums of floats depend on it.
        for item in sorted(before)
    ]
    return _estimate(gains, weights, of_scores=False)


def visible_loss(gain: Estimate) -> float:
    """The least true loss that so many videos would have shown, four times out of five, by an
    interval that lies below 0 as a whole; NaN if they can show none.

    Where no video changed there is no spread to go by: then it is the largest share of videos that
    may change for the worse without one of these (exact 95 % bound of no event in n).
    """
    from scipy import special

    if gain.no_interval:
        says_nothing = (
            gain.num_videos < MIN_VIDEOS or gain.mean != 0 or _EQUAL not in gain.no_interval
        )
        return math.nan if says_nothing else 1 - (1 - _LEVEL) ** (1 / gain.num_videos)
    quantiles = special.stdtrit(gain.degrees_of_freedom, [(1 + _LEVEL) / 2, _POWER])
    return float(quantiles.sum()) * gain.se


def _estimate(
    items: list[ItemScore], weights: Mapping[str, float] | None, *, of_scores: bool
) -> Estimate:
    if not items:
        return _without_interval(Estimate(mean=math.nan, num_items=0, num_videos=0), "0 videos")
    names = sorted({item.stratum for item in items})
    column = {name: index for index, name in enumerate(names)}
    row = {name: index for index, name in enumerate(sorted({item.video for item in items}))}
    sums: Float[ndarray, "V S"] = np.zeros((len(row), len(names)))
    counts: Float[ndarray, "V S"] = np.zeros_like(sums)
    for item in items:
        sums[row[item.video], column[item.stratum]] += item.score
        counts[row[item.video], column[item.stratum]] += 1
    shares = np.array([1.0 if weights is None else weights[name] for name in names])
    scores = [item.score for item in items]
    # Gains may lie in [0, 1] by chance, but are no shares.
    is_share = of_scores and min(scores) >= 0 and max(scores) <= 1
    return estimate_of_sums(sums, counts, shares, is_share=is_share, largest=max(map(abs, scores)))


def estimate_of_sums(
    sums: Float[ndarray, "V S"],
    counts: Float[ndarray, "V S"],
    weights: Float[ndarray, " S"],
    *,
    is_share: bool,
    largest: float = 1.0,
) -> Estimate:
    """The same from sums and counts of scores by video and stratum.

    `is_share`: the scores lie in [0, 1]; `largest`: the largest of them, regardless of sign. Every
    stratum has items.
    """
    weights = weights / weights.sum()
    totals = counts.sum(axis=0)
    means = sums.sum(axis=0) / totals
    num_videos = int((counts.sum(axis=1) > 0).sum())
    mean = float(means @ weights)
    bare = Estimate(mean=mean, num_items=int(totals.sum()), num_videos=num_videos)
    if num_videos < MIN_VIDEOS:
        return _without_interval(bare, f"{num_videos} video{'s' * (num_videos != 1)}")
    # A video's part of a stratum is its leverage on that stratum's mean. At 1 the video is the
    # mean: its residual is 0
    # whatever it scores, and CR2 would divide by 0.
    parts = counts / totals
    if parts.max() == 1:
        num_single = int((parts.max(axis=0) == 1).sum())
        return _without_interval(bare, f"{num_single} of {len(totals)} parts on a single video")
    # How a score pulls at the mean: the residuals of a regression on the strata, as CR2 enlarges
    # them. The mean gave
    # way to each video by its part, so a residual is too small by sqrt(1 - part).
    pull_of_one = weights / totals / np.sqrt(1 - parts)
    pulls = ((sums - counts * means) * pull_of_one).sum(axis=1)
    se = math.sqrt(float(pulls @ pulls))
    if se <= _ROUNDING * largest:
        return _without_interval(bare, f"{_EQUAL} of all {num_videos} videos")
    degrees = _degrees_of_freedom(counts, pull_of_one, pulls)
    low, high = _interval(mean, se, degrees, is_share=is_share)
    return replace(bare, se=se, degrees_of_freedom=degrees, low=low, high=high)


def _degrees_of_freedom(
    counts: Float[ndarray, "V S"], pull_of_one: Float[ndarray, "V S"], pulls: Float[ndarray, " V"]
) -> float:
    """Of the chi-square with the mean and variance of the squared error, which is a sum of squared
    pulls.

    If items were independent and normal, the pulls would have the covariance diag(own) - across @
    across.T; what their fourth moment has beyond that is added to the variance.
    """
    own = (counts * pull_of_one**2).sum(axis=1)
    across = counts * pull_of_one / np.sqrt(counts.sum(axis=0))
    # The squared error is the sum of squared pulls. Its mean is the trace of their covariance, and
    # half its variance
    # the sum of that matrix' squared entries: both from the factors, for videos can be many and
    # strata are few.
    inner = across.T @ across
    variances = own - (across**2).sum(axis=1)
    squares = own @ own - 2 * own @ (across**2).sum(axis=1) + (inner**2).sum()
    # What the fourth moment of the pulls has beyond a normal one's, in units of the squared mean.
    heavy = (pulls**4).sum() / (pulls @ pulls) ** 2 - 3 * (
        variances @ variances
    ) / variances.sum() ** 2
    # Satterthwaite: 2 mean^2 / variance.
    return float(2 / (2 * squares / variances.sum() ** 2 + max(0.0, heavy)))


def _interval(mean: float, se: float, degrees: float, *, is_share: bool) -> tuple[float, float]:
    from scipy import special  # here alone: whoever only knows what a score is need not wait for it

    reach = float(special.stdtrit(degrees, (1 + _LEVEL) / 2)) * se
    if not is_share:
        return mean - reach, mean + reach
    # The delta method: on the scale of log-odds a step is larger by 1 / (mean (1 - mean)).
    # A mean of 0 or 1, which has no log-odds, has no spread either and got no interval above.
    center, reach = math.log(mean / (1 - mean)), reach / (mean * (1 - mean))
    return float(special.expit(center - reach)), float(special.expit(center + reach))


def _without_interval(bare: Estimate, reason: str) -> Estimate:
    return replace(bare, no_interval=f"{reason}: no interval")
