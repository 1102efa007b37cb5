"""GRPO, from the first step to the last (DeepSeekMath, arXiv 2402.03300, section 4.1).

A step asks questions. To each question q the policy as it is, `old`, gives N answers o_1 .. o_N,
which earn rewards r_1 .. r_N. `ref` is the policy that the run started from.

    A_n  = (r_n - mean r) / std r                           advantage of an answer over its group
    w_nt = policy(o_nt | q, o_n<t) / old(o_nt | q, o_n<t)   ratio of its token t
    k_nt = ref / policy - log(ref / policy) - 1             estimate of KL(policy || ref), eq. 4
    loss = - mean over n, t of [ min(w_nt A_n, clip(w_nt, 1 - low, 1 + high) A_n) - beta k_nt ]

`loss.py` has the last four lines as code, with what Dr. GRPO and DAPO change about them.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.core.training import TrainStep
from tasks.core.types import Clip, Sample
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.collect import Collector, Group
from tasks.train.answers import step_answers, warn_of_alike, with_window
from tasks.train.cost import StepCosts
from tasks.train.draw import GroupSource, StepSamples, samples_of_step
from tasks.train.gap import gap_metrics, is_alarming
from tasks.train.loss import group_advantages, grpo_loss, loss_denominators
from tasks.train.metrics import Mean, Metric, merge, values
from tasks.train.shared_prefix import PackedRow, shared_prefix_logprobs
from tasks.train.trainable import Reference
from tasks.train.update import (
    MicroBatch,
    Update,
    Updater,
    learning_rate_at,
    micro_batches,
    split_updates,
)


@runtime_checkable
class Steps(Protocol):
    """The steps of a run: `TrainingRun`, whose libraries a bench of single steps may lack."""

    @property
    def record(self) -> Sequence[TrainStep]:
        """One row for each step done."""
        ...

    def resumed(self) -> AbstractContextManager[bool]:
        """Put everything back to the last checkpoint; gives whether there was one."""
        ...

    def steps(self) -> Iterator[int]:
        """The numbers of the steps that are left; a signal ends the run between two of them."""
        ...

    def end_step(self, row: TrainStep) -> None:
        """Log a step, and write a checkpoint every n steps."""
        ...


@dataclass(frozen=True, kw_only=True)
class Grpo:
    """Trains `policy` in place. Every rank makes every call."""

    policy: Policy
    reference: Reference | None
    """None if KL is not asked for."""
    engine: Updater
    weights: Callable[[], Iterable[tuple[str, Tensor]]]
    """What the rollout engine gets after an update; every rank must iterate to the end."""
    collector: Collector
    clips: Mapping[str, Clip]
    config: TrainConfig
    logprob_gap_alarm: float
    """See `RolloutConfig`."""
    on_groups: Callable[[int, Sequence[Group]], None] = lambda number, groups: None
    """Called with a step's number and this rank's groups."""
    constants: Mapping[str, float] = field(default_factory=dict)
    """What the best constant answer earns, by sample id (`tasks.train.answers`)."""

    def train(self, run: Steps, samples: Sequence[Sample], seed: int) -> None:
        """Train on `samples` to the end of `run`, or until it is stopped."""
        with run.resumed() as is_resumed:
            # The engine was started with the start policy, before the checkpoint was read.
            if is_resumed:
                self.collector.engine.load_weights(self.weights())
            for number in run.steps():
                row = self.step(number, samples_of_step(samples, number, self.config, seed))
                row = with_window(run.record, row)
                if self.engine.ranks.is_first:
                    warn_of_alike(run.record, row)
                run.end_step(row)

    def step(self, number: int, samples: StepSamples) -> TrainStep:
        """Groups of answers to `samples`, one or more updates from them, and what was measured."""
        costs = StepCosts(self.policy, self.reference is not None, self.config, self.engine.ranks)
        groups = self._source(costs).draw(number, samples)
        self.on_groups(number, groups.own)
        learning_rate = learning_rate_at(number, self.config)
        self.engine.set_learning_rate(learning_rate)

        measured: list[Mapping[str, Metric]] = []
        updates = split_updates(groups, self.config.updates_per_batch)
        if updates:  # only then new weights follow, which wake the rollout engine up
            self.collector.engine.sleep()
        for update in updates:
            measured += self._accumulate(update, samples.asked[0], costs)
            with costs.phase("update"):
                measured.append({"train/grad_norm": Mean(self.engine.step(), 1.0)})
        if updates:
            with costs.phase("push"):
                self.collector.engine.load_weights(self.weights())

        of_all_ranks = merge(self.engine.ranks.gather(merge(measured)))
        metrics = groups.metrics() | values(of_all_ranks) | costs.metrics()
        metrics["train/learning_rate"] = learning_rate
        metrics["train/skipped"] = float(not math.isfinite(metrics.get("train/grad_norm", 0.0)))
        is_alarm = is_alarming(metrics, self.logprob_gap_alarm)
        metrics["rollout/logprob_gap_alarm"] = float(is_alarm)
        answers = step_answers(groups.answered, self.constants)
        return TrainStep.of(number, metrics, groups.reward_by_pretext, answers)

    def _accumulate(
        self, update: Update, any_sample: Sample, costs: StepCosts
    ) -> Iterator[Mapping[str, Metric]]:
        """The gradient of one update from this rank's groups, row by row."""
        self.policy.model.train()
        ranks, budget = self.engine.ranks, self.config.microbatch_tokens
        for batch in micro_batches(update, any_sample, self.policy, ranks, budget):
            metrics = self._backward(batch, update, costs)
            # Placeholders only keep the ranks in step: they are no work that was asked for.
            if batch.weight:
                costs.count(batch.row)
                yield metrics

    def _backward(
        self, batch: MicroBatch, update: Update, costs: StepCosts
    ) -> Mapping[str, Metric]:
        """Advantages, log-probs, loss and gradient of one row of groups."""
        config, row = self.config, batch.row
        advantages = group_advantages(batch.rewards, divide_by_std=config.divide_by_std)
        with costs.phase("reference"):
            ref_logprobs, vision = self._reference_logprobs(row)
        with costs.phase("update"):
            logprobs, entropy = self._logprobs(self.engine.forward, row, vision)
            # Before the first update nothing has changed: the ratio is 1, only its gradient counts,
            # and no pass is spent on old log-probs. Later updates take the rollout engine's.
            loss = grpo_loss(
                logprobs,
                logprobs.detach() if update.is_first else batch.rollout_logprobs,
                ref_logprobs,
                advantages,
                row.mask,
                denominators=loss_denominators(
                    row.mask,
                    config.loss_average,
                    num_tokens=update.num_tokens,
                    num_rollouts=update.num_rollouts,
                    max_tokens=self.collector.params.max_tokens,
                ),
                ratio_clip_high=config.ratio_clip_high,
                ratio_cap=config.ratio_cap,
                kl_coefficient=config.kl_coefficient,
            )
            self.engine.backward(loss.loss * batch.weight)
        metrics = loss.metrics(row.mask, entropy, update.num_rollouts)
        if update.is_first:  # later the rollout engine has other weights
            metrics |= gap_metrics(logprobs, [group.completions for group in batch.groups])
        return metrics

    @torch.no_grad()
    def _reference_logprobs(self, row: PackedRow) -> tuple[Float[Tensor, "G N R"] | None, Any]:
        """The reference's log-probs, and vision features where the policy's would be the same."""
        if self.reference is None:
            return None, None
        with self.reference() as model:
            is_shared = self.config.freeze_vision
            vision = model.get_video_features(row.pixel_values, row.grid_thw) if is_shared else None
            return self._logprobs(model, row, vision)[0], vision

    def _logprobs(
        self, forward: Callable[..., Any], row: PackedRow, vision: Any
    ) -> tuple[Float[Tensor, "G N R"], Float[Tensor, "G N R"]]:
        """Under the distribution that answers are drawn from, and its entropy."""
        temperature, banned = self.collector.params.temperature, vision_token_ids(self.policy)
        return shared_prefix_logprobs(forward, row, temperature, vision, banned)

    def _source(self, costs: StepCosts) -> GroupSource:
        return GroupSource(
            collector=self.collector,
            clips=self.clips,
            ranks=self.engine.ranks,
            config=self.config,
            phase=costs.phase,
        )
