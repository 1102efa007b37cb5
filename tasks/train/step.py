"""One GRPO step: rollouts of a batch of samples become optimizer updates and one row of the record.

The samples are shared over ranks by how much there is to see. Every sum is over all of them, so that neither their
number nor the cut into micro-batches changes the update.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.core.training import TrainStep
from tasks.core.types import Clip, Sample
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.collect import Collected, Collector, Group
from tasks.rollout.gap import LogprobGap, is_alarming, measure_gap
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import EncodedPrompt
from tasks.train.cost import decoder_flops, peak_flops, vision_flops
from tasks.train.loss import GrpoLoss, group_advantages, grpo_loss, loss_denominators
from tasks.train.pack import pack_groups
from tasks.train.phases import Phases, peak_memory_mib
from tasks.train.placeholder import placeholder_group
from tasks.train.ranks import balanced_shares
from tasks.train.reference import Reference
from tasks.train.schedule import learning_rate_at
from tasks.train.shared_prefix import PackedRow, pack_row, shared_prefix_logprobs
from tasks.train.totals import Drawn, Totals, Updated, has_spread, step_record, total
from tasks.train.updater import Updater

UpdaterT = TypeVar("UpdaterT", bound=Updater)


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """What an update's sums are divided by, and which log-probs are the old ones."""

    num_tokens: int
    num_rollouts: int
    is_first: bool
    """The policy is still the one that gave the answers."""
    weight: float = 1.0
    """0 for a pass that only keeps ranks in step."""


@dataclass(frozen=True)
class Grpo(Generic[UpdaterT]):
    """The parts of a GRPO step. With one update per rollout batch the ratio is 1 and no old-logprob pass is needed."""

    policy: Policy
    reference: Reference | None
    engine: UpdaterT
    weights: Callable[[], Iterable[tuple[str, Tensor]]]
    """What the rollout engine gets after an update; every rank must iterate to the end."""
    collector: Collector
    clips: Mapping[str, Clip]
    config: TrainConfig
    logprob_gap_alarm: float
    look: Callable[[int, Sequence[Group]], None] = lambda number, groups: None
    """Called with a step's number and this rank's groups."""

    def step(
        self, number: int, samples: Sequence[Sample], spares: Sequence[Sample] = (), following: Sequence[Sample] = ()
    ) -> TrainStep:
        """Collect rollouts for `samples`, update the policy, report.

        `spares` stand by, in this order, for samples whose rewards turn out all equal; `following` are the samples of
        the next step, whose prompts may be made meanwhile.
        """
        phases = Phases()
        self.collector.prompts.expect(number, self._answered_here(samples))
        self.collector.prompts.expect(number + 1, self._answered_here(following))
        own, drawn = self._draw(number, samples, spares, phases)
        self.look(number, own)
        if not drawn.groups:
            raise ValueError(f"no sample of the step could be rendered, first reason: {drawn.failures[0]}")
        learning_rate = learning_rate_at(number, self.config)
        self.engine.set_learning_rate(learning_rate)
        if drawn.trained:  # only then new weights follow
            self.collector.engine.sleep()
        updated = self._update(own, drawn.trained, samples[0], phases)
        flops = self._flops(updated.totals)
        mfu = 0.0
        peak = peak_flops(self.policy.device)
        if peak is not None and "update" in phases.seconds:
            mfu = flops["update"] / (phases.seconds["update"] * peak * self.engine.ranks.count)
        alarm = is_alarming(updated.totals.gap, self.logprob_gap_alarm)
        return step_record(number, drawn, updated, learning_rate, phases.seconds, flops, mfu, logprob_gap_alarm=alarm)

    def _flops(self, totals: Totals) -> dict[str, float]:
        """By phase, from those of one forward pass: the backward pass is twice the forward."""
        vision, decoder = float(totals.flops_vision), float(totals.flops_decoder)
        has_reference = self.reference is not None
        return {
            "rollout": vision + decoder,
            "reference": has_reference * (decoder + (not self.config.freeze_vision) * vision),
            "update": 3 * decoder + (1 if self.config.freeze_vision else 3) * vision,
            "vision_forward": vision,
        }

    def _draw(
        self, number: int, samples: Sequence[Sample], spares: Sequence[Sample], phases: Phases
    ) -> tuple[list[Group], Drawn]:
        """This rank's groups to train on, and all that were drawn."""
        own, everyone = self._collect(number, samples, phases)
        num_first = len(everyone.groups)
        num_flat = sum(not has_spread(group) for group in everyone.groups)
        rounds = self.config.refill_rounds if self.config.flat_groups == "resample" else 0
        for _ in range(rounds):
            refill, spares = spares[:num_flat], spares[num_flat:]
            if not refill:
                break
            more_own, more = self._collect(number, refill, phases)
            own, everyone = _joined(own, more_own), _joined(everyone, more)
            num_flat = sum(not has_spread(group) for group in more.groups) + len(refill) - len(more.groups)
        keeps_flat = self.config.flat_groups == "keep"
        drawn = Drawn(
            groups=everyone.groups,
            trained=[group for group in everyone.groups if keeps_flat or has_spread(group)],
            num_first=num_first,
            failures=everyone.failures,
        )
        return [group for group in own.groups if keeps_flat or has_spread(group)], drawn

    def _shares(self, samples: Sequence[Sample]) -> list[list[Sample]]:
        """The samples that each rank trains on."""
        shares = balanced_shares([_num_shown_px(sample, self.clips) for sample in samples], self.engine.ranks.count)
        return [[samples[i] for i in share] for share in shares]

    def _answered_here(self, samples: Sequence[Sample]) -> list[Sample]:
        """The samples of all ranks that share this one's rollout engine."""
        index, num = self.engine.ranks.index, self.collector.engine.ranks_together
        first = index - index % num
        return [sample for share in self._shares(samples)[first : first + num] for sample in share]

    def _collect(self, number: int, samples: Sequence[Sample], phases: Phases) -> tuple[Collected, Collected]:
        """This rank's share of the rollouts, and those of all ranks in the order of `samples`, without frames."""
        with phases.phase("wait"):
            taken = self.collector.take(self._answered_here(samples))
        with phases.phase("rollout"):
            own = self.collector.answer(taken, "train", number).of(self._shares(samples)[self.engine.ranks.index])
            light = [replace(group, prompt=group.prompt.without_videos) for group in own.groups]
            gathered = self.engine.ranks.gather(Collected(groups=light, failures=own.failures))
        position = {sample.sample_id: i for i, sample in enumerate(samples)}
        groups = sorted((group for c in gathered for group in c.groups), key=lambda g: position[g.sample.sample_id])
        return own, Collected(groups=groups, failures=[failure for c in gathered for failure in c.failures])

    def _update(self, own: Sequence[Group], everyone: Sequence[Group], any_sample: Sample, phases: Phases) -> Updated:
        """The updates of a step, each from every n-th group of all ranks, and the weights handed on."""
        num_updates = self.config.updates_per_batch
        part_of = {group.sample.sample_id: i % num_updates for i, group in enumerate(everyone)}
        totals = Totals()
        grad_norms: list[float] = []
        for part in range(num_updates):
            lengths = [len(c.token_ids) for g in everyone for c in g.completions if part_of[g.sample.sample_id] == part]
            if not lengths:
                continue
            scale = _Scale(num_tokens=sum(lengths), num_rollouts=len(lengths), is_first=not grad_norms)
            mine = [group for group in own if part_of[group.sample.sample_id] == part]
            totals.add(self._accumulate(mine, scale, any_sample, phases))
            with phases.phase("update"):
                grad_norms.append(self.engine.step())
        if grad_norms:
            with phases.phase("push"):
                self.collector.engine.load_weights(self.weights())
        totals.peak_mib_max = peak_memory_mib()
        return Updated(totals=total(self.engine.ranks.gather(totals)), grad_norms=grad_norms)

    def _accumulate(self, groups: Sequence[Group], scale: _Scale, any_sample: Sample, phases: Phases) -> Totals:
        """The gradient of one update from this rank's groups."""
        encoded = [encode_prompt(self.policy.processor, group.prompt) for group in groups]
        lengths = [
            len(prompt.input_ids) + sum(len(completion.token_ids) for completion in group.completions)
            for prompt, group in zip(encoded, groups, strict=True)
        ]
        batches = pack_groups(lengths, self.config.microbatch_tokens)
        num_passes = max(self.engine.ranks.gather(len(batches)))
        self.policy.model.train()
        totals = total(
            self._microbatch([groups[i] for i in batch], [encoded[i] for i in batch], scale, phases)
            for batch in batches
        )
        for _ in range(num_passes - len(batches)):
            # Ranks exchange gradients (and, under ZeRO-3, weights) at every pass, so all need as many.
            group = placeholder_group(self.policy.processor, any_sample)
            prompt = encode_prompt(self.policy.processor, group.prompt)
            self._microbatch([group], [prompt], replace(scale, weight=0.0), phases)
        return totals

    def _microbatch(
        self, groups: Sequence[Group], encoded: Sequence[EncodedPrompt], scale: _Scale, phases: Phases
    ) -> Totals:
        """Forward and backward over one row of groups."""
        answers = [[completion.token_ids for completion in group.completions] for group in groups]
        row = pack_row([batch_prompts(self.policy, [prompt]) for prompt in encoded], answers)
        with phases.phase("reference"):
            ref_logprobs, vision = self._reference_logprobs(row)
        with phases.phase("update"):
            logprobs, entropy = shared_prefix_logprobs(
                self.engine.forward, row, self._temperature, vision, self._banned
            )
            result = self._loss(logprobs, ref_logprobs, groups, row, scale)
            self.engine.backward(result.loss * scale.weight)
        # Only before the first update do both have the same weights.
        gap = measure_gap(logprobs, [group.completions for group in groups]) if scale.is_first else LogprobGap()
        config = self.policy.model.config
        return Totals(
            loss=result.loss.item(),
            num_tokens=int(row.mask.sum()),
            kl=result.kl.item(),
            entropy=(entropy * row.mask).sum().item(),
            ratio=result.ratio.item(),
            ratio_max=result.ratio_max.item(),
            clipped=result.clipped.item(),
            gap_total=gap.total,
            gap_max=gap.largest,
            gap_tokens=gap.num_tokens,
            tokens_prompt=sum(span.num_prompt for span in row.spans),
            tokens_vision=int((row.input_ids == config.video_token_id).sum()),
            flops_vision=vision_flops(config, row.grid_thw),
            flops_decoder=sum(
                decoder_flops(config, span.num_prompt, list(map(len, group)))
                for span, group in zip(row.spans, answers, strict=True)
            ),
        )

    @property
    def _temperature(self) -> float:
        return self.collector.params.temperature

    @property
    def _banned(self) -> list[int]:
        return vision_token_ids(self.policy)

    @torch.no_grad()
    def _reference_logprobs(self, row: PackedRow) -> tuple[Float[Tensor, "G N R"] | None, Any]:
        """What the reference says, and the vision features where the policy's would be the same."""
        if self.reference is None:
            return None, None
        with self.reference() as model:
            is_shared = self.config.freeze_vision
            vision = model.get_video_features(row.pixel_values, row.grid_thw) if is_shared else None
            return shared_prefix_logprobs(model, row, self._temperature, vision, self._banned)[0], vision

    def _loss(
        self,
        logprobs: Float[Tensor, "G N R"],
        ref_logprobs: Float[Tensor, "G N R"] | None,
        groups: Sequence[Group],
        row: PackedRow,
        scale: _Scale,
    ) -> GrpoLoss:
        rewards = torch.tensor([group.rewards for group in groups], device=self.policy.device)
        return grpo_loss(
            logprobs,
            logprobs.detach() if scale.is_first else _rollout_logprobs(groups, row.mask),
            ref_logprobs,
            group_advantages(rewards, divide_by_std=self.config.divide_by_std),
            row.mask,
            denominators=loss_denominators(
                row.mask,
                self.config.loss_average,
                num_tokens=scale.num_tokens,
                num_rollouts=scale.num_rollouts,
                max_tokens=self.collector.params.max_tokens,
            ),
            ratio_clip_low=self.config.ratio_clip_low,
            ratio_clip_high=self.config.ratio_clip_high,
            ratio_cap=self.config.ratio_cap,
            kl_coefficient=self.config.kl_coefficient,
        )


def _num_shown_px(sample: Sample, clips: Mapping[str, Clip]) -> int:
    """Pixels of all frames shown: what a sample costs, nearly, before it is rendered."""
    found = [(view, clips.get(view.clip_id)) for view in sample.views]
    return sum((v.stop_frame - v.start_frame) * clip.width_px * clip.height_px for v, clip in found if clip is not None)


def _joined(first: Collected, second: Collected) -> Collected:
    return Collected(groups=first.groups + second.groups, failures=first.failures + second.failures)


def _rollout_logprobs(groups: Sequence[Group], mask: Bool[Tensor, "G N R"]) -> Float[Tensor, "G N R"]:
    """What the rollout engine said about each token, 0 on padding."""
    sampled = torch.zeros(mask.shape, device=mask.device)
    for g, group in enumerate(groups):
        for n, completion in enumerate(group.completions):
            sampled[g, n, : len(completion.logprobs)] = torch.tensor(completion.logprobs)
    return sampled
