"""Qwen3-VL with random weights, prompts with noise videos, and answers made up: a measurement needs
no more."""

import math
import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.inputs import EncodedPrompt, batch_prompts, encode_prompt
from tasks.train.shared_prefix import PackedRow, pack_row
from tests.bench.device.layers import Scale, Shape
from tests.helpers.policy import make_prompt, noise_video

_TOKEN_IDS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")


def make_policy(shape: Shape, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Policy:
    """Weights are drawn on the device; the tokenizer is the small one, whose tokens are the first
    of the vocabulary."""
    small = make_tiny_policy(hidden_size=64, num_layers=1, seed=0, texts=[SYSTEM_PROMPT])
    config = _config(shape, {name: getattr(small.model.config, name) for name in _TOKEN_IDS})
    before = torch.get_default_dtype()
    torch.manual_seed(seed)
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = Qwen3VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.generation_config = small.model.generation_config
    return Policy(model=model.eval(), processor=small.processor)


def make_prompts(policy: Policy, scale: Scale) -> list[EncodedPrompt]:
    """One for each prompt of a step."""
    question = "When does the video run backwards?"
    videos = [
        noise_video(scale.num_frames, i, size_px=scale.side_px) for i in range(scale.num_prompts)
    ]
    return [
        encode_prompt(policy.processor, make_prompt(policy, question, video)) for video in videos
    ]


def make_answers(policy: Policy, scale: Scale, seed: int = 0) -> list[list[list[int]]]:
    """Random tokens, as long as answers may be, for each prompt."""
    generator = torch.Generator().manual_seed(seed)
    size = (scale.num_prompts, scale.num_answers, scale.answer_tokens)
    most = policy.model.config.text_config.vocab_size
    ids: list[list[list[int]]] = torch.randint(
        _free_id(policy), most, size, generator=generator
    ).tolist()
    return ids


def make_row(policy: Policy, prompts: Sequence[EncodedPrompt], answers: Sequence[Any]) -> PackedRow:
    return pack_row([batch_prompts(policy, [prompt]) for prompt in prompts], answers)


def seconds_of(work: Any, repeats: int = 3) -> float:
    """Median, after once to warm up; the device's work included."""
    work()
    seconds = []
    for _ in range(repeats):
        began = _now()
        work()
        seconds.append(_now() - began)
    return median(seconds)


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def forget_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()


def peak_gib(device: torch.device) -> float | None:
    """Most memory since `forget_peak`."""
    if device.type != "cuda":
        return None
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() / 2**30


def difference(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference by the norm of what was expected; not a number counts as infinite."""
    found, expected = found.detach().double(), expected.detach().double()
    value = ((found - expected).norm() / expected.norm()).item()
    return math.inf if math.isnan(value) else value


def _free_id(policy: Policy) -> int:
    """Above every token that means something to the model."""
    return 1 + max(getattr(policy.model.config, name) for name in _TOKEN_IDS)


def _config(shape: Shape, token_ids: dict[str, int]) -> Qwen3VLConfig:
    config = Qwen3VLConfig(
        text_config={
            "vocab_size": shape.vocabulary,
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head_size,
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
            "depth": shape.tower_layers,
            "hidden_size": shape.tower_hidden,
            "intermediate_size": shape.tower_intermediate,
            "num_heads": shape.tower_heads,
            "out_hidden_size": shape.hidden,
            "num_position_embeddings": 2304,
            "deepstack_visual_indexes": list(shape.deepstack),
        },
        tie_word_embeddings=False,
        **token_ids,
    )
    config._attn_implementation = "sdpa"
    return config
