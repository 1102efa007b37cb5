"""Prompts as tensors: encoded once per group, then batched with padding on the left.

Dimensions: G groups (one prompt each), P prompt tokens (padded), V videos, K vision patches, D
values per patch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import Qwen3VLProcessor
from transformers.video_utils import VideoMetadata

from tasks.policy.checkpoint import Policy
from tasks.rollout.prompt import EncodedPrompt, Prompt
from tasks.video.render import ShownVideo

# The processor prints index / fps as a frame's time, so milliseconds as indices give every frame
# its own exact time.
_TICKS_PER_SECOND = 1000


@dataclass(frozen=True)
class PromptBatch:
    """Several prompts, padded on the left so that all end in the same column."""

    input_ids: Int[Tensor, "G P"]
    attention_mask: Bool[Tensor, "G P"]
    position_ids: Int[Tensor, "3 G P"]
    """Multimodal rotary positions (time, height, width)."""
    pixel_values: Float[Tensor, "K D"]
    grid_thw: Int[Tensor, "V 3"]


def encode_prompt(processor: Qwen3VLProcessor, prompt: Prompt) -> EncodedPrompt:
    """Tokens and patches of one prompt; the frames are taken as they are (no resampling, no
    resize)."""
    if prompt.encoded is not None:
        return prompt.encoded
    output = processor(
        text=[prompt.text],
        videos=[torch.from_numpy(video.frames).permute(0, 3, 1, 2) for video in prompt.videos],
        video_metadata=[video_metadata(video) for video in prompt.videos],
        do_sample_frames=False,
        do_resize=False,
        return_tensors="pt",
    )
    return EncodedPrompt(
        input_ids=output["input_ids"][0],
        token_types=output["mm_token_type_ids"][0],
        pixel_values=output["pixel_values_videos"],
        grid_thw=output["video_grid_thw"],
    )


def video_metadata(video: ShownVideo) -> VideoMetadata:
    """Presentation times in the form that processors and engines understand: exact ones, or the
    official ones."""
    if video.selection is not None:
        indices, rate = list(video.selection.indices), video.selection.rate
    else:
        indices = [round(seconds * _TICKS_PER_SECOND) for seconds in video.timestamps_seconds]
        rate = float(_TICKS_PER_SECOND)
    return VideoMetadata(
        total_num_frames=len(indices),
        fps=rate,
        frames_indices=indices,
        duration=video.timestamps_seconds[-1],
        height=video.frames.shape[1],
        width=video.frames.shape[2],
    )


def batch_prompts(policy: Policy, prompts: Sequence[EncodedPrompt]) -> PromptBatch:
    """Pad and stack prompts on the policy's device."""
    width = max(len(prompt.input_ids) for prompt in prompts)
    pad_id = policy.processor.tokenizer.pad_token_id
    input_ids = torch.stack([_pad_left(prompt.input_ids, width, pad_id) for prompt in prompts])
    token_types = torch.stack([_pad_left(prompt.token_types, width, 0) for prompt in prompts])
    attention_mask = torch.stack(
        [_pad_left(torch.ones_like(prompt.input_ids), width, 0) for prompt in prompts]
    )
    grid_thw = torch.cat([prompt.grid_thw for prompt in prompts])
    position_ids, _ = policy.model.model.get_rope_index(
        input_ids=input_ids,
        mm_token_type_ids=token_types,
        video_grid_thw=grid_thw,
        attention_mask=attention_mask,
    )
    device = policy.device
    return PromptBatch(
        input_ids=input_ids.to(device),
        attention_mask=attention_mask.bool().to(device),
        position_ids=position_ids.to(device),
        pixel_values=torch.cat([prompt.pixel_values for prompt in prompts]).to(device),
        grid_thw=grid_thw.to(device),
    )


def _pad_left(values: Int[Tensor, " T"], width: int, fill: int) -> Int[Tensor, " W"]:
    return torch.nn.functional.pad(values, (width - len(values), 0), value=fill)
