"""GRPO: advantages from a group's rewards, and the clipped policy loss with a KL penalty.

Dimensions: G groups, N rollouts a group, R response tokens.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tasks.core.reward import LEAST_SPREAD
from tasks.train.metrics import Max, Mean, Metric

RATIO_CLIP_LOW = 0.2
"""How far below 1 a ratio counts: PPO's, which GRPO, Dr. GRPO and DAPO all keep."""
_STD_EPSILON = 1e-6
"""As in verl."""


class GrpoLoss(NamedTuple):
    """The loss to minimise, and sums over tokens of what is watched beside it."""

    loss: Float[Tensor, ""]
    kl: Float[Tensor, ""]
    ratio: Float[Tensor, ""]
    ratio_max: Float[Tensor, ""]
    clipped: Float[Tensor, ""]
    """Tokens whose ratio lay outside the limits."""

    def metrics(
        self, mask: Bool[Tensor, "G N R"], entropy: Float[Tensor, "G N R"], num_rollouts: int
    ) -> dict[str, Metric]:
        """Means over the answers' tokens; of the loss, a sum over an update, over updates.

        `mask` and `entropy` are of the groups that the loss is of, `num_rollouts` is the update's.
        """
        num_tokens = float(mask.sum())
        # Each part of an update weighs its share of the rollouts, so an update weighs 1.
        share = mask.shape[0] * mask.shape[1] / num_rollouts
        return {
            "train/loss": Mean(self.loss.item(), share),
            "train/kl": Mean(self.kl.item(), num_tokens),
            "train/entropy": Mean((entropy * mask).sum().item(), num_tokens),
            "train/ratio_mean": Mean(self.ratio.item(), num_tokens),
            "train/ratio_max": Max(self.ratio_max.item()),
            "train/ratio_clipped_share": Mean(self.clipped.item(), num_tokens),
        }


def group_advantages(
    rewards: Float[Tensor, "G N"], *, divide_by_std: bool = True
) -> Float[Tensor, "G N"]:
    """How much better than its group each rollout is, in the group's standard deviations.

    DeepSeekMath, section 4.1.2; the deviation is the sample's (N - 1), as in verl. Without the
    division, groups count by how far their rewards differ (Dr. GRPO, arXiv 2503.20783). A group
    without spread (`tasks.core.reward.has_spread`) gets zeros.
    """
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if divide_by_std:
        advantages = advantages / (rewards.std(dim=1, keepdim=True) + _STD_EPSILON)
    # The mean of equal numbers is off by a rounding error, which the division would blow up.
    is_flat = rewards.std(dim=1, correction=0, keepdim=True) <= LEAST_SPREAD
    return advantages.masked_fill(is_flat, 0.0)


def loss_denominators(
    mask: Bool[Tensor, "G N R"],
    average: str,
    *,
    num_tokens: int,
    num_rollouts: int,
    max_tokens: int,
) -> Float[Tensor, "G N"]:
    """What each rollout's sum over tokens is divided by.

    The counts are the whole update's, so the losses of micro-batches add up to that of the update.

    Args:
        mask: the response tokens.
        average: `token`, every token of the update weighs the same (DAPO, arXiv 2503.14476);
            `sequence`, every rollout weighs the same (DeepSeekMath, eq. 3); `constant`, tokens
            weigh the same whatever the lengths of the update's answers (Dr. GRPO).
        num_tokens: response tokens of the whole update.
        num_rollouts: rollouts of the whole update.
        max_tokens: longest answer that may be sampled.
    """
    lengths = mask.sum(dim=2).float()
    match average:
        case "token":  # 1 / sum of all |o_n|
            return torch.full_like(lengths, num_tokens)
        case "sequence":  # 1 / GN, and 1 / |o_n| within each rollout
            return lengths * num_rollouts
        case "constant":  # 1 / GN, and the same for the tokens of short and long rollouts
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
    ratio_clip_high: float,
    ratio_cap: float,
    kl_coefficient: float,
    ratio_clip_low: float = RATIO_CLIP_LOW,
) -> GrpoLoss:
    """Clipped surrogate plus k3 estimate of the KL to the reference (DeepSeekMath, eq. 3 and 4).

    With one update per rollout batch, `old_logprobs` is `policy_logprobs.detach()`: the ratio is 1
    and only its gradient counts. Later updates take the rollout engine's log-probs: then the ratio
    also corrects for the difference between engine and trainer.
    """
    ratio = torch.exp(policy_logprobs - old_logprobs)
    # Truncated importance sampling, since the clipping below leaves a large ratio of a bad answer
    # as it is. The factor is a constant to autograd, so a truncated ratio keeps its gradient.
    ratio = ratio * (ratio_cap / ratio.detach()).clamp(max=1.0)
    clipped = ratio.clamp(1 - ratio_clip_low, 1 + ratio_clip_high)
    weight = advantages[:, :, None]
    # The lesser of both: clipping takes away what would be gained by going further, never a loss.
    surrogate = torch.minimum(ratio * weight, clipped * weight)
    kl = torch.zeros_like(policy_logprobs)
    if ref_logprobs is not None:
        # k3 of Schulman (2020), "Approximating KL divergence": unbiased, and never negative.
        log_ratio = ref_logprobs - policy_logprobs
        kl = torch.exp(log_ratio) - log_ratio - 1
    per_token = kl_coefficient * kl - surrogate

    def by_rollout(values: Float[Tensor, "G N R"]) -> Float[Tensor, "G N"]:
        # Not values * mask: padding may hold infinities, and infinity times 0 is not a number.
        return torch.where(mask, values, 0.0).sum(dim=2)

    return GrpoLoss(
        loss=(by_rollout(per_token) / denominators).sum(),
        kl=by_rollout(kl.detach()).sum(),
        ratio=by_rollout(ratio.detach()).sum(),
        ratio_max=torch.where(mask, ratio.detach(), 0.0).max(),
        clipped=by_rollout((clipped != ratio).float()).sum(),
    )
