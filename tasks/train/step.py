"""One GRPO step: rollouts of a batch of samples become one optimizer update and one row of the record.

The samples are shared over ranks by how much there is to see. Every sum is over all of them, so that neither their
number nor the cut into micro-batches changes the update.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, pstdev

import torch
from torch import Tensor

from tasks.core.config import TrainConfig
from tasks.core.training import TrainStep
from tasks.core.types import Clip, Sample
from tasks.policy.checkpoint import Policy
from tasks.rollout.collect import Collected, Collector, Group
from tasks.rollout.inputs import EncodedPrompt, batch_prompts, encode_prompt
from tasks.train.engine import TrainEngine
from tasks.train.loss import group_advantages, grpo_loss
from tasks.train.pack import pack_groups
from tasks.train.placeholder import placeholder_group
from tasks.train.ranks import balanced_shares
from tasks.train.schedule import learning_rate_at
from tasks.train.shared_prefix import ResponseBatch, batch_responses, shared_prefix_logprobs


@dataclass
class _Totals:
    """Sums over the micro-batches of a step."""

    loss: float = 0.0
    kl: float = 0.0
    entropy: float = 0.0
    logprob_gap_max: float = 0.0


@dataclass(frozen=True)
class Grpo:
    """The parts of a GRPO step. One update per rollout batch: the ratio is 1, no old-logprob pass is needed."""

    policy: Policy
    reference: Policy | None
    engine: TrainEngine
    collector: Collector
    config: TrainConfig

    def step(self, number: int, samples: Sequence[Sample]) -> TrainStep:
        """Collect rollouts for `samples`, update the policy, report."""
        started = time.perf_counter()
        own, everyone = self._collect(number, samples)
        if not everyone.groups:
            raise ValueError(f"no sample of the step could be rendered, first reason: {everyone.failures[0]}")
        after_rollout = time.perf_counter()
        learning_rate = learning_rate_at(number, self.config)
        self.engine.set_learning_rate(learning_rate)
        num_tokens = sum(len(c.token_ids) for group in everyone.groups for c in group.completions)
        totals, grad_norm = self._update(own.groups, num_tokens, samples[0])
        after_update = time.perf_counter()
        rollouts = [rollout for group in everyone.groups for rollout in group.rollouts]
        return TrainStep(
            step=number,
            reward_mean=fmean(rollout.reward for rollout in rollouts),
            reward_by_pretext=_reward_by_pretext(everyone.groups),
            spread_share=fmean(pstdev(group.rewards) > 0 for group in everyone.groups),
            loss=totals.loss,
            kl=totals.kl,
            entropy=totals.entropy,
            grad_norm=grad_norm,
            skipped=not math.isfinite(grad_norm),
            logprob_gap_max=totals.logprob_gap_max,
            answer_tokens_mean=fmean(rollout.num_tokens for rollout in rollouts),
            unparsed_share=fmean(not rollout.parsed for rollout in rollouts),
            truncated_share=fmean(rollout.truncated for rollout in rollouts),
            samples_failed=len(everyone.failures),
            learning_rate=learning_rate,
            seconds_rollout=after_rollout - started,
            seconds_update=after_update - after_rollout,
        )

    def _collect(self, number: int, samples: Sequence[Sample]) -> tuple[Collected, Collected]:
        """This rank's share of the rollouts, and those of all ranks in the order of `samples`, without frames."""
        ranks = self.engine.ranks
        shares = balanced_shares([_num_shown_px(sample, self.collector.clips) for sample in samples], ranks.count)
        own = self.collector.collect([samples[i] for i in shares[ranks.index]], "train", number)
        light = [replace(group, prompt=replace(group.prompt, videos=())) for group in own.groups]
        gathered = ranks.gather(Collected(groups=light, failures=own.failures))
        position = {sample.sample_id: i for i, sample in enumerate(samples)}
        groups = sorted((group for c in gathered for group in c.groups), key=lambda g: position[g.sample.sample_id])
        return own, Collected(groups=groups, failures=[failure for c in gathered for failure in c.failures])

    def _update(self, groups: Sequence[Group], num_tokens: int, any_sample: Sample) -> tuple[_Totals, float]:
        """Update from this rank's groups; `num_tokens` answer tokens are in the groups of all ranks."""
        encoded = [encode_prompt(self.policy.processor, group.prompt) for group in groups]
        answers = [[completion.token_ids for completion in group.completions] for group in groups]
        batches = pack_groups(
            [len(prompt.input_ids) for prompt in encoded],
            [len(group) * max(map(len, group)) for group in answers],
            self.config.microbatch_tokens,
        )
        num_passes = max(self.engine.ranks.gather(len(batches)))
        totals = _Totals()
        self.policy.model.train()
        for batch in batches:
            self._microbatch([groups[i] for i in batch], [encoded[i] for i in batch], totals, num_tokens)
        for _ in range(num_passes - len(batches)):
            # Ranks exchange gradients (and, under ZeRO-3, weights) at every pass, so all need as many.
            group = placeholder_group(self.policy.processor, any_sample)
            prompt = encode_prompt(self.policy.processor, group.prompt)
            self._microbatch([group], [prompt], _Totals(), num_tokens, weight=0.0)
        grad_norm = self.engine.step()
        self.collector.engine.load_weights(self.engine.named_weights())
        return _total(self.engine.ranks.gather(totals)), grad_norm

    def _microbatch(
        self,
        groups: Sequence[Group],
        encoded: Sequence[EncodedPrompt],
        totals: _Totals,
        num_tokens: int,
        weight: float = 1.0,
    ) -> None:
        prompts = batch_prompts(self.policy, encoded)
        responses = batch_responses([[c.token_ids for c in group.completions] for group in groups], self.policy.device)
        temperature = self.collector.params.temperature
        logprobs, entropy = shared_prefix_logprobs(self.engine.forward, prompts, responses, temperature)
        ref_logprobs = None
        if self.reference is not None:
            with torch.no_grad():
                ref_logprobs, _ = shared_prefix_logprobs(self.reference.model, prompts, responses, temperature)
        rewards = torch.tensor([group.rewards for group in groups], device=self.policy.device)
        result = grpo_loss(
            logprobs,
            logprobs.detach(),
            ref_logprobs,
            group_advantages(rewards),
            responses.mask,
            denominator=float(num_tokens),
            ratio_clip_low=self.config.ratio_clip_low,
            ratio_clip_high=self.config.ratio_clip_high,
            kl_coefficient=self.config.kl_coefficient,
        )
        self.engine.backward(result.loss * weight)
        totals.loss += result.loss.item()
        totals.kl += result.kl.item()
        totals.entropy += (entropy * responses.mask).sum().item() / num_tokens
        totals.logprob_gap_max = max(totals.logprob_gap_max, _logprob_gap(logprobs.detach(), responses, groups))


def _num_shown_px(sample: Sample, clips: Mapping[str, Clip]) -> int:
    """Pixels of all frames shown: what a sample costs, nearly, before it is rendered."""
    found = [(view, clips.get(view.clip_id)) for view in sample.views]
    return sum((v.stop_frame - v.start_frame) * clip.width_px * clip.height_px for v, clip in found if clip is not None)


def _total(parts: Sequence[_Totals]) -> _Totals:
    return _Totals(
        loss=sum(part.loss for part in parts),
        kl=sum(part.kl for part in parts),
        entropy=sum(part.entropy for part in parts),
        logprob_gap_max=max(part.logprob_gap_max for part in parts),
    )


def _logprob_gap(logprobs: Tensor, responses: ResponseBatch, groups: Sequence[Group]) -> float:
    """Largest difference between what the rollout engine and the policy say about the same token."""
    sampled = torch.zeros_like(logprobs)
    for g, group in enumerate(groups):
        for n, completion in enumerate(group.completions):
            sampled[g, n, : len(completion.logprobs)] = torch.tensor(completion.logprobs)
    return ((logprobs - sampled).abs() * responses.mask).max().item()


def _reward_by_pretext(groups: Sequence[Group]) -> dict[str, float]:
    pretexts = sorted({group.sample.pretext for group in groups})
    return {
        pretext: fmean(fmean(group.rewards) for group in groups if group.sample.pretext == pretext)
        for pretext in pretexts
    }
