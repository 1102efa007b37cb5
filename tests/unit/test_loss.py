"""GRPO by hand-computed numbers."""

import math

import pytest
import torch
from torch import Tensor

from tasks.train.loss import GrpoLoss, group_advantages, grpo_loss, loss_denominators

LIMITS = {"ratio_clip_low": 0.2, "ratio_clip_high": 0.2, "ratio_cap": 10.0, "kl_coefficient": 0.0}


def test_advantages_are_deviations_in_units_of_the_groups_sample_standard_deviation() -> None:
    advantages = group_advantages(torch.tensor([[0.0, 1.0], [1.0, 4.0]]))
    # mean 0.5, sample deviation sqrt(0.5): 0.5 / 0.7071 = 0.7071, whatever the scale of the group
    expected = torch.tensor([[-math.sqrt(0.5), math.sqrt(0.5)]] * 2)
    torch.testing.assert_close(advantages, expected, atol=1e-5, rtol=0)


def test_constant_group_gets_zero_advantage() -> None:
    assert torch.equal(group_advantages(torch.full((2, 8), 0.7)), torch.zeros(2, 8))


def _loss(
    policy: list[float],
    old: list[float],
    ref: list[float] | None,
    advantage: float,
    **options: float,
) -> GrpoLoss:
    shape = (1, 1, len(policy))
    return grpo_loss(
        torch.tensor(policy).view(shape),
        torch.tensor(old).view(shape),
        None if ref is None else torch.tensor(ref).view(shape),
        torch.tensor([[advantage]]),
        torch.tensor([True] * len(policy)).view(shape),
        denominators=torch.tensor([[float(len(policy))]]),
        ratio_clip_low=options.get("low", 0.2),
        ratio_clip_high=options.get("high", 0.2),
        ratio_cap=options.get("cap", 10.0),
        kl_coefficient=options.get("kl", 0.0),
    )


def test_on_policy_loss_is_minus_the_advantage() -> None:
    result = _loss([-1.0, -2.0], [-1.0, -2.0], None, 1.5)
    assert result.loss.item() == pytest.approx(-1.5)
    assert (result.clipped.item(), result.ratio.item(), result.ratio_max.item()) == (0.0, 2.0, 1.0)


def test_ratio_is_clipped_only_where_it_would_gain() -> None:
    log_two = math.log(2.0)
    assert _loss([log_two], [0.0], None, 1.0).loss.item() == pytest.approx(-1.2)
    assert _loss([log_two], [0.0], None, -1.0).loss.item() == pytest.approx(2.0)
    assert _loss([-log_two], [0.0], None, -1.0).loss.item() == pytest.approx(0.8)
    assert _loss([log_two], [0.0], None, 1.0, high=0.5).loss.item() == pytest.approx(-1.5)


def test_k3_kl_of_a_hand_computed_token() -> None:
    result = _loss([-1.0], [-1.0], [-1.5], 0.0, kl=0.1)
    k3 = math.exp(-0.5) + 0.5 - 1.0
    assert result.kl.item() == pytest.approx(k3)  # one token
    assert result.loss.item() == pytest.approx(0.1 * k3)


def test_without_division_advantages_are_the_bare_deviations() -> None:
    advantages = group_advantages(torch.tensor([[0.0, 1.0], [1.0, 4.0]]), divide_by_std=False)
    assert torch.equal(advantages, torch.tensor([[-0.5, 0.5], [-1.5, 1.5]]))
    # 0.7 is no binary fraction: the mean of eight is off by a rounding error
    assert torch.equal(
        group_advantages(torch.full((1, 8), 0.7), divide_by_std=False), torch.zeros(1, 8)
    )


@pytest.mark.parametrize(
    ("average", "expected"), [("token", 3.25), ("sequence", 2.5), ("constant", 1.3)]
)
def test_averages_of_two_answers_by_hand(average: str, expected: float) -> None:
    # On-policy, advantages -4 over three tokens and -1 over one: token losses 4 4 4 | 1.
    mask = torch.tensor([[[True, True, True], [True, False, False]]])
    denominators = loss_denominators(mask, average, num_tokens=4, num_rollouts=2, max_tokens=5)
    zeros = torch.zeros(1, 2, 3)
    loss = grpo_loss(
        zeros, zeros, None, torch.tensor([[-4.0, -1.0]]), mask, denominators=denominators, **LIMITS
    ).loss
    # (4 + 4 + 4 + 1) / 4, (4 + 1) / 2, 13 / (2 * 5)
    assert loss.item() == pytest.approx(expected)


def test_a_truncated_ratio_keeps_its_gradient() -> None:
    logprob = torch.full((1, 1, 1), math.log(8.0), requires_grad=True)
    zeros, ones = torch.zeros(1, 1, 1), torch.ones(1, 1)
    result = grpo_loss(
        logprob, zeros, None, -ones, zeros == 0, denominators=ones, **LIMITS | {"ratio_cap": 2.0}
    )
    result.loss.backward()
    assert result.loss.item() == pytest.approx(2.0)
    assert logprob.grad is not None
    assert logprob.grad.item() == pytest.approx(
        2.0
    )  # d(ratio)/d(logprob) is the ratio, as truncated


def _oracle(
    policy: Tensor,
    old: Tensor,
    ref: Tensor,
    advantages: Tensor,
    mask: Tensor,
    average: str,
    max_tokens: int,
) -> float:
    """The loss token by token, in plain Python."""
    num_groups, num_rollouts, width = policy.shape
    total = 0.0
    for g in range(num_groups):
        for n in range(num_rollouts):
            length = sum(mask[g, n].tolist())
            for t in range(width):
                if not mask[g, n, t]:
                    continue
                a, p = advantages[g, n].item(), policy[g, n, t].item()
                ratio = min(math.exp(p - old[g, n, t].item()), 1.5)
                gain = min(ratio * a, min(max(ratio, 1 - 0.2), 1 + 0.3) * a)
                d = ref[g, n, t].item() - p
                value = 0.1 * (math.exp(d) - d - 1) - gain
                count = num_groups * num_rollouts
                total += (
                    value
                    / {
                        "token": int(mask.sum()),
                        "sequence": count * length,
                        "constant": count * max_tokens,
                    }[average]
                )
    return total


@pytest.mark.parametrize("average", ["token", "sequence", "constant"])
def test_the_loss_equals_a_slow_oracle_and_microbatches_add_up_to_it(average: str) -> None:
    random = torch.Generator().manual_seed(0)
    policy, old, ref = (torch.randn(4, 3, 5, generator=random) for _ in range(3))
    advantages = torch.randn(4, 3, generator=random)
    mask = torch.arange(5) < torch.randint(1, 6, (4, 3, 1), generator=random)

    def loss(part: slice) -> float:
        denominators = loss_denominators(
            mask[part], average, num_tokens=int(mask.sum()), num_rollouts=12, max_tokens=7
        )
        return grpo_loss(
            policy[part],
            old[part],
            ref[part],
            advantages[part],
            mask[part],
            denominators=denominators,
            ratio_clip_low=0.2,
            ratio_clip_high=0.3,
            ratio_cap=1.5,
            kl_coefficient=0.1,
        ).loss.item()

    expected = _oracle(policy, old, ref, advantages, mask, average, max_tokens=7)
    assert loss(slice(0, 4)) == pytest.approx(expected, rel=1e-5)
    assert loss(slice(0, 1)) + loss(slice(1, 4)) == pytest.approx(expected, rel=1e-5)


def test_padding_changes_nothing() -> None:
    mask = torch.tensor([[[True, False]]])
    values = torch.tensor([[[-1.0, 5.0]]])
    clean = torch.tensor([[[-1.0, 0.0]]])
    ones = torch.ones(1, 1)
    options = LIMITS | {"kl_coefficient": 1.0}
    noisy = grpo_loss(values, clean, values * 2, ones, mask, denominators=ones, **options)
    plain = grpo_loss(clean, clean, clean * 2, ones, mask, denominators=ones, **options)
    assert noisy.loss.item() == pytest.approx(plain.loss.item())
