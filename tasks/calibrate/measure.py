"""Measuring difficulty: what a group's rewards say about its sample."""

from collections.abc import Iterable, Sequence
from statistics import fmean, pstdev

from tasks.core.measurement import CellEvidence, Measurement
from tasks.core.reward import has_spread
from tasks.core.types import Cell


def measure(sample_id: str, rewards: Sequence[float], min_spread: float) -> Measurement:
    """One group's mean and spread (population standard deviation), and whether it can teach."""
    mean, spread = fmean(rewards), pstdev(rewards)
    teaches = has_spread(rewards, min_spread)
    reason = "spread"
    if not teaches:
        reason = "all right" if mean >= 1.0 else "all wrong" if mean <= 0.0 else "all equal"
    return Measurement(
        sample_id=sample_id,
        mean_reward=mean,
        spread=spread,
        num_rollouts=len(rewards),
        kept=teaches,
        reason=reason,
    )


def measured_cells(evidence: Iterable[CellEvidence]) -> list[Cell]:
    """The round's own figures for each cell, for the report."""
    return [
        Cell(
            pretext=row.pretext,
            kind=row.kind,
            level=row.level,
            num_samples=row.num_groups,
            num_rollouts=row.num_rollouts,
            mean_reward=row.mean_reward,
            spread=row.spread,
            share_with_spread=row.share_with_spread,
        )
        for row in evidence
    ]
