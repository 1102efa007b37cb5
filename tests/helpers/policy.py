"""A tiny policy and prompts with noise videos, for tests of rollout and train."""

import numpy as np
import torch

from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.engine import SamplingParams
from tasks.rollout.inputs import encode_prompt
from tasks.rollout.prompt import Prompt
from tasks.video.render import ShownVideo

QUESTIONS = (
    "When are the red and blue channels swapped?",
    "In which order were the clips?",
    "How many shapes?",
)


def fresh_policy(seed: int = 0) -> Policy:
    return make_tiny_policy(hidden_size=64, num_layers=2, seed=seed, texts=QUESTIONS)


def noise_video(
    num_frames: int, seed: int, step_seconds: float = 0.5, size_px: int = 64
) -> ShownVideo:
    frames = np.random.default_rng(seed).integers(
        0, 256, (num_frames, size_px, size_px, 3), dtype=np.uint8
    )
    return ShownVideo(
        frames=frames, timestamps_seconds=tuple(i * step_seconds for i in range(num_frames))
    )


def make_prompt(policy: Policy, question: str, *videos: ShownVideo) -> Prompt:
    content = [{"type": "video"} for _ in videos] + [{"type": "text", "text": question}]
    text = policy.processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    return Prompt(text=text, videos=videos)


def mixed_prompts(policy: Policy) -> list[Prompt]:
    """A grounding, a six-clip jigsaw and a counting prompt: one long video, many short ones,
    another length."""
    return [
        make_prompt(policy, QUESTIONS[0], noise_video(16, 0)),
        make_prompt(policy, QUESTIONS[1], *(noise_video(2, i) for i in range(1, 7))),
        make_prompt(policy, QUESTIONS[2], noise_video(8, 7)),
    ]


@torch.no_grad()
def plain_answer(policy: Policy, prompt: Prompt, params: SamplingParams) -> tuple[int, ...]:
    """What transformers' own `generate` answers to one prompt."""
    encoded = encode_prompt(policy.processor, prompt)
    sampling = (
        {"temperature": params.temperature, "top_k": 0, "top_p": 1.0}
        if params.temperature > 0
        else {}
    )
    tokens = policy.model.eval().generate(
        input_ids=encoded.input_ids[None].to(policy.device),
        attention_mask=torch.ones_like(encoded.input_ids)[None].to(policy.device),
        mm_token_type_ids=encoded.token_types[None].to(policy.device),
        pixel_values_videos=encoded.pixel_values.to(policy.device),
        video_grid_thw=encoded.grid_thw.to(policy.device),
        do_sample=params.temperature > 0,
        max_new_tokens=params.max_tokens,
        suppress_tokens=vision_token_ids(policy),
        **sampling,
    )
    return tuple(tokens[0, len(encoded.input_ids) :].tolist())
