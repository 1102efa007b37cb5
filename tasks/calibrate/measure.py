"""Measuring difficulty: what a group's rewards say about its sample."""

from collections.abc import Sequence
from statistics import fmean, pstdev

from tasks.core.measurement import Measurement
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
