"""From the groups of a step to rows that fit a forward and backward pass.

Every sum of an update is over the groups of all ranks, so neither the number of ranks nor the cut
into micro-batches changes it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from transformers import Qwen3VLProcessor

from tasks.core.config import TrainConfig
from tasks.core.types import Sample
from tasks.policy.checkpoint import Policy
from tasks.rollout.collect import Group
from tasks.rollout.engine import Completion
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.prompt import EncodedPrompt, render_prompt
from tasks.rollout.reward import reward_answer
from tasks.train.draw import StepGroups
from tasks.train.ranks import Ranks
from tasks.train.shared_prefix import PackedRow, pack_row
from tasks.video.render import ShownVideo

_PLACEHOLDER_PX = 64
"""Two merged patches of 16 by 16."""


@runtime_checkable
class Updater(Protocol):
    """What turns losses into new weights: `TrainEngine` in a run; a bench may bring another."""

    ranks: Ranks

    @property
    def forward(self) -> Callable[..., Any]:
        """The model's forward."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of one micro-batch; every rank calls it equally often."""
        ...

    def step(self) -> float:
        """Clip, update, clear; returns the gradient norm before clipping.

        It is not finite if the update was left out.
        """
        ...

    def set_learning_rate(self, learning_rate: float) -> None:
        """Use `learning_rate` from the next step on."""
        ...


@dataclass(frozen=True, kw_only=True)
class Update:
    """The groups of one optimizer update."""

    own: Sequence[Group]
    """This rank's."""
    num_tokens: int
    """Answer tokens, over all ranks."""
    num_rollouts: int
    """Over all ranks."""
    is_first: bool
    """The policy is still the one that gave the answers."""


@dataclass(frozen=True, kw_only=True)
class MicroBatch:
    """The groups of one forward and backward pass."""

    groups: Sequence[Group]
    row: PackedRow
    weight: float = 1.0
    """0 for a placeholder: it has gradients of zeros, and is measured by nobody."""

    @property
    def rewards(self) -> Float[Tensor, "G N"]:
        rewards = [group.rewards for group in self.groups]
        return torch.tensor(rewards, device=self.row.mask.device)

    @property
    def rollout_logprobs(self) -> Float[Tensor, "G N R"]:
        """What the rollout engine said about each token, 0 on padding."""
        logprobs = torch.zeros(self.row.mask.shape, device=self.row.mask.device)
        for g, group in enumerate(self.groups):
            for n, completion in enumerate(group.completions):
                sampled = torch.tensor(completion.logprobs)
                logprobs[g, n, : len(completion.logprobs)] = sampled
        return logprobs


def split_updates(groups: StepGroups, num_updates: int) -> list[Update]:
    """Every n-th group of all ranks to each update, as verl's mini-batches; without empty ones."""
    place = {group.sample.sample_id: i for i, group in enumerate(groups.trained)}
    updates: list[Update] = []
    for part in range(num_updates):
        lengths = [
            len(completion.token_ids)
            for group in groups.trained[part::num_updates]
            for completion in group.completions
        ]
        if lengths:
            own = [g for g in groups.own if place[g.sample.sample_id] % num_updates == part]
            updates.append(
                Update(
                    own=own,
                    num_tokens=sum(lengths),
                    num_rollouts=len(lengths),
                    is_first=not updates,
                )
            )
    return updates


def micro_batches(
    update: Update, any_sample: Sample, policy: Policy, ranks: Ranks, budget_tokens: int
) -> Iterator[MicroBatch]:
    """This rank's groups in rows of at most `budget_tokens`: as many rows as every other rank has.

    Ranks exchange gradients (and, under ZeRO-3, weights) at every pass, so a rank that has fewer
    rows than another one passes placeholders; `any_sample` is what they are made of.
    """
    encoded = [encode_prompt(policy.processor, group.prompt) for group in update.own]
    lengths = [
        len(prompt.input_ids) + sum(len(completion.token_ids) for completion in group.completions)
        for prompt, group in zip(encoded, update.own, strict=True)
    ]
    rows = pack_groups(lengths, budget_tokens)
    # Known to all before the first pass, because each pass exchanges something with every rank.
    num_passes = max(ranks.gather(len(rows)))
    for row in rows:
        yield _micro_batch(policy, [update.own[i] for i in row], [encoded[i] for i in row])
    for _ in range(num_passes - len(rows)):
        group = _placeholder_group(policy.processor, any_sample)
        prompt = encode_prompt(policy.processor, group.prompt)
        yield _micro_batch(policy, [group], [prompt], weight=0.0)


def learning_rate_at(step: int, config: TrainConfig) -> float:
    """The learning rate of `step` (from 0), a function of it alone, so resuming needs no state.

    It rises linearly over the warm-up steps, then stays or falls to 0 just after the last step.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    share = (step - config.warmup_steps) / max(1, config.num_steps - config.warmup_steps)
    match config.learning_rate_decay:
        case "linear":
            return config.learning_rate * (1 - share)
        case "cosine":
            return config.learning_rate * (1 + math.cos(math.pi * share)) / 2
        case _:
            return config.learning_rate


def pack_groups(num_tokens: Sequence[int], budget_tokens: int) -> list[list[int]]:
    """Which groups share a row: the longest first, each into the first row with room for it.

    First-fit decreasing needs at most 11/9 of the fewest rows, and one more (Johnson 1973).

    Args:
        num_tokens: tokens of each group, its prompt and all its responses.
        budget_tokens: most tokens of one row; a group above it gets one of its own.

    Returns:
        Indices into `num_tokens`; they depend on the arguments only.
    """
    rows: list[list[int]] = []
    rooms: list[int] = []
    # Equal lengths in the order they come: a tie must not depend on how sorting breaks it.
    for index in sorted(range(len(num_tokens)), key=lambda i: (-num_tokens[i], i)):
        row = next((r for r, room in enumerate(rooms) if num_tokens[index] <= room), None)
        if row is None:
            rows.append([index])
            rooms.append(budget_tokens - num_tokens[index])  # below 0 for a group above the budget
        else:
            rows[row].append(index)
            rooms[row] -= num_tokens[index]
    return rows


def _micro_batch(
    policy: Policy, groups: Sequence[Group], encoded: Sequence[EncodedPrompt], weight: float = 1.0
) -> MicroBatch:
    answers = [[completion.token_ids for completion in group.completions] for group in groups]
    row = pack_row([batch_prompts(policy, [prompt]) for prompt in encoded], answers)
    return MicroBatch(groups=groups, row=row, weight=weight)


def _placeholder_group(processor: Qwen3VLProcessor, sample: Sample) -> Group:
    """The cheapest group that passes through every layer: black frames, two empty answers."""
    frames = np.zeros((2, _PLACEHOLDER_PX, _PLACEHOLDER_PX, 3), dtype=np.uint8)
    video = ShownVideo(frames=frames, timestamps_seconds=(0.0, 1.0))
    end = Completion(
        token_ids=(processor.tokenizer.eos_token_id,), logprobs=(0.0,), text="", truncated=False
    )
    return Group(
        sample=sample,
        prompt=render_prompt(processor, sample, [video]),
        completions=(end, end),
        rollouts=tuple(reward_answer(sample, index, "", num_tokens=1) for index in range(2)),
    )
