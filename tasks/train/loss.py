"""GRPO: advantages from a group's rewards, and the clipped policy loss with a KL penalty.

Dimensions: G groups, N rollouts a group, R response tokens.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

_STD_EPSILON = 1e-6


class GrpoLoss(NamedTuple):
    """The loss to minimise and what to look at beside it; all are sums over tokens divided by `denominator`."""

    loss: Float[Tensor, ""]
    kl: Float[Tensor, ""]
    clipped_share: Float[Tensor, ""]


def group_advantages(rewards: Float[Tensor, "G N"]) -> Float[Tensor, "G N"]:
    """How much better than its group each rollout is, in the group's standard deviations (DeepSeekMath, eq. 3).

    A group whose rewards are all equal gets zeros. The deviation is the sample's (N - 1), as in verl.
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)
    advantages = centred / (rewards.std(dim=1, keepdim=True) + _STD_EPSILON)
    # The mean of equal numbers is off by a rounding error, which the division would blow up.
    is_constant = rewards.amax(dim=1, keepdim=True) == rewards.amin(dim=1, keepdim=True)
    return advantages.masked_fill(is_constant, 0.0)


def grpo_loss(
    policy_logprobs: Float[Tensor, "G N R"],
    old_logprobs: Float[Tensor, "G N R"],
    ref_logprobs: Float[Tensor, "G N R"] | None,
    advantages: Float[Tensor, "G N"],
    mask: Bool[Tensor, "G N R"],
    *,
    denominator: float,
    ratio_clip_low: float,
    ratio_clip_high: float,
    kl_coefficient: float,
) -> GrpoLoss:
    """Clipped surrogate plus k3 estimate of the KL to the reference (DeepSeekMath, eq. 3 and 4).

    `denominator` is the number of response tokens of the whole step, so that the losses of micro-batches add up
    to the loss of the full batch (token mean). With one update per rollout batch, `old_logprobs` is
    `policy_logprobs.detach()`: the ratio is 1 and only its gradient counts.
    """
    ratio = torch.exp(policy_logprobs - old_logprobs)
    clipped = ratio.clamp(1 - ratio_clip_low, 1 + ratio_clip_high)
    weight = advantages[:, :, None]
    surrogate = torch.minimum(ratio * weight, clipped * weight)
    kl = torch.zeros_like(policy_logprobs)
    if ref_logprobs is not None:
        log_ratio = ref_logprobs - policy_logprobs
        kl = torch.exp(log_ratio) - log_ratio - 1
    per_token = kl_coefficient * kl - surrogate

    def total(values: Float[Tensor, "G N R"]) -> Float[Tensor, ""]:
        return torch.where(mask, values, 0.0).sum() / denominator

    return GrpoLoss(
        loss=total(per_token),
        kl=total(kl.detach()),
        clipped_share=total((clipped != ratio).float()),
    )
