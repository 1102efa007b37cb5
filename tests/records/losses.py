"""GRPO's loss as a function of log-probabilities: every option of the configuration, values and
gradients."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tests.records.product.data import generator
from tests.records.product.policy import group_advantages, grpo_loss, loss_denominators
from tests.records.record import Tolerance

TOLERANCE = Tolerance(
    relative=2e-5,
    absolute=1e-8,
    why="float32, vectorised as the processor allows; 1e-6 of the number and 3e-10 was the most "
    "seen",
)
_GROUPS, _ROLLOUTS, _TOKENS = 3, 4, 6
_USUAL = {"ratio_clip_low": 0.2, "ratio_clip_high": 0.2, "ratio_cap": 2.0, "kl_coefficient": 1e-3}
_LIMITS = {
    "usual": _USUAL,
    "clip higher": _USUAL | {"ratio_clip_high": 0.28},
    "no KL": _USUAL | {"kl_coefficient": 0.0},
    "strong KL": _USUAL | {"kl_coefficient": 0.5},
    "cap 1.1": _USUAL | {"ratio_cap": 1.1},
}


def losses(seed: int, folder: Path) -> object:
    """By average, division by the deviation, limits, and whether ratios are to older
    log-probabilities."""
    return dict(_losses(seed))


def _losses(seed: int) -> Iterator[tuple[str, object]]:
    rng = generator(seed, "losses")
    shape = (_GROUPS, _ROLLOUTS, _TOKENS)
    policy, old, reference = (
        torch.from_numpy(-3 * rng.random(shape, dtype="float32")) for _ in range(3)
    )
    old = policy + (old - policy) / 4
    lengths = torch.from_numpy(rng.integers(1, _TOKENS + 1, size=shape[:2]))
    mask = torch.arange(_TOKENS) < lengths[:, :, None]
    rewards = torch.from_numpy(rng.random(shape[:2], dtype="float32"))
    rewards[-1] = 0.75  # a group without spread
    for divides in (True, False):
        yield (
            f"advantages, {'divided' if divides else 'bare'}",
            group_advantages(rewards, divide_by_std=divides).tolist(),
        )
    options = itertools.product(
        ("token", "sequence", "constant"), (True, False), _LIMITS, ("first", "later")
    )
    for average, divides, limits, update in options:
        if limits != "usual" and (average != "token" or not divides):
            continue
        logprobs = policy.clone().requires_grad_()
        found = grpo_loss(
            logprobs,
            logprobs.detach() if update == "first" else old,
            None if limits == "no KL" else reference,
            group_advantages(rewards, divide_by_std=divides),
            mask,
            denominators=loss_denominators(
                mask,
                average,
                num_tokens=int(mask.sum()),
                num_rollouts=_GROUPS * _ROLLOUTS,
                max_tokens=_TOKENS + 2,
            ),
            **_LIMITS[limits],
        )
        found.loss.backward()
        assert logprobs.grad is not None
        values = {name: value.item() for name, value in found._asdict().items()}
        name = f"{average}, {'divided' if divides else 'bare'}, {limits}, {update} update"
        yield name, values | {"gradient": _told(logprobs.grad)}


def _told(gradient: Tensor) -> list[float]:
    """Sum, norm, and the first rollout's numbers."""
    wide = gradient.double()
    return [wide.sum().item(), wide.norm().item(), *gradient[0, 0].tolist()]
