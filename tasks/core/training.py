"""The training record: one row for each GRPO step. The `train` stage writes it; the report shows it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """What one optimizer step saw and did."""

    step: int
    reward_mean: float
    """Over all rollouts of the step, before the update."""
    reward_by_pretext: dict[str, float]
    spread_share: float
    """Share of the step's groups whose rewards are not all equal: the others have no gradient."""
    loss: float
    kl: float
    """Mean over answer tokens of the estimated divergence from the start model."""
    entropy: float
    grad_norm: float
    """Before clipping."""
    logprob_gap_max: float
    """Largest difference of a token's log-probability between rollout engine and trainer."""
    answer_tokens_mean: float
    unparsed_share: float
    truncated_share: float
    samples_failed: int
    """Samples of the step that could not be rendered."""
    learning_rate: float
    seconds_rollout: float
    seconds_update: float
