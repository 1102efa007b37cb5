"""One rule says whether a group teaches."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.reward import RewardKind, has_spread
from tasks.train.loss import group_advantages
from tests.helpers.rollouts import make_rollout

_REWARDS = st.fractions(0, 1, max_denominator=64).map(float)


def test_equal_rewards_have_no_spread_though_they_were_rounded_apart() -> None:
    assert not has_spread([0.1 + 0.2, 0.3])
    assert has_spread([0.3, 0.3, 0.31])


def test_least_spread_may_be_asked_for() -> None:
    assert has_spread([0.0, 1.0], 0.4)
    assert not has_spread([0.0, 1.0], 0.5)


@given(st.lists(_REWARDS, min_size=2, max_size=8) | _REWARDS.map(lambda reward: [reward] * 8))
@pytest.mark.parametrize("divides", [True, False])
def test_the_loss_gives_advantages_to_the_groups_that_teach_and_to_no_other(
    divides: bool, rewards: list[float]
) -> None:
    advantages = group_advantages(torch.tensor([rewards]), divide_by_std=divides)
    assert bool(advantages.any()) == has_spread(rewards)


def test_the_kind_says_which_reward_counts() -> None:
    rollout = make_rollout("s", reward=0.4, strict_reward=0.0)
    assert RewardKind.SMOOTH.of(rollout) == 0.4
    assert RewardKind.STRICT.of(rollout) == 0.0
