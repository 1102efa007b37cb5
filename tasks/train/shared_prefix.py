"""Log-probabilities of whole groups in one forward pass: a prompt and its video are computed once for its group.

A row is `[prompt, response 1, ..., response N]` of one group after the other, without padding. A response sees its
prompt and itself, and its positions restart right after the prompt's, so every number equals that of the plain
forward over `[prompt, response n]`.

Dimensions: G groups, N responses a group, P prompt tokens, R response tokens (padded right), T response tokens of
all groups, S tokens in the row, V videos, K vision patches, D values per patch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tasks.rollout.inputs import PromptBatch
from tasks.train.attention import GroupSpan, response_mask

Answers = Sequence[Sequence[int]]
"""Token ids of a group's responses."""


@dataclass(frozen=True)
class PackedRow:
    """Several groups, one after the other."""

    input_ids: Int[Tensor, "1 S"]
    position_ids: Int[Tensor, "3 1 S"]
    pixel_values: Float[Tensor, "K D"]
    grid_thw: Int[Tensor, "V 3"]
    spans: tuple[GroupSpan, ...]
    token_ids: Int[Tensor, " T"]
    """The response tokens."""
    predicted_from: Int[Tensor, " T"]
    """The column whose output predicts each of them."""
    mask: Bool[Tensor, "G N R"]
    """Where they belong, padded; True where there is a token."""


def pack_row(prompts: Sequence[PromptBatch], groups: Sequence[Answers]) -> PackedRow:
    """Put groups into one row; each prompt comes as a batch of its own, and all have equally many responses."""
    device = prompts[0].input_ids.device
    ids, positions, spans, predicted_from = [], [], [], []
    start = 0
    for prompt, answers in zip(prompts, groups, strict=True):
        num_prompt, lengths = prompt.input_ids.shape[1], [len(answer) for answer in answers]
        ids += [prompt.input_ids[0], torch.tensor([token for answer in answers for token in answer], device=device)]
        steps = torch.cat([torch.arange(length, device=device) for length in lengths])
        positions += [prompt.position_ids[:, 0], (prompt.position_ids.amax() + 1 + steps).expand(3, -1)]
        spans.append(GroupSpan(start, num_prompt, response_mask(num_prompt, lengths, device)))
        # The last prompt token predicts every response's first token; each response token predicts the next.
        columns = start + num_prompt + torch.arange(len(steps), device=device) - 1
        predicted_from.append(torch.where(steps == 0, start + num_prompt - 1, columns))
        start += num_prompt + len(steps)
    return PackedRow(
        input_ids=torch.cat(ids)[None],
        position_ids=torch.cat(positions, dim=1)[:, None],
        pixel_values=torch.cat([prompt.pixel_values for prompt in prompts]),
        grid_thw=torch.cat([prompt.grid_thw for prompt in prompts]),
        spans=tuple(spans),
        token_ids=torch.cat(ids[1::2]),
        predicted_from=torch.cat(predicted_from),
        mask=_mask(groups).to(device),
    )


def shared_prefix_logprobs(
    model: Callable[..., Any],
    row: PackedRow,
    temperature: float = 1.0,
    vision: Any = None,
    banned_ids: Sequence[int] = (),
) -> tuple[Float[Tensor, "G N R"], Float[Tensor, "G N R"]]:
    """Log-probability of every response token, and the entropy of the distribution it was drawn from; 0 on padding.

    Args:
        model: forward of a model that `use_shared_prefix_attention` prepared.
        row: the groups.
        temperature: of the sampling.
        vision: what the model's `get_video_features` gave for the row, if it is known already.
        banned_ids: tokens that cannot be sampled: they have probability 0.
    """
    pictures: dict[str, Any] = {"pixel_values_videos": row.pixel_values, "video_grid_thw": row.grid_thw}
    output = model(
        input_ids=row.input_ids,
        position_ids=row.position_ids,
        logits_to_keep=row.predicted_from,
        use_cache=False,
        spans=row.spans,
        **(pictures if vision is None else {"mm_encoder_outputs": {"video": vision}}),
    )
    logits = output.logits[0].float() / temperature
    logits[:, list(banned_ids)] = -torch.inf
    log_softmax = logits.log_softmax(dim=-1)
    logprobs = log_softmax.gather(1, row.token_ids[:, None])[:, 0]
    entropy = torch.special.entr(log_softmax.detach().exp()).sum(dim=-1)
    padded = torch.zeros(row.mask.shape, dtype=logprobs.dtype, device=logprobs.device)
    return padded.masked_scatter(row.mask, logprobs), padded.masked_scatter(row.mask, entropy)


def _mask(groups: Sequence[Answers]) -> Bool[Tensor, "G N R"]:
    lengths = torch.tensor([[len(answer) for answer in answers] for answers in groups])
    return torch.arange(int(lengths.max())) < lengths[:, :, None]
