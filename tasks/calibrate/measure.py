"""Measuring difficulty: what rewards say about a sample, and samples about their cell."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, pstdev

from tasks.core.measurement import CellEvidence, CellKey, Measurement
from tasks.core.reward import has_spread


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


def evidence_of(
    measurements: Iterable[Measurement], cell_of: Mapping[str, CellKey], round_number: int
) -> list[CellEvidence]:
    """One row for each measured cell, sorted; `cell_of` is by sample id."""
    members: defaultdict[CellKey, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        members[cell_of[measurement.sample_id]].append(measurement)
    return [
        CellEvidence(
            round=round_number,
            pretext=pretext,
            kind=kind,
            level=level,
            num_groups=len(found),
            num_rollouts=sum(m.num_rollouts for m in found),
            mean_reward=fmean(m.mean_reward for m in found),
            mean_reward_squared=fmean(m.mean_reward**2 for m in found),
            spread=fmean(m.spread for m in found),
            spread_squared=fmean(m.spread**2 for m in found),
            share_with_spread=fmean(m.kept for m in found),
        )
        for (pretext, kind, level), found in sorted(members.items())
    ]
