"""The policy: what it reads and answers, and how it is trained."""

from collections.abc import Sequence
from dataclasses import dataclass, make_dataclass
from typing import Any

import torch
from torch import Tensor

from tasks.core.config import (
    EvaluateConfig,
    ModelConfig,
    RolloutConfig,
    TrainConfig,
    WarmStartConfig,
)
from tasks.core.manifest import write_rows
from tasks.core.reward import RewardKind
from tasks.core.scores import SampleScore
from tasks.core.store import Store
from tasks.core.training import TrainStep
from tasks.core.types import Clip, Sample
from tasks.evaluate.score_policy import score_policy
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.answerer import PolicyAnswerer
from tasks.rollout.collect import Collector
from tasks.rollout.engine import Completion, SamplingParams
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import EncodedPrompt, Prompt, render_prompt
from tasks.rollout.source import PromptMaker
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.rollout.videos import ClipVideos
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.train.draw import StepSamples
from tasks.train.engine import TrainEngine
from tasks.train.loop import Grpo
from tasks.train.lora import merged
from tasks.train.loss import group_advantages, grpo_loss, loss_denominators
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs, use_shared_prefix_attention
from tasks.train.trainable import base_of, frozen_copy, make_trainable
from tasks.train.warm_start import start_policy
from tests.records.product.data import render

__all__ = [
    "Completion",
    "Policy",
    "Prompt",
    "SamplingParams",
    "group_advantages",
    "grpo_loss",
    "loss_denominators",
]


def prompt_of(policy: Policy, store: Store, sample: Sample, clips: Sequence[Clip]) -> Prompt:
    return render_prompt(policy.processor, sample, render(store, sample, clips))


def encode(policy: Policy, prompt: Prompt) -> EncodedPrompt:
    return encode_prompt(policy.processor, prompt)


def score_with_policy(
    store: Store, policy: Policy, samples: Sequence[Sample], clips: Sequence[Clip], seed: int
) -> list[SampleScore]:
    """As the main job does."""
    engine = TransformersEngine(policy, prompts_per_batch=RolloutConfig().prompts_per_batch)
    answerer = PolicyAnswerer("a policy", lambda: (policy.processor, engine), seed)
    videos = ClipVideos(store, {clip.clip_id: clip for clip in clips})
    rollout, config = (
        RolloutConfig(max_answer_tokens=6),
        EvaluateConfig(heldout_rollouts_per_sample=2),
    )
    return score_policy(store, answerer, samples, videos, rollout, config)


def generate(
    policy: Policy, prompts: Sequence[Prompt], params: SamplingParams, seeds: Sequence[int]
) -> list[list[Completion]]:
    return TransformersEngine(policy, prompts_per_batch=2).generate(prompts, params, seeds)


@torch.no_grad()
def policy_logprobs(
    policy: Policy, prompt: Prompt, group: Sequence[Completion], temperature: float
) -> list[list[float]]:
    """As the trainer computes them."""
    row = _row(policy, prompt, group)
    logprobs, _ = shared_prefix_logprobs(
        _prepared(policy).model, row, temperature, None, _banned(policy)
    )
    return [found[: len(c.token_ids)] for found, c in zip(logprobs[0].tolist(), group, strict=True)]


@torch.no_grad()
def greedy_margin(policy: Policy, prompt: Prompt, completion: Completion) -> float:
    """How much likelier each token was than the second-best one, in nats; the least of them."""
    row = _row(policy, prompt, [completion])
    logits = (
        _prepared(policy)
        .model(
            input_ids=row.input_ids,
            position_ids=row.position_ids,
            logits_to_keep=row.predicted_from,
            use_cache=False,
            spans=row.spans,
            pixel_values_videos=row.pixel_values,
            video_grid_thw=row.grid_thw,
        )
        .logits[0]
    )
    logits[:, _banned(policy)] = -torch.inf
    best = logits.topk(2, dim=-1).values
    return float((best[:, 0] - best[:, 1]).min())


class NotingEngine(TrainEngine):
    """Remembers the gradients of every update."""

    def __init__(self, model: Any, config: TrainConfig) -> None:
        super().__init__(
            model,
            learning_rate=config.learning_rate,
            max_grad_norm=config.max_grad_norm,
            zero_stage=0,
        )
        self._model = model
        self.gradients: list[dict[str, Tensor]] = []

    def step(self) -> float:
        named = self._model.named_parameters()
        self.gradients.append({name: p.grad.clone() for name, p in named if p.grad is not None})
        return super().step()


@dataclass(frozen=True)
class Trainer:
    """A GRPO trainer whose engine remembers."""

    grpo: Grpo
    engine: NotingEngine

    def step(self, number: int, samples: Sequence[Sample], spares: Sequence[Sample]) -> Any:
        """The row of one step."""
        spares = spares if self.grpo.config.flat_groups == "resample" else ()
        return _recorded(self.grpo.step(number, StepSamples(samples, spares)))


def grpo_over(
    policy: Policy,
    start: Policy,
    answers: Any,
    store: Store,
    clips: Sequence[Clip],
    config: TrainConfig,
    seed: int,
) -> Trainer:
    """Trains `policy` on what the rollout engine `answers` says; `start` is the reference."""
    make_trainable(policy.model, config, seed)
    engine = NotingEngine(policy.model, config)
    by_id = {clip.clip_id: clip for clip in clips}
    reference = (
        base_of(policy)
        if config.lora_rank
        else frozen_copy(start)
        if config.kl_coefficient
        else None
    )

    def weights() -> Any:
        return (
            merged(engine.named_weights(), config) if config.lora_rank else engine.named_weights()
        )

    collector = Collector(
        engine=answers,
        prompts=PromptMaker(policy.processor, store, by_id, encodes=True),
        params=SamplingParams(num_completions=4, temperature=0.9, max_tokens=16),
        seed=seed,
        reward=RewardKind(config.reward),
    )
    grpo = Grpo(
        policy=policy,
        reference=reference,
        engine=engine,
        weights=weights,
        collector=collector,
        clips=by_id,
        config=config,
        logprob_gap_alarm=1e9,
    )
    return Trainer(grpo, engine)


def warm_start_losses(
    store: Store, samples: Sequence[Sample], clips: Sequence[Clip], *, num_steps: int, seed: int
) -> dict[str, list[float]]:
    """Metrics of a warm start from the small model as it is made."""
    tracker = MemoryTracker()
    start_policy(
        store,
        write_rows(store, "samples.parquet", Sample, samples),
        write_rows(store, "clips.parquet", Clip, clips),
        ModelConfig(base="tiny", tiny_hidden_size=64, tiny_num_layers=2, dtype="float32"),
        WarmStartConfig(num_steps=num_steps, batch_size=4, learning_rate=3e-3),
        tracker,
        seed,
    )
    return {
        name: [value for _, value in found]
        for name, found in sorted(tracker.metrics.items())
        if "/" in name
    }


_NAMES = {
    "flat_groups": ("refilled", "left_out"),
    "train": (
        *("loss", "kl", "entropy", "ratio_mean", "ratio_max", "ratio_clipped_share", "grad_norm"),
        *("skipped", "learning_rate"),
    ),
    "rollout": (
        *("logprob_gap_mean", "logprob_gap_max", "logprob_gap_alarm", "answer_tokens_mean"),
        *("unparsed_share", "truncated_share", "samples_failed"),
    ),
    "cost": ("tokens_prompt", "tokens_vision", "tokens_answer"),
}


def _recorded(row: TrainStep) -> Any:
    """The row under the names of the record; what no update measured is 0."""
    values: dict[str, Any] = {
        "step": row.step,
        "reward_mean": row.reward_mean,
        "reward_by_pretext": row.reward_by_pretext,
        "spread_share": row.spread_share,
        "reward_by_part": _below(row, "reward_part/"),
        "flat_by_pretext": {
            name: value
            for name, value in _below(row, "flat_groups/").items()
            if name not in _NAMES["flat_groups"]
        },
        "flops_by_phase": dict.fromkeys(_FLOPS, 0.0) | _below(row, "cost/flops_"),
    }
    for group, names in _NAMES.items():
        prefix = "groups_" if group == "flat_groups" else ""
        for name in names:
            value = row.metrics.get(f"{group}/{name}", 0.0)
            values[prefix + name] = _TYPES.get(name, float)(value)
    return make_dataclass("Step", values)(**values)


_FLOPS = ("rollout", "reference", "update", "vision_forward")
_COUNTS = ("refilled", "left_out", "samples_failed", *_NAMES["cost"])
_TYPES: dict[str, type] = dict.fromkeys(_COUNTS, int) | dict.fromkeys(
    ("skipped", "logprob_gap_alarm"), bool
)


def _below(row: TrainStep, prefix: str) -> dict[str, float]:
    found = row.metrics.items()
    return {name.removeprefix(prefix): value for name, value in found if name.startswith(prefix)}


def _row(policy: Policy, prompt: Prompt, group: Sequence[Completion]) -> Any:
    batch = batch_prompts(policy, [encode_prompt(policy.processor, prompt)])
    return pack_row([batch], [[completion.token_ids for completion in group]])


def _prepared(policy: Policy) -> Policy:
    use_shared_prefix_attention(policy.model)
    return policy


def _banned(policy: Policy) -> list[int]:
    return vision_token_ids(policy)
