"""Log-probabilities of a whole group in one forward pass: the prompt and its video are computed once.

A row is `[prompt, response 1, ..., response N]`. A response sees the prompt and itself, and its positions restart
right after the prompt's, so every number equals that of the plain forward over `[prompt, response n]`.

Dimensions: G groups, N responses a group, P prompt tokens (padded left), R response tokens (padded right),
S = P + N * R, Z vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tasks.rollout.inputs import PromptBatch


@dataclass(frozen=True)
class ResponseBatch:
    """The responses of several groups."""

    token_ids: Int[Tensor, "G N R"]
    mask: Bool[Tensor, "G N R"]
    """True where there is a token."""


def batch_responses(groups: Sequence[Sequence[Sequence[int]]], device: torch.device) -> ResponseBatch:
    """Pad token lists, indexed [group][response][token]; every group has the same number of responses."""
    width = max(len(tokens) for group in groups for tokens in group)
    token_ids = torch.zeros(len(groups), len(groups[0]), width, dtype=torch.long)
    mask = torch.zeros_like(token_ids, dtype=torch.bool)
    for g, group in enumerate(groups):
        for n, tokens in enumerate(group):
            token_ids[g, n, : len(tokens)] = torch.tensor(tokens)
            mask[g, n, : len(tokens)] = True
    return ResponseBatch(token_ids=token_ids.to(device), mask=mask.to(device))


def shared_prefix_logprobs(
    model: Callable[..., Any], prompts: PromptBatch, responses: ResponseBatch, temperature: float = 1.0
) -> tuple[Float[Tensor, "G N R"], Float[Tensor, "G N R"]]:
    """Log-probability of every response token, and the entropy of the distribution it was drawn from.

    Padding gets the numbers of token 0; the caller's mask leaves them out.
    """
    num_groups, num_responses, width = responses.token_ids.shape
    prompt_width = prompts.input_ids.shape[1]
    flat_responses = responses.token_ids.reshape(num_groups, num_responses * width)
    kept = torch.arange(prompt_width - 1, prompt_width + num_responses * width, device=prompts.input_ids.device)
    output = model(
        input_ids=torch.cat([prompts.input_ids, flat_responses], dim=1),
        attention_mask=_attention_mask(prompts.attention_mask, num_responses, width),
        position_ids=_position_ids(prompts.position_ids, num_responses, width),
        pixel_values_videos=prompts.pixel_values,
        video_grid_thw=prompts.grid_thw,
        logits_to_keep=kept,
        use_cache=False,
    )
    # The last prompt token predicts every response's first token; each response token predicts the next.
    first = output.logits[:, None, :1].expand(-1, num_responses, -1, -1)
    following = output.logits[:, 1:].unflatten(1, (num_responses, width))[:, :, :-1]
    log_softmax = (torch.cat([first, following], dim=2).float() / temperature).log_softmax(dim=-1)
    logprobs = log_softmax.gather(3, responses.token_ids[..., None])[..., 0]
    entropy = -(log_softmax.detach().exp() * log_softmax.detach()).sum(dim=-1)
    return logprobs, entropy


def _position_ids(prompt_positions: Int[Tensor, "3 G P"], num_responses: int, width: int) -> Int[Tensor, "3 G S"]:
    start = prompt_positions.amax(dim=(0, 2)) + 1
    steps = torch.arange(width, device=start.device).repeat(num_responses)
    return torch.cat([prompt_positions, (start[:, None] + steps).expand(3, -1, -1)], dim=2)


def _attention_mask(prompt_mask: Bool[Tensor, "G P"], num_responses: int, width: int) -> Bool[Tensor, "G 1 S S"]:
    num_groups, prompt_width = prompt_mask.shape
    size = prompt_width + num_responses * width
    device = prompt_mask.device
    block = torch.full((size,), -1, device=device)
    block[prompt_width:] = torch.arange(num_responses, device=device).repeat_interleave(width)
    is_real = torch.cat([prompt_mask, prompt_mask.new_ones(num_groups, num_responses * width)], dim=1)
    causal = torch.ones(size, size, dtype=torch.bool, device=device).tril()
    sees_block = (block[None, :] == -1) | (block[None, :] == block[:, None])
    mask = (causal & sees_block)[None] & is_real[:, None, :]
    # Padding must see something, or its softmax is undefined; nobody sees padding.
    return (mask | torch.eye(size, dtype=torch.bool, device=device))[:, None]
