"""GRPO: advantages from a group's rewards, and the clipped policy loss with a KL penalty.

Dimensions: G groups, N rollouts a group, R response tokens.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_STD_EPSILON = 1e-6


class GrpoLoss(NamedTuple):
    """The loss to minimise, and sums over tokens of what to look at beside it."""

    loss: Float[Tensor, ""]
    kl: Float[Tensor, ""]
    ratio: Float[Tensor, ""]
    ratio_max: Float[Tensor, ""]
    clipped: Float[Tensor, ""]
    """Tokens whose ratio lay outside the limits."""


def group_advantages(rewards: Float[Tensor, "G N"], *, divide_by_std: bool = True) -> Float[Tensor, "G N"]:
    """How much better than its group each rollout is, in the group's standard deviations (DeepSeekMath, eq. 3).

    A group whose rewards are all equal gets zeros. The deviation is the sample's (N - 1), as in verl. Without the
    division, groups count by how far their rewards differ (Dr. GRPO, arXiv 2503.20783).
    """
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if divide_by_std:
        advantages = advantages / (rewards.std(dim=1, keepdim=True) + _STD_EPSILON)
    # The mean of equal numbers is off by a rounding error, which the division would blow up.
    is_constant = rewards.amax(dim=1, keepdim=True) == rewards.amin(dim=1, keepdim=True)
    return advantages.masked_fill(is_constant, 0.0)


def loss_denominators(
    mask: Bool[Tensor, "G N R"], average: str, *, num_tokens: int, num_rollouts: int, max_tokens: int
) -> Float[Tensor, "G N"]:
    """What each rollout's sum over tokens is divided by, so that micro-batches add up to the whole update.

    Args:
        mask: the response tokens.
        average: `token`, every token of the update weighs the same (DAPO, arXiv 2503.14476); `sequence`, every
            rollout weighs the same (DeepSeekMath, eq. 3); `constant`, tokens weigh the same whatever the lengths of
            the update's answers (Dr. GRPO).
        num_tokens: response tokens of the whole update.
        num_rollouts: rollouts of the whole update.
        max_tokens: longest answer that may be sampled.
    """
    lengths = mask.sum(dim=2).float()
    match average:
        case "token":
            return torch.full_like(lengths, num_tokens)
        case "sequence":
            return lengths * num_rollouts
        case "constant":
            return torch.full_like(lengths, num_rollouts * max_tokens)
        case _:
            raise ValueError(f"unknown average {average!r}; expected token, sequence or constant")


def grpo_loss(
    policy_logprobs: Float[Tensor, "G N R"],
    old_logprobs: Float[Tensor, "G N R"],
    ref_logprobs: Float[Tensor, "G N R"] | None,
    advantages: Float[Tensor, "G N"],
    mask: Bool[Tensor, "G N R"],
    *,
    denominators: Float[Tensor, "G N"],
    ratio_clip_low: float,
    ratio_clip_high: float,
    ratio_cap: float,
    kl_coefficient: float,
) -> GrpoLoss:
    """Clipped surrogate plus k3 estimate of the KL to the reference (DeepSeekMath, eq. 3 and 4).

    With one update per rollout batch, `old_logprobs` is `policy_logprobs.detach()`: the ratio is 1 and only its
    gradient counts. Later updates take the rollout engine's log-probs: then the ratio also corrects for the
    difference between engine and trainer, and `ratio_cap` truncates it (truncated importance sampling), since the
    clipping below leaves a large ratio of a bad answer as it is. A truncated ratio keeps its gradient.
    """
    ratio = torch.exp(policy_logprobs - old_logprobs)
    ratio = ratio * (ratio_cap / ratio.detach()).clamp(max=1.0)
    clipped = ratio.clamp(1 - ratio_clip_low, 1 + ratio_clip_high)
    weight = advantages[:, :, None]
    surrogate = torch.minimum(ratio * weight, clipped * weight)
    kl = torch.zeros_like(policy_logprobs)
    if ref_logprobs is not None:
        log_ratio = ref_logprobs - policy_logprobs
        kl = torch.exp(log_ratio) - log_ratio - 1
    per_token = kl_coefficient * kl - surrogate

    def by_rollout(values: Float[Tensor, "G N R"]) -> Float[Tensor, "G N"]:
        return torch.where(mask, values, 0.0).sum(dim=2)

    return GrpoLoss(
        loss=(by_rollout(per_token) / denominators).sum(),
        kl=by_rollout(kl.detach()).sum(),
        ratio=by_rollout(ratio.detach()).sum(),
        ratio_max=torch.where(mask, ratio.detach(), 0.0).max(),
        clipped=by_rollout((clipped != ratio).float()).sum(),
    )
