"""How far rollout engine and policy disagree about the tokens that were sampled.

Measured at every step, on every token: another precision, stale weights or other frames show here
first. Dimensions: G groups, N completions, R tokens.
"""

import logging
import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tasks.rollout.engine import Completion
from tasks.train.metrics import Max, Mean, Metric

logger = logging.getLogger(__name__)

_MEAN, _MAX = "rollout/logprob_gap_mean", "rollout/logprob_gap_max"


def gap_metrics(
    policy_logprobs: Float[Tensor, "G N R"], groups: Sequence[Sequence[Completion]]
) -> dict[str, Metric]:
    """Absolute differences (nats) of the policy's log-probs from the completions' own.

    The policy's are padded right. A difference that is not a number counts as infinite.
    """
    pairs = [
        (policy_logprobs[g, n, : len(completion.logprobs)], completion.logprobs)
        for g, group in enumerate(groups)
        for n, completion in enumerate(group)
    ]
    policy = torch.cat([own for own, _ in pairs]).detach().double().cpu()
    engine = torch.tensor([value for _, values in pairs for value in values], dtype=torch.float64)
    gaps = (policy - engine).abs().nan_to_num(nan=math.inf, posinf=math.inf)
    return {_MEAN: Mean(gaps.sum().item(), float(len(gaps))), _MAX: Max(gaps.max().item())}


def is_alarming(metrics: Mapping[str, float], level: float) -> bool:
    """Whether the mean of a step's `gap_metrics` reaches `level`, with a warning if so."""
    mean = metrics.get(_MEAN, 0.0)  # a step without an update compares nothing
    if mean < level:
        return False
    logger.warning(
        "rollout engine and policy differ by %.3g nats a token on average (largest %.3g), alarm "
        "level %.3g: the answers were drawn from another distribution than the one that is trained "
        "(rollout.logprob_gap_alarm)",
        mean,
        metrics[_MAX],
        level,
    )
    return True
