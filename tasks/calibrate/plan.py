"""From belief to plan: how often samples should come from each cell, and which samples of a pool
that means."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import softmax

from tasks.calibrate.belief import Array, Quantity, believe
from tasks.core.config import CalibrateConfig
from tasks.core.measurement import CellEvidence, CellKey, PlannedCell

_LEAST_PROBABILITY = 1e-4
"""Cells that would hardly be drawn are left out."""


def make_plan(
    evidence: Sequence[CellEvidence],
    pool: Mapping[CellKey, int],
    config: CalibrateConfig,
    *,
    now: int,
) -> list[PlannedCell]:
    """The distribution over the pool's cells that maximises expected group spread under each
    pretext task's floor.

    `pool` says how many samples each cell has.

    Maximising alone would put all weight of a pretext task on one cell. With `plan_temperature`
    times the entropy added to the expected spread the maximum is a softmax, so cells that are about
    as good are drawn about as often. Cells whose groups are believed to have spread more rarely
    than `min_share_with_spread` are left out where a pretext task has better ones.
    """
    cells = sorted(pool)
    believed = {
        quantity: believe(
            quantity, evidence, cells, now=now, round_correlation=config.round_correlation
        )
        for quantity in Quantity
    }
    spread = believed[Quantity.SPREAD]
    share = believed[Quantity.SHARE_WITH_SPREAD].expected()
    probabilities = _distribution(
        cells, spread.expected(), share, pretext_floors(pool, config), config
    )
    return [
        PlannedCell(
            pretext=pretext,
            kind=kind,
            level=level,
            probability=float(probabilities[index]),
            mean_reward=float(believed[Quantity.MEAN_REWARD].expected()[index]),
            spread=float(spread.expected()[index]),
            spread_se=float(spread.se[index]),
            share_with_spread=float(share[index]),
        )
        for index, (pretext, kind, level) in enumerate(cells)
    ]


def pretext_floors(pool: Mapping[CellKey, int], config: CalibrateConfig) -> dict[str, float]:
    """The least share of each pretext task: a part of its share of the pool."""
    sizes: Counter[str] = Counter()
    for (pretext, _, _), size in pool.items():
        sizes[pretext] += size
    return {
        name: config.pretext_floor * size / max(1, sizes.total()) for name, size in sizes.items()
    }


def _distribution(
    cells: Sequence[CellKey],
    spread: Array,
    share: Array,
    floors: Mapping[str, float],
    config: CalibrateConfig,
) -> Array:
    """(cells,) probabilities, for expected `spread` and `share` of groups with spread, each
    (cells,)."""
    pretexts = sorted({cell[0] for cell in cells})
    members = {name: np.array([cell[0] == name for cell in cells]) for name in pretexts}
    good = np.zeros(len(cells), dtype=bool)
    for of_pretext in members.values():  # Its best cell at least: the floor needs one.
        good |= of_pretext & (share >= min(config.min_share_with_spread, share[of_pretext].max()))
    # Softmax gives minus infinity the probability 0. Each pretext task has a good cell, so no
    # softmax is of nothing.
    scores = np.where(good, spread / config.plan_temperature, -np.inf)
    weights = softmax(scores)
    # Floors sum to `pretext_floor`, at most 1, so this is never negative.
    free = 1 - sum(floors.values())
    result = np.zeros(len(cells))
    for name, of_pretext in members.items():
        own = floors[name] + free * weights[of_pretext].sum()
        result += own * softmax(np.where(of_pretext, scores, -np.inf))
    result[result < _LEAST_PROBABILITY] = 0.0
    distribution: Array = result / result.sum()
    return distribution


def allot(
    plan: Sequence[PlannedCell], available: Mapping[CellKey, int], total: int
) -> Counter[CellKey]:
    """How many samples to take from each cell, `total` in all where the cells of the plan hold as
    many.

    What a cell lacks goes to the others in proportion to the plan.
    """
    taken: Counter[CellKey] = Counter()
    open_cells = {
        cell.cell: cell.probability
        for cell in plan
        if cell.probability > 0 and available.get(cell.cell)
    }
    # It ends: each pass hands out all that is missing, or fills a cell, which is closed then.
    while open_cells and taken.total() < total:
        missing, weight = total - taken.total(), sum(open_cells.values())
        shares = _whole({cell: missing * p / weight for cell, p in open_cells.items()}, missing)
        for cell, share in shares.items():
            taken[cell] = min(taken[cell] + share, available[cell])
        open_cells = {cell: p for cell, p in open_cells.items() if taken[cell] < available[cell]}
    return taken


def plan_metrics(plan: Sequence[PlannedCell]) -> dict[str, float]:
    """Probability, expected spread and mean reward of every cell, for the tracker."""
    metrics = {}
    for cell in plan:
        name = f"{cell.pretext}_{cell.kind}_{cell.level:g}"
        metrics[f"plan_probability/{name}"] = cell.probability
        metrics[f"plan_spread/{name}"] = cell.spread
        metrics[f"plan_mean_reward/{name}"] = cell.mean_reward
    return metrics


def _whole(shares: Mapping[CellKey, float], total: int) -> dict[CellKey, int]:
    """Rounded to whole numbers that add up to `total`: the largest remainders round up."""
    whole = {cell: int(share) for cell, share in shares.items()}
    # The cell decides between equal remainders, so that the order of the mapping does not.
    by_remainder = sorted(shares, key=lambda cell: (whole[cell] - shares[cell], cell))
    for cell in by_remainder[: total - sum(whole.values())]:
        whole[cell] += 1
    return whole
