"""What is believed of every cell: a Gaussian process over (pretext task, kind, level, round).

Neighbouring levels, kinds of one pretext task and recent rounds tell about each other, so a cell is
known before it is measured. Correlation falls by a constant factor a round (an Ornstein-Uhlenbeck
process in time, which is Markov): to condition on the evidence of all rounds is the same as to take
yesterday's posterior, discounted, as today's prior. The posterior is exact (Rasmussen and Williams
2006, algorithm 2.1); matrices have a row a measured cell and round.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from tasks.core.measurement import CellEvidence, CellKey

Array = NDArray[np.float64]
_LEVEL_SCALE = 0.2
"""Levels this far apart still tell much about each other."""
_SHARED_BY_KINDS = 0.5
"""Share of the variance that the kinds of a pretext task have in common."""
_PRIOR_GROUPS = 4.0
"""The noise of a cell with few groups is taken to be like this many groups of the prior's noise."""
_LEAST_CORRELATION = 0.05
"""Rounds that tell less than this are forgotten."""


@dataclass(frozen=True, kw_only=True)
class _Quantity:
    """What is believed: where it lies before anything is measured, and how far groups of one cell
    differ in it."""

    prior_mean: float
    prior_sd: float
    group_variance: float
    top: float
    observe: Callable[[CellEvidence], tuple[float, float]]
    """(mean, mean of squares) over the groups of the evidence."""


class Quantity(Enum):
    """The three things to know of a cell."""

    MEAN_REWARD = _Quantity(
        prior_mean=0.4,
        prior_sd=0.35,
        group_variance=0.08,
        top=1.0,
        observe=lambda row: (row.mean_reward, row.mean_reward_squared),
    )
    SPREAD = _Quantity(
        prior_mean=0.2,
        prior_sd=0.15,
        group_variance=0.02,
        top=0.5,  # of numbers in [0, 1], half of them 0 and half of them 1
        observe=lambda row: (row.spread, row.spread_squared),
    )
    SHARE_WITH_SPREAD = _Quantity(
        prior_mean=0.7,
        prior_sd=0.35,
        group_variance=0.15,
        top=1.0,
        observe=lambda row: (row.share_with_spread, row.share_with_spread),
    )


@dataclass(frozen=True, eq=False)
class Belief:
    """Posterior over some cells."""

    mean: Array
    """(cells,)"""
    covariance: Array
    """(cells, cells)"""
    top: float

    @property
    def se(self) -> Array:
        """(cells,) posterior standard deviation."""
        return np.sqrt(np.clip(np.diag(self.covariance), 0, None))

    def expected(self) -> Array:
        """(cells,) the mean, inside what is possible."""
        return np.clip(self.mean, 0.0, self.top)

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """(count, cells) joint draws, for Thompson sampling."""
        # Cells that tell nearly all about each other make the covariance singular up to rounding,
        # which Cholesky refuses; eigenvectors cost less than NumPy's default, an SVD.
        drawn: Array = rng.multivariate_normal(
            self.mean, self.covariance, size=count, method="eigh"
        )
        return drawn


def believe(
    quantity: Quantity,
    evidence: Sequence[CellEvidence],
    cells: Sequence[CellKey],
    *,
    now: int,
    round_correlation: float,
) -> Belief:
    """The posterior of `quantity` in `cells` at round `now`, given evidence of this and earlier
    rounds."""
    prior = quantity.value
    there = [(*cell, now) for cell in cells]
    covariance = _kernel(there, there, round_correlation) * prior.prior_sd**2
    if not evidence:
        return Belief(np.full(len(cells), prior.prior_mean), covariance, prior.top)
    seen = [(*row.cell, row.round) for row in evidence]
    observed = np.array([prior.observe(row) for row in evidence])
    groups = np.array([row.num_groups for row in evidence], dtype=float)
    # Rounding can bring a difference of two means below 0.
    within = np.clip(observed[:, 1] - observed[:, 0] ** 2, 0, None)
    # Of the mean over a cell's groups: their variance, divided by their number. The variance is
    # mixed with the prior's, because a single group shows none and the mean would count as exact.
    noise = (
        (_PRIOR_GROUPS * prior.group_variance + groups * within) / (_PRIOR_GROUPS + groups) / groups
    )
    # (rows of evidence, rows of evidence); the noise also keeps it positive definite.
    known = cho_factor(
        _kernel(seen, seen, round_correlation) * prior.prior_sd**2 + np.diag(noise), lower=True
    )
    # (cells, rows of evidence)
    across = _kernel(there, seen, round_correlation) * prior.prior_sd**2
    mean: Array = prior.prior_mean + across @ cho_solve(known, observed[:, 0] - prior.prior_mean)
    return Belief(mean, covariance - across @ cho_solve(known, across.T), prior.top)


def still_tell(
    evidence: Iterable[CellEvidence], *, now: int, round_correlation: float
) -> list[CellEvidence]:
    """The rows whose round still says something at round `now`."""
    return [row for row in evidence if round_correlation ** (now - row.round) >= _LEAST_CORRELATION]


def _kernel(
    left: Sequence[tuple[str, str, float, int]],
    right: Sequence[tuple[str, str, float, int]],
    round_correlation: float,
) -> Array:
    def column(rows: Sequence[tuple[str, str, float, int]], index: int) -> Array:
        return np.array([row[index] for row in rows])

    def differ(index: int) -> Array:
        difference: Array = np.subtract.outer(
            column(left, index).astype(float), column(right, index).astype(float)
        )
        return difference

    same_pretext = np.equal.outer(column(left, 0), column(right, 0))
    same_kind = np.equal.outer(column(left, 1), column(right, 1))
    near = np.exp(-0.5 * (differ(2) / _LEVEL_SCALE) ** 2)
    recent: Array = np.power(round_correlation, np.abs(differ(3)))
    # (left, right). A product of correlations is one too, so the matrix is valid for any cells.
    shared: Array = (
        same_pretext * (_SHARED_BY_KINDS + (1 - _SHARED_BY_KINDS) * same_kind) * near * recent
    )
    return shared
