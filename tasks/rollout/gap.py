"""How far engine and policy disagree about the tokens that were sampled: measured at every step, on every token.

Another precision, stale weights or other frames show here first. Dimensions: G groups, N completions, R tokens.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tasks.rollout.engine import Completion

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogprobGap:
    """Absolute differences of log-probabilities (nats); a difference that is no number counts as infinite."""

    total: float = 0.0
    largest: float = 0.0
    num_tokens: int = 0

    @property
    def mean(self) -> float:
        return self.total / self.num_tokens if self.num_tokens else 0.0


def measure_gap(policy_logprobs: Float[Tensor, "G N R"], groups: Sequence[Sequence[Completion]]) -> LogprobGap:
    """Compare the policy's log-probabilities (padded right) with those that came with the completions."""
    pairs = [
        (policy_logprobs[g, n, : len(completion.logprobs)], completion.logprobs)
        for g, group in enumerate(groups)
        for n, completion in enumerate(group)
    ]
    policy = torch.cat([found for found, _ in pairs]).detach().double().cpu()
    engine = torch.tensor([value for _, values in pairs for value in values], dtype=torch.float64)
    gaps = (policy - engine).abs().nan_to_num(nan=math.inf, posinf=math.inf)
    return LogprobGap(total=gaps.sum().item(), largest=gaps.max().item(), num_tokens=len(gaps))


def is_alarming(gap: LogprobGap, level: float) -> bool:
    """Whether the mean reaches `level`, with a warning if so."""
    if gap.mean < level:
        return False
    logger.warning(
        "rollout engine and policy differ by %.3g nats a token on average (largest %.3g), alarm level %.3g: the "
        "answers were drawn from another distribution than the one that is trained (rollout.logprob_gap_alarm)",
        gap.mean,
        gap.largest,
        level,
    )
    return True
