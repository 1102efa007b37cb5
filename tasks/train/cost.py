"""What a step costs, counted from shapes: floating-point operations of the matrix products, the vision tower included.

A product of (a, b) and (b, c) is 2abc; a backward pass is twice its forward. Softmax, norms and what gradient
checkpointing computes again are left out, so a share of the device's peak (MFU) counts useful work only.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import Qwen3VLConfig

_PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12}
"""Dense bfloat16 by the makers' data sheets (SXM where there are several forms)."""


def decoder_flops(config: Qwen3VLConfig, num_prompt: int, lengths: Sequence[int]) -> int:
    """One forward pass over a group, its prompt once: layers, attention over what is seen, and the answers' logits."""
    text: Any = config.text_config
    width = text.num_attention_heads * text.head_dim
    kv_width = text.num_key_value_heads * text.head_dim
    weights = text.hidden_size * (2 * width + 2 * kv_width + 3 * text.intermediate_size)
    pairs = _causal(num_prompt) + sum(length * num_prompt + _causal(length) for length in lengths)
    layer = 2 * weights * (num_prompt + sum(lengths)) + 4 * width * pairs
    return int(layer * text.num_hidden_layers + 2 * text.hidden_size * text.vocab_size * sum(lengths))


def vision_flops(config: Qwen3VLConfig, grid_thw: Int[Tensor, "V 3"]) -> int:
    """One forward pass of the tower; its patches attend within their own frame."""
    vision: Any = config.vision_config
    hidden, merged = vision.hidden_size, vision.hidden_size * vision.spatial_merge_size**2
    frames = [(time, height * width) for time, height, width in grid_thw.tolist()]
    patches = sum(time * size for time, size in frames)
    pairs = sum(time * size**2 for time, size in frames)
    values = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    layer = 2 * hidden * (4 * hidden + 2 * vision.intermediate_size) * patches + 4 * hidden * pairs
    merger = 2 * merged * (merged + vision.out_hidden_size) * (patches // vision.spatial_merge_size**2)
    num_mergers = 1 + len(vision.deepstack_visual_indexes)
    return int(2 * values * hidden * patches + layer * vision.depth + merger * num_mergers)


def peak_flops(device: torch.device) -> float | None:
    """Operations a second that the device could do in bfloat16, if it is known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAK_FLOPS.items() if part in name), None)


def _causal(num_tokens: int) -> int:
    return num_tokens * (num_tokens + 1) // 2
