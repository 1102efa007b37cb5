"""Log-probabilities of whole groups in one forward pass: a prompt and its video are computed once.

A row is `[prompt, response 1, ..., response N]` of one group after the other, without padding. A
response sees its prompt and itself, and its positions restart right after the prompt's, so every
number equals that of the plain forward over `[prompt, response n]`.

Attention needs no mask over the row: a prompt attends to itself (causal), the responses of its
group, together, to the prompt and each to itself. So the largest mask is response tokens by group
tokens, and no work goes into pairs of tokens that do not see each other. Exact, on a CPU and on a
GPU alike.

Dimensions: G groups, N responses a group, P prompt tokens, R response tokens (padded right), S
tokens in the row, V videos, K vision patches, D values per patch; T response tokens of all groups
(of one group in attention) and W tokens of a whole group; B rows, L keys, H heads, J heads of keys
and values, E values a head.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from tasks.rollout.inputs import PromptBatch

_NAME = "shared_prefix"

Answers = Sequence[Sequence[int]]
"""Token ids of a group's responses."""


@dataclass(frozen=True)
class GroupSpan:
    """How long a group is; in its row it follows those before."""

    num_prompt: int
    sees: Bool[Tensor, "T W"]
    """What each response token attends to; as wide as the whole group."""


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
    """Put groups into one row.

    Each prompt comes as a batch of its own, and all have equally many responses.
    """
    device = prompts[0].input_ids.device
    ids, positions, spans, predicted_from = [], [], [], []
    start = 0
    for prompt, answers in zip(prompts, groups, strict=True):
        num_prompt, lengths = prompt.input_ids.shape[1], [len(answer) for answer in answers]
        tokens = [token for answer in answers for token in answer]
        ids += [prompt.input_ids[0], torch.tensor(tokens, device=device)]
        steps = torch.cat([torch.arange(length, device=device) for length in lengths])
        # Text after a video goes on from the largest of its three positions (time, height, width),
        # and every response as if it were the only one.
        positions += [
            prompt.position_ids[:, 0],
            (prompt.position_ids.amax() + 1 + steps).expand(3, -1),
        ]
        spans.append(GroupSpan(num_prompt, response_mask(num_prompt, lengths, device)))
        # The last prompt token predicts every response's first token; each response token the next.
        columns = start + num_prompt + torch.arange(len(steps), device=device) - 1
        predicted_from.append(torch.where(steps == 0, start + num_prompt - 1, columns))
        start += num_prompt + len(steps)
    return PackedRow(
        input_ids=torch.cat(ids)[None],
        position_ids=torch.cat(positions, dim=1)[:, None],
        pixel_values=torch.cat([prompt.pixel_values for prompt in prompts]),
        grid_thw=torch.cat([prompt.grid_thw for prompt in prompts]),
        spans=tuple(spans),
        token_ids=torch.cat(ids[1::2]),  # prompts and responses take turns
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
    """Log-probability of every response token, and entropy of what it was drawn from; 0 on padding.

    Args:
        model: forward of a model that `use_shared_prefix_attention` prepared.
        row: the groups.
        temperature: of the sampling.
        vision: what the model's `get_video_features` gave for the row, if it is known already.
        banned_ids: tokens that cannot be sampled: they have probability 0.
    """
    pictures: dict[str, Any] = {
        "pixel_values_videos": row.pixel_values,
        "video_grid_thw": row.grid_thw,
    }
    output = model(
        input_ids=row.input_ids,
        position_ids=row.position_ids,
        logits_to_keep=row.predicted_from,  # of a whole row they would be most of the memory
        use_cache=False,
        spans=row.spans,
        **(pictures if vision is None else {"mm_encoder_outputs": {"video": vision}}),
    )
    # In float32: bfloat16 has three digits, too few for a ratio near 1.
    logits = output.logits[0].float() / temperature
    logits[:, list(banned_ids)] = -torch.inf
    log_softmax = logits.log_softmax(dim=-1)
    logprobs = log_softmax.gather(1, row.token_ids[:, None])[:, 0]
    # `entr` is 0 at 0; the product of p = 0 and log p = -inf would be no number for banned tokens.
    entropy = torch.special.entr(log_softmax.detach().exp()).sum(dim=-1)
    # `mask` is True in the order of the tokens, so scattering puts each in its place.
    padded = torch.zeros(row.mask.shape, dtype=logprobs.dtype, device=logprobs.device)
    return padded.masked_scatter(row.mask, logprobs), padded.masked_scatter(row.mask, entropy)


def use_shared_prefix_attention(model: nn.Module) -> None:
    """Let a Qwen3-VL understand `spans` in its forward; without them it is as before."""
    AttentionInterface.register(_NAME, _attention)
    # transformers makes no mask for an attention that has none registered; calls without `spans`
    # need SDPA's.
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    model.model.language_model.config._attn_implementation = _NAME  # type: ignore[union-attr]


def response_mask(
    num_prompt: int, lengths: Sequence[int], device: torch.device
) -> Bool[Tensor, "T W"]:
    """Every response token sees the prompt, and its own response up to itself."""
    counts = torch.tensor(lengths, device=device)
    response = torch.arange(len(lengths), device=device).repeat_interleave(counts)  # of each token
    own = (response[:, None] == response[None, :]).tril()
    return torch.cat([own.new_ones(len(response), num_prompt), own], dim=1)


def _mask(groups: Sequence[Answers]) -> Bool[Tensor, "G N R"]:
    lengths = torch.tensor([[len(answer) for answer in answers] for answers in groups])
    return torch.arange(int(lengths.max())) < lengths[:, :, None]


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
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
    # Split and not sliced: the gradient of every slice is as large as the whole row.
    sizes = [span.sees.shape[1] for span in spans]
    groups = zip(*(torch.split(of, sizes, dim=2) for of in (query, key, value)), strict=True)
    parts: list[Tensor] = []
    for span, (queries, keys, values) in zip(spans, groups, strict=True):
        num = span.num_prompt
        prompt, responses = queries[:, :, :num], queries[:, :, num:]
        for asking, seen, mask in ((prompt, num, None), (responses, None, span.sees)):
            part = scaled_dot_product_attention(
                asking,
                keys[:, :, :seen],
                values[:, :, :seen],
                attn_mask=mask,
                is_causal=mask is None,
                scale=scaling,
                enable_gqa=query.shape[1] != key.shape[1],
            )
            parts.append(part)
    # transformers goes on with (B, S, H, E).
    return torch.cat(parts, dim=2).transpose(1, 2), None
