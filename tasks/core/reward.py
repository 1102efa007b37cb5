"""Which reward of a rollout counts, and when a group's rewards can teach anything."""

from collections.abc import Sequence
from enum import StrEnum
from statistics import pstdev

from tasks.core.types import Rollout

LEAST_SPREAD = 1e-6
"""Rewards are ratios of small counts or of times: those that differ, differ by far more than this,
and what rounding leaves of equal ones is far less."""


class RewardKind(StrEnum):
    """What an answer that is not exactly right earns."""

    SMOOTH = "smooth"
    """By how near it is."""
    STRICT = "strict"
    """Nothing: 1 for exactly right, else 0 (the paper's ablation)."""

    def of(self, rollout: Rollout) -> float:
        """What `rollout` earns."""
        return rollout.strict_reward if self is RewardKind.STRICT else rollout.reward


def has_spread(rewards: Sequence[float], least: float = LEAST_SPREAD) -> bool:
    """Whether a group teaches: its population standard deviation of reward is above `least`.

    Advantages are deviations from the group's mean, so equal rewards have no policy gradient.
    """
    return pstdev(rewards) > least
