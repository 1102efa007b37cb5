"""What training leaves: a policy, and a record with one row for each step. `train` makes it; the report shows it."""

from dataclasses import dataclass

from tasks.core.types import Artifact, StageReport


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """What one optimizer step saw and did."""

    step: int
    reward_mean: float
    """Over all rollouts of the step, before the update."""
    reward_by_pretext: dict[str, float]
    reward_by_part: dict[str, float]
    """By the part of the answer, over the answers that have it."""
    spread_share: float
    """Share of the groups drawn first whose rewards are not all equal: the others have no policy gradient."""
    flat_by_pretext: dict[str, float]
    """Groups without spread, refills included."""
    groups_refilled: int
    """Groups drawn in the place of those without spread."""
    groups_left_out: int
    """Groups without spread that were not passed through the model again."""
    loss: float
    kl: float
    """Mean over answer tokens of the estimated divergence from the start model."""
    entropy: float
    ratio_mean: float
    """Of the new to the old probability of the answers' tokens; 1 with one update per batch."""
    ratio_max: float
    ratio_clipped_share: float
    grad_norm: float
    """Before clipping; not a finite number if the update was left out."""
    skipped: bool
    """The update was left out, because its gradient was not finite."""
    logprob_gap_mean: float
    logprob_gap_max: float
    """Mean and largest difference of a token's log-probability between rollout engine and trainer."""
    logprob_gap_alarm: bool
    """The mean reached the level that is warned about."""
    answer_tokens_mean: float
    unparsed_share: float
    truncated_share: float
    samples_failed: int
    """Samples of the step that could not be rendered."""
    learning_rate: float
    seconds_wait: float
    """For prompts that are not rendered and encoded yet: the device idles. Seconds are those of the first rank."""
    seconds_rollout: float
    """Generating and scoring."""
    seconds_reference: float
    seconds_update: float
    """Forward, backward and optimizer."""
    seconds_push: float
    """New weights to the rollout engine."""
    tokens_prompt: int
    """Tokens that passed through the model in the update, over all ranks; each prompt counts once."""
    tokens_vision: int
    """Those of `tokens_prompt` that are pictures."""
    tokens_answer: int
    flops_by_phase: dict[str, float]
    """Operations of the groups trained on, over all ranks, counted from shapes; the vision tower's stand apart."""
    mfu: float
    """Share of the devices' peak that the update reached; 0 where the peak is not known."""
    peak_mib: float
    """Most memory of any rank so far."""

    @property
    def seconds(self) -> dict[str, float]:
        """By phase."""
        return {
            "wait": self.seconds_wait,
            "rollout": self.seconds_rollout,
            "reference": self.seconds_reference,
            "update": self.seconds_update,
            "push": self.seconds_push,
        }

    def headline(self) -> dict[str, str]:
        """What stands beside a progress bar."""
        phases = " ".join(f"{phase} {seconds:.1f}" for phase, seconds in self.seconds.items() if seconds >= 0.05)
        return {"reward": f"{self.reward_mean:.3f}", "spread": f"{self.spread_share:.2f}", "seconds": phases}

    def metrics(self) -> dict[str, float]:
        """The step as tracker metrics, grouped by the part before the slash."""
        return {
            "reward/mean": self.reward_mean,
            "reward/spread_share": self.spread_share,
            **{f"reward/{pretext}": value for pretext, value in self.reward_by_pretext.items()},
            **{f"reward_part/{part}": value for part, value in self.reward_by_part.items()},
            **{f"flat_groups/{pretext}": value for pretext, value in self.flat_by_pretext.items()},
            "flat_groups/refilled": float(self.groups_refilled),
            "flat_groups/left_out": float(self.groups_left_out),
            "train/loss": self.loss,
            "train/kl": self.kl,
            "train/entropy": self.entropy,
            "train/ratio_mean": self.ratio_mean,
            "train/ratio_max": self.ratio_max,
            "train/ratio_clipped_share": self.ratio_clipped_share,
            "train/grad_norm": self.grad_norm,
            "train/skipped": float(self.skipped),
            "train/learning_rate": self.learning_rate,
            "rollout/logprob_gap_mean": self.logprob_gap_mean,
            "rollout/logprob_gap_max": self.logprob_gap_max,
            "rollout/logprob_gap_alarm": float(self.logprob_gap_alarm),
            "rollout/answer_tokens_mean": self.answer_tokens_mean,
            "rollout/unparsed_share": self.unparsed_share,
            "rollout/truncated_share": self.truncated_share,
            "rollout/samples_failed": float(self.samples_failed),
            **{f"time/step_{phase}_seconds": seconds for phase, seconds in self.seconds.items()},
            "time/waiting_share": self.seconds_wait / sum(self.seconds.values()),
            "cost/tokens_prompt": float(self.tokens_prompt),
            "cost/tokens_vision": float(self.tokens_vision),
            "cost/tokens_answer": float(self.tokens_answer),
            **{f"cost/flops_{phase}": value for phase, value in self.flops_by_phase.items()},
            **({"cost/mfu": self.mfu} if self.mfu else {}),
            "cost/peak_mib": self.peak_mib,
        }


@dataclass(frozen=True, kw_only=True)
class WarmStep:
    """What one step of the warm start did."""

    loss: float
    """Mean negative log-likelihood of the right answers' tokens."""
    grad_norm: float
    """Before clipping; not a finite number if the update was left out."""
    skipped: bool

    def headline(self) -> dict[str, str]:
        """What stands beside a progress bar."""
        return {"loss": f"{self.loss:.3f}", "grad_norm": f"{self.grad_norm:.3f}"}

    def metrics(self) -> dict[str, float]:
        """The step as tracker metrics."""
        return {
            "warm_start/loss": self.loss,
            "warm_start/grad_norm": self.grad_norm,
            "warm_start/skipped": float(self.skipped),
        }


@dataclass(frozen=True)
class Trained:
    """A policy that GRPO made."""

    policy: Artifact
    """Folder in Hugging Face layout."""
    record: Artifact
    """Rows of TrainStep."""
    report: StageReport
