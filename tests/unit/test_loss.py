"""GRPO by hand-computed numbers."""

import math

import pytest
import torch

from tasks.train.loss import GrpoLoss, group_advantages, grpo_loss


def test_advantages_are_deviations_in_units_of_the_groups_sample_standard_deviation() -> None:
    advantages = group_advantages(torch.tensor([[0.0, 1.0], [1.0, 4.0]]))
    # mean 0.5, sample deviation sqrt(0.5): 0.5 / 0.7071 = 0.7071, whatever the scale of the group
    expected = torch.tensor([[-math.sqrt(0.5), math.sqrt(0.5)]] * 2)
    torch.testing.assert_close(advantages, expected, atol=1e-5, rtol=0)


def test_constant_group_gets_zero_advantage() -> None:
    assert torch.equal(group_advantages(torch.full((2, 8), 0.7)), torch.zeros(2, 8))


def _loss(
    policy: list[float], old: list[float], ref: list[float] | None, advantage: float, **options: float
) -> GrpoLoss:
    shape = (1, 1, len(policy))
    return grpo_loss(
        torch.tensor(policy).view(shape),
        torch.tensor(old).view(shape),
        None if ref is None else torch.tensor(ref).view(shape),
        torch.tensor([[advantage]]),
        torch.tensor([True] * len(policy)).view(shape),
        denominator=float(len(policy)),
        ratio_clip_low=options.get("low", 0.2),
        ratio_clip_high=options.get("high", 0.2),
        kl_coefficient=options.get("kl", 0.0),
    )


def test_on_policy_loss_is_minus_the_advantage() -> None:
    result = _loss([-1.0, -2.0], [-1.0, -2.0], None, 1.5)
    assert result.loss.item() == pytest.approx(-1.5)
    assert result.clipped_share.item() == 0.0


def test_ratio_is_clipped_only_where_it_would_gain() -> None:
    log_two = math.log(2.0)
    assert _loss([log_two], [0.0], None, 1.0).loss.item() == pytest.approx(-1.2)
    assert _loss([log_two], [0.0], None, -1.0).loss.item() == pytest.approx(2.0)
    assert _loss([-log_two], [0.0], None, -1.0).loss.item() == pytest.approx(0.8)
    assert _loss([log_two], [0.0], None, 1.0, high=0.5).loss.item() == pytest.approx(-1.5)


def test_k3_kl_of_a_hand_computed_token() -> None:
    result = _loss([-1.0], [-1.0], [-1.5], 0.0, kl=0.1)
    k3 = math.exp(-0.5) + 0.5 - 1.0
    assert result.kl.item() == pytest.approx(k3)
    assert result.loss.item() == pytest.approx(0.1 * k3)


def test_microbatch_losses_add_up_to_the_full_batch() -> None:
    random = torch.Generator().manual_seed(0)
    policy, old, ref = (torch.randn(4, 3, 5, generator=random) for _ in range(3))
    advantages = torch.randn(4, 3, generator=random)
    mask = torch.rand(4, 3, 5, generator=random) > 0.3
    options = {"denominator": float(mask.sum()), "ratio_clip_low": 0.2, "ratio_clip_high": 0.3, "kl_coefficient": 0.1}
    whole = grpo_loss(policy, old, ref, advantages, mask, **options).loss
    parts = [
        grpo_loss(policy[i], old[i], ref[i], advantages[i], mask[i], **options).loss for i in (slice(0, 1), slice(1, 4))
    ]
    torch.testing.assert_close(sum(parts), whole)


def test_padding_changes_nothing() -> None:
    mask = torch.tensor([[[True, False]]])
    values = torch.tensor([[[-1.0, 5.0]]])
    clean = torch.tensor([[[-1.0, 0.0]]])
    options = {"denominator": 1.0, "ratio_clip_low": 0.2, "ratio_clip_high": 0.2, "kl_coefficient": 1.0}
    noisy = grpo_loss(values, clean, values * 2, torch.ones(1, 1), mask, **options)
    plain = grpo_loss(clean, clean, clean * 2, torch.ones(1, 1), mask, **options)
    assert noisy.loss.item() == pytest.approx(plain.loss.item())
