"""Attention over a row of whole groups, without a mask over the row.

A prompt attends to itself (causal, no mask); the responses of its group, together, to the prompt and each to itself.
So the largest mask is response tokens by group tokens, and no work goes into pairs of tokens that do not see each
other. Exact, on a CPU and on a GPU alike.

Dimensions: B rows, S tokens in a row, L keys, H heads, J heads of keys and values, E values a head, T tokens of a
group's responses, W of the whole group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

_NAME = "shared_prefix"


@dataclass(frozen=True)
class GroupSpan:
    """Where a group lies in its row."""

    start: int
    num_prompt: int
    sees: Bool[Tensor, "T W"]
    """What each response token attends to."""


def response_mask(num_prompt: int, lengths: Sequence[int], device: torch.device) -> Bool[Tensor, "T W"]:
    """Every response token sees the prompt, and its own response up to itself."""
    response = torch.arange(len(lengths), device=device).repeat_interleave(torch.tensor(lengths, device=device))
    own = (response[:, None] == response[None, :]).tril()
    return torch.cat([own.new_ones(len(response), num_prompt), own], dim=1)


def use_shared_prefix_attention(model: nn.Module) -> None:
    """Let a Qwen3-VL understand `spans` in its forward; without them it is as before."""
    AttentionInterface.register(_NAME, _attention)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    model.model.language_model.config._attn_implementation = _NAME  # type: ignore[union-attr]


def _attention(
    module: nn.Module,
    query: Float[Tensor, "B H S E"],
    key: Float[Tensor, "B J L E"],
    value: Float[Tensor, "B J L E"],
    attention_mask: Tensor | None,
    *,
    spans: Sequence[GroupSpan] | None = None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    if spans is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **options)
    parts: list[Tensor] = []
    for span in spans:
        middle, stop = span.start + span.num_prompt, span.start + span.sees.shape[1]
        prompt, responses, group = slice(span.start, middle), slice(middle, stop), slice(span.start, stop)
        for queries, keys, mask in ((prompt, prompt, None), (responses, group, span.sees)):
            part = scaled_dot_product_attention(
                query[:, :, queries],
                key[:, :, keys],
                value[:, :, keys],
                attn_mask=mask,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
            parts.append(part)
    return torch.cat(parts, dim=2).transpose(1, 2), None
