"""What a step costs: seconds by phase, tokens, floating-point operations, memory.

Operations are counted from shapes: those of the matrix products, the vision tower included. A
product of (a, b) and (b, c) is 2abc; a backward pass is twice its forward. Softmax, norms and what
gradient checkpointing computes again are left out, so a share of the device's peak (MFU) counts
useful work only.
"""

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import Qwen3VLConfig

from tasks.core.config import TrainConfig
from tasks.core.training import PHASES
from tasks.policy.checkpoint import Policy
from tasks.train.metrics import Max, Metric, Sum, merge, values
from tasks.train.ranks import Ranks
from tasks.train.shared_prefix import PackedRow

_MIB = 2**20
_PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12}
"""Dense bfloat16 by the makers' data sheets (SXM where there are several forms)."""


class StepCosts:
    """Adds up what one step costs. Seconds are this process's, everything else is of all ranks."""

    def __init__(
        self, policy: Policy, has_reference: bool, config: TrainConfig, ranks: Ranks
    ) -> None:
        self._policy, self._ranks = policy, ranks
        self._has_reference, self._is_frozen = has_reference, config.freeze_vision
        self._seconds = dict.fromkeys(PHASES, 0.0)
        self._rows: dict[str, Metric] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what stands below it; on a GPU a phase ends when its work is done."""
        started = _now()
        yield
        self._seconds[name] += _now() - started

    def count(self, row: PackedRow) -> None:
        """Tokens and operations of a row that was passed through the model."""
        config = self._policy.model.config
        lengths = row.mask.sum(dim=2).tolist()
        num_prompt = [span.num_prompt for span in row.spans]
        vision = vision_flops(config, row.grid_thw)
        decoder = sum(
            decoder_flops(config, num, group)
            for num, group in zip(num_prompt, lengths, strict=True)
        )
        counts = {
            "cost/tokens_prompt": sum(num_prompt),
            "cost/tokens_vision": int((row.input_ids == config.video_token_id).sum()),
            "cost/tokens_answer": int(row.mask.sum()),
            # The rollouts passed through the model once when they were generated.
            "cost/flops_rollout": vision + decoder,
            # A frozen tower's features are computed once, by the reference, and serve both.
            "cost/flops_reference": self._has_reference
            * (decoder + (not self._is_frozen) * vision),
            "cost/flops_update": 3 * decoder + (1 if self._is_frozen else 3) * vision,
            "cost/flops_vision_forward": vision,
        }
        own = {name: Sum(float(count)) for name, count in counts.items()}
        self._rows = merge([self._rows, own])

    def metrics(self) -> dict[str, float]:
        """By the tracker's names; every rank makes the call."""
        own = self._rows | {"cost/peak_mib": Max(_peak_memory_mib())}
        costs = values(merge(self._ranks.gather(own)))
        waiting_share = self._seconds["wait"] / sum(self._seconds.values())
        seconds = {f"time/step_{name}_seconds": value for name, value in self._seconds.items()}
        return costs | seconds | {"time/waiting_share": waiting_share} | self._mfu(costs)

    def _mfu(self, costs: dict[str, float]) -> dict[str, float]:
        """Share of the devices' peak that the update reached, where the peak is known."""
        peak = peak_flops(self._policy.device)
        if peak is None or not self._seconds["update"]:
            return {}
        possible = self._seconds["update"] * peak * self._ranks.count
        return {"cost/mfu": costs["cost/flops_update"] / possible}


def decoder_flops(config: Qwen3VLConfig, num_prompt: int, lengths: Sequence[int]) -> int:
    """One forward pass over a group, its prompt once: layers, attention, the answers' logits."""
    text: Any = config.text_config
    width = text.num_attention_heads * text.head_dim
    kv_width = text.num_key_value_heads * text.head_dim
    # Queries and output are `width` wide, keys and values `kv_width`; the MLP has three matrices.
    weights = text.hidden_size * (2 * width + 2 * kv_width + 3 * text.intermediate_size)
    # Tokens that see each other: in the prompt, each answer with the prompt, in each answer.
    pairs = _causal(num_prompt) + sum(length * num_prompt + _causal(length) for length in lengths)
    # A pair costs 2 * width for its score, and as much for its part of the weighted sum of values.
    layer = 2 * weights * (num_prompt + sum(lengths)) + 4 * width * pairs
    # Logits are computed at the answers' tokens alone.
    return int(
        layer * text.num_hidden_layers + 2 * text.hidden_size * text.vocab_size * sum(lengths)
    )


def vision_flops(config: Qwen3VLConfig, grid_thw: Int[Tensor, "V 3"]) -> int:
    """One forward pass of the tower; its patches attend within their own frame."""
    vision: Any = config.vision_config
    # A merger takes a square of patches as one vector of `merged` numbers.
    hidden, merged = vision.hidden_size, vision.hidden_size * vision.spatial_merge_size**2
    frames = [(time, height * width) for time, height, width in grid_thw.tolist()]
    patches = sum(time * size for time, size in frames)
    pairs = sum(time * size**2 for time, size in frames)
    values = vision.in_channels * vision.temporal_patch_size * vision.patch_size**2
    # Queries, keys, values and output are one square matrix each; the MLP has two.
    layer = 2 * hidden * (4 * hidden + 2 * vision.intermediate_size) * patches + 4 * hidden * pairs
    merger = (
        2 * merged * (merged + vision.out_hidden_size) * (patches // vision.spatial_merge_size**2)
    )
    # The last layer has one, and each layer whose features go to the decoder directly (DeepStack).
    num_mergers = 1 + len(vision.deepstack_visual_indexes)
    return int(2 * values * hidden * patches + layer * vision.depth + merger * num_mergers)


def peak_flops(device: torch.device) -> float | None:
    """Operations a second that the device could do in bfloat16, if it is known."""
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in _PEAK_FLOPS.items() if part in name), None)


def _peak_memory_mib() -> float:
    """Most memory so far: of the GPU where there is one, else of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / _MIB
    # Linux counts it in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _now() -> float:
    if torch.cuda.is_available():
        # Kernels are only queued when a call returns: the clock would stop before the work has
        # ended.
        torch.cuda.synchronize()
    return time.perf_counter()


def _causal(num_tokens: int) -> int:
    return num_tokens * (num_tokens + 1) // 2
