"""What training leaves: a policy, and a record with one row for each step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.types import Artifact, StageReport

PHASES = ("wait", "rollout", "reference", "update", "push")
"""Of a GRPO step: waiting for prompts that are not rendered and encoded yet (the device idles);
generating and scoring; the reference's log-probs; forward, backward and optimizer; new weights to
the rollout engine."""


@dataclass(frozen=True, kw_only=True)
class StepAnswers:
    """What was answered to the samples of one pretext task, in one step or in several."""

    num_groups: int
    num_answers: int
    given: dict[str, int]
    """How often each answer was given, in the writing of `rewards.schema.canonical_answer`; without
    those that miss the format."""
    right: dict[str, int]
    """How many groups each answer would have been right for."""
    over_constant: float
    """Sum over groups of the mean smooth reward minus what the best constant answer earns there."""
    num_compared: int
    """Groups in that sum: those whose answers have a best constant one."""


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """What one step saw and did. The fields are what others read; `metrics` has it all."""

    step: int
    reward_mean: float
    """Over all rollouts of the step, before the update."""
    reward_by_pretext: dict[str, float]
    spread_share: float
    """Share of the groups asked first that have spread: the others have no policy gradient."""
    kl: float
    """Mean over answer tokens of the estimated divergence from the start model."""
    grad_norm: float
    """Before clipping; not a finite number if the update was left out, 0 if there was none."""
    metrics: dict[str, float]
    """By the tracker's names, grouped by the part before the slash. What an update measures is
    missing if there was none, as no group was left to train on.

    `reward`, `reward_part`, `flat_groups`: `tasks.train.draw`. `answers`, `reward_over_constant`:
    `tasks.train.answers`, over a window of steps. `train`: `tasks.train.loss`; the ratio is the new
    to the old probability of the answers' tokens, 1 with one update per batch.
    `rollout`: answers, and how far the log-probs of rollout engine and trainer are apart. `time`,
    `cost`: `tasks.train.cost`; seconds are those of the first rank, the rest is over all ranks.
    """
    answers: dict[str, StepAnswers] = field(default_factory=dict)
    """By pretext task, of all ranks; empty in records written before this was kept."""

    @classmethod
    def of(
        cls,
        step: int,
        metrics: dict[str, float],
        reward_by_pretext: dict[str, float],
        answers: dict[str, StepAnswers],
    ) -> "TrainStep":
        """The row of `step`, whose fields are taken from its metrics."""
        return cls(
            step=step,
            reward_mean=metrics["reward/mean"],
            reward_by_pretext=reward_by_pretext,
            spread_share=metrics["reward/spread_share"],
            kl=metrics.get("train/kl", 0.0),
            grad_norm=metrics.get("train/grad_norm", 0.0),
            metrics=metrics,
            answers=answers,
        )

    @property
    def skipped(self) -> bool:
        """The update was left out, because its gradient was not finite."""
        return not math.isfinite(self.grad_norm)

    @property
    def seconds(self) -> dict[str, float]:
        """By phase."""
        return {phase: self.metrics[f"time/step_{phase}_seconds"] for phase in PHASES}

    @property
    def most_frequent_shares(self) -> dict[str, float]:
        """Share of the most frequent answer, by pretext task."""
        prefix, suffix = "answers/", "_most_frequent_share"
        return {
            name.removeprefix(prefix).removesuffix(suffix): value
            for name, value in self.metrics.items()
            if name.startswith(prefix) and name.endswith(suffix)
        }

    @property
    def rewards_over_constant(self) -> dict[str, float]:
        """Mean reward minus that of the best constant answer, by pretext task that has one."""
        prefix = "reward_over_constant/"
        return {
            name.removeprefix(prefix): value
            for name, value in self.metrics.items()
            if name.startswith(prefix)
        }

    def headline(self) -> dict[str, str]:
        """What stands beside a progress bar."""
        phases = [f"{phase} {s:.1f}" for phase, s in self.seconds.items() if s >= 0.05]
        return {
            "reward": f"{self.reward_mean:.3f}",
            "spread": f"{self.spread_share:.2f}",
            **({"same": self._least_varied()} if self.most_frequent_shares else {}),
            "seconds": " ".join(phases),
        }

    def _least_varied(self) -> str:
        """The pretext task that earns least over its best constant answer, as "jigsaw 34% +0.12":
        how much of its answers is the most frequent one, and what it earns over the constant."""
        shares, gains = self.most_frequent_shares, self.rewards_over_constant
        task = min(shares, key=lambda name: (gains.get(name, math.inf), -shares[name]))
        gain = f" {gains[task]:+.2f}" if task in gains else ""
        return f"{task} {shares[task]:.0%}{gain}"


@dataclass(frozen=True, kw_only=True)
class WarmStep:
    """What one step of the warm start did."""

    loss: float
    """Mean negative log-likelihood of the right answers' tokens."""
    grad_norm: float
    """Before clipping; not a finite number if the update was left out."""

    @property
    def skipped(self) -> bool:
        """The update was left out, because its gradient was not finite."""
        return not math.isfinite(self.grad_norm)

    @property
    def metrics(self) -> Mapping[str, float]:
        """The step as tracker metrics."""
        return {
            "warm_start/loss": self.loss,
            "warm_start/grad_norm": self.grad_norm,
            "warm_start/skipped": float(self.skipped),
        }

    def headline(self) -> dict[str, str]:
        """What stands beside a progress bar."""
        return {"loss": f"{self.loss:.3f}", "grad_norm": f"{self.grad_norm:.3f}"}


NO_BASE = Artifact("", "")
"""Of the tiny model, which is made anew from the samples of each night."""


@dataclass(frozen=True)
class StartPolicy:
    """The policy that calibration measures and GRPO starts from."""

    policy: Artifact
    """Folder in Hugging Face layout, or a hub model (`tasks.policy.checkpoint.outside_policy`)."""
    report: StageReport
    base: Artifact = NO_BASE
    """`model.base`, from which it was made."""


@dataclass(frozen=True)
class TrainedPolicy:
    """A policy that GRPO made."""

    policy: Artifact
    """Folder in Hugging Face layout."""
    record: Artifact
    """Rows of TrainStep."""
    report: StageReport
