"""One rank's step at full size, on a GPU: seconds by phase, MFU, peak memory, and shared against repeated prefix.

With a GPU: the shape of Qwen3-VL-8B (its public configuration) with random weights in bfloat16, 48 frames of 256x256,
8 prompts x 8 answers of 15 tokens, optimizer state as one rank of eight holds it. The exchange between ranks is not in
it, and answers come from the transformers engine. Without a GPU the same script runs a small model, to show that it
works; then only the ratios mean something.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from tasks.core.config import RolloutConfig, TrainConfig
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.collect import Group
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.train.engine import TrainEngine
from tasks.train.pack import pack_groups
from tasks.train.phases import Phases, peak_memory_mib
from tasks.train.ranks import Ranks
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs
from tasks.train.step import Grpo
from tests.helpers.grpo import make_grpo

NUM_STEPS = int(os.environ.get("NUM", "3"))
NUM_RANKS = 8
ON_GPU = torch.cuda.is_available()


@dataclass(frozen=True)
class Size:
    num_prompts: int
    num_frames: int
    side_px: int
    microbatch_tokens: int


SIZE = Size(8, 48, 256, 16384) if ON_GPU else Size(2, 16, 64, 2048)


def test_one_ranks_step(tmp_path: Path) -> None:
    trainer, samples = _grpo(tmp_path)
    rows, seconds = [], []
    for number in range(1 + NUM_STEPS):
        began = time.perf_counter()
        rows.append(trainer.step(number, samples))
        seconds.append(time.perf_counter() - began)
    rows, seconds = rows[1:], seconds[1:]
    name = torch.cuda.get_device_name() if ON_GPU else "CPU"
    num = sum(parameter.numel() for parameter in trainer.policy.model.parameters())
    print(f"\n{name}, {num / 1e9:.2f} billion parameters, {SIZE}, prompt tokens {rows[-1].tokens_prompt}\n")
    phases = list(rows[0].seconds)
    print(f"| step, s | {' | '.join(f'{phase}, s' for phase in phases)} | MFU of the update | peak GiB |")
    print("|---" * (len(phases) + 3) + "|")
    cells = [f"{median(seconds):.2f}", *(f"{median(row.seconds[phase] for row in rows):.2f}" for phase in phases)]
    print(f"| {' | '.join(cells)} | {median(row.mfu for row in rows):.0%} | {peak_memory_mib() / 1024:.1f} |")
    _compare_prefixes(trainer, trainer.collector.collect(samples, "bench").groups)


def _compare_prefixes(grpo: Grpo, groups: Sequence[Group]) -> None:
    """Forward and backward of the same answers, with each prompt once a group and once an answer."""
    print("\n| prefix | forward and backward, s | ratio |\n|---|---|---|")
    shared = _seconds(lambda: _pass(grpo, [(group, range(len(group.completions))) for group in groups]))
    repeated = _seconds(lambda: _pass(grpo, [(g, [n]) for g in groups for n in range(len(g.completions))]))
    print(f"| shared | {shared:.2f} | 1.0 |\n| repeated | {repeated:.2f} | {repeated / shared:.1f} |")


def _pass(grpo: Grpo, parts: Sequence[tuple[Group, Sequence[int]]]) -> None:
    policy = grpo.policy
    policy.model.train()
    encoded = [encode_prompt(policy.processor, group.prompt) for group, _ in parts]
    answers = [[group.completions[n].token_ids for n in chosen] for group, chosen in parts]
    lengths = [len(p.input_ids) + sum(map(len, found)) for p, found in zip(encoded, answers, strict=True)]
    for batch in pack_groups(lengths, SIZE.microbatch_tokens):
        row = pack_row([batch_prompts(policy, [encoded[i]]) for i in batch], [answers[i] for i in batch])
        logprobs, _ = shared_prefix_logprobs(policy.model, row, banned_ids=vision_token_ids(policy))
        logprobs.sum().backward()
    policy.model.zero_grad(set_to_none=True)


def _seconds(work: Callable[[], None]) -> float:
    work()
    phases = Phases()
    with phases.phase("work"):
        work()
    return phases.seconds["work"]


def _grpo(folder: Path) -> tuple[Grpo, list[Any]]:
    policy, reference = _policy(), _policy()
    config = TrainConfig(microbatch_tokens=SIZE.microbatch_tokens, gradient_checkpointing=ON_GPU)
    return make_grpo(
        folder,
        policy,
        reference,
        config=config,
        rollout=RolloutConfig(max_answer_tokens=15, prompts_per_batch=SIZE.num_prompts, logprob_gap_alarm=10.0),
        num_clips=SIZE.num_prompts,
        num_frames=SIZE.num_frames,
        side_px=SIZE.side_px,
        engine=OneOfManyRanks(policy.model),
    )


class OneOfManyRanks(TrainEngine):
    """All weights and gradients, and of AdamW's float32 state the share of one rank; without DeepSpeed."""

    def __init__(self, model: Qwen3VLForConditionalGeneration) -> None:
        self.ranks = Ranks()
        self._model = model
        self._own = list(model.parameters())[::NUM_RANKS]
        self._masters = [parameter.detach().float().clone() for parameter in self._own]
        self._adamw = torch.optim.AdamW(self._masters, lr=1e-6, weight_decay=0.0)

    @property
    def forward(self) -> Callable[..., Any]:
        return self._model

    def set_learning_rate(self, learning_rate: float) -> None:
        self._adamw.param_groups[0]["lr"] = learning_rate

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def step(self) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
        for master, parameter in zip(self._masters, self._own, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
        self._adamw.step()
        with torch.no_grad():
            for master, parameter in zip(self._masters, self._own, strict=True):
                parameter.copy_(master)
        self._model.zero_grad(set_to_none=True)
        return float(norm)

    def named_weights(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, parameter.data) for name, parameter in self._model.named_parameters())


def _policy() -> Policy:
    small = make_tiny_policy(hidden_size=512, num_layers=9, seed=0, texts=[SYSTEM_PROMPT])
    if not ON_GPU:
        return small
    config = small.model.config
    token_ids = {
        name: getattr(config, name)
        for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    }
    full = Qwen3VLConfig(
        text_config={
            "vocab_size": 151936,
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 262144,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 5_000_000.0,
                "mrope_section": [24, 20, 20],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": False,
        },
        vision_config={
            "depth": 27,
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_heads": 16,
            "out_hidden_size": 4096,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": [8, 16, 24],
        },
        tie_word_embeddings=False,
        **token_ids,
    )
    full._attn_implementation = "sdpa"
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = Qwen3VLForConditionalGeneration(full)
    torch.set_default_dtype(default)
    model.generation_config = small.model.generation_config
    return Policy(model=model.eval(), processor=small.processor)
