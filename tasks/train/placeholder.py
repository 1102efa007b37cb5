"""A group that stands where a rank has none left: ranks exchange data at every pass, so all need equally many."""

import numpy as np
from transformers import Qwen3VLProcessor

from tasks.core.types import Sample
from tasks.rollout.collect import Group
from tasks.rollout.engine import Completion
from tasks.rollout.prompt import render_prompt
from tasks.rollout.reward import reward_answer
from tasks.video.render import ShownVideo

_SIDE_PX = 64
"""Two merged patches of 16 by 16."""


def placeholder_group(processor: Qwen3VLProcessor, sample: Sample) -> Group:
    """The cheapest group that passes through every layer, vision included: black frames and two empty answers."""
    video = ShownVideo(frames=np.zeros((2, _SIDE_PX, _SIDE_PX, 3), dtype=np.uint8), timestamps_seconds=(0.0, 1.0))
    end = Completion(token_ids=(processor.tokenizer.eos_token_id,), logprobs=(0.0,), text="", truncated=False)
    return Group(
        sample=sample,
        prompt=render_prompt(processor, sample, [video]),
        completions=(end, end),
        rollouts=tuple(reward_answer(sample, index, "", num_tokens=1) for index in range(2)),
    )
