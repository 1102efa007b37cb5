"""The only place prompts are rendered: a sample and its shown videos become the chat text every
engine gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from transformers import Qwen3VLProcessor

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.core.types import Sample
from tasks.video.render import ShownVideo


@dataclass(frozen=True)
class EncodedPrompt:
    """One prompt after the processor. Dimensions: P tokens, V videos, K vision patches, D values
    per patch."""

    input_ids: Int[Tensor, " P"]
    token_types: Int[Tensor, " P"]
    """0 text, 2 video."""
    pixel_values: Float[Tensor, "K D"]
    grid_thw: Int[Tensor, "V 3"]


@dataclass(frozen=True)
class Prompt:
    """What a rollout engine receives: text with one video placeholder for each of `videos`."""

    text: str
    videos: tuple[ShownVideo, ...]
    encoded: EncodedPrompt | None = None
    """What `encode_prompt` gives, where it is known already."""

    @property
    def without_videos(self) -> "Prompt":
        """The text alone: light enough to travel."""
        return Prompt(text=self.text, videos=())


def render_prompt(
    processor: Qwen3VLProcessor, sample: Sample, videos: Sequence[ShownVideo]
) -> Prompt:
    """The chat prompt of `sample`; several videos are labelled by their position, from 1."""
    messages = chat_messages(sample, [{"type": "video"} for _ in videos])
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return Prompt(text=text, videos=tuple(videos))


def chat_messages(sample: Sample, videos: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The chat about `sample`; `videos` has an entry for each, as the other side takes it."""
    facts = sample.benchmark
    label, system = (facts.video_label, facts.system_prompt) if facts else ("Clip", SYSTEM_PROMPT)
    content: list[dict[str, Any]] = []
    for position, video in enumerate(videos, start=1):
        if len(videos) > 1:
            content.append({"type": "text", "text": f"{label} {position}:"})
        content.append(video)
    content.append({"type": "text", "text": sample.question})
    # The paper asks published benchmarks without a system prompt; an empty one would be a message
    # too.
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    return [*messages, {"role": "user", "content": content}]
