"""Operations counted from shapes equal what torch counts while the model runs."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.train.cost import decoder_flops, vision_flops
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs, use_shared_prefix_attention
from tests.helpers.policy import fresh_policy, mixed_prompts


def test_counted_operations_are_those_of_the_forward_pass() -> None:
    policy = fresh_policy()
    config = policy.model.config
    use_shared_prefix_attention(policy.model)
    answers = [[[29, 28, 27, 26], [25], [24, 23]]] * 3
    prompts = [
        batch_prompts(policy, [encode_prompt(policy.processor, p)]) for p in mixed_prompts(policy)
    ]
    row = pack_row(prompts, answers)
    # torch counts fused attention on GPUs only
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as vision:
        policy.model.get_video_features(row.pixel_values, row.grid_thw)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as whole:
        shared_prefix_logprobs(policy.model, row)
    assert vision_flops(config, row.grid_thw) == pytest.approx(vision.get_total_flops(), rel=0.01)
    decoder = sum(decoder_flops(config, span.num_prompt, [4, 1, 2]) for span in row.spans)
    # torch counts the pairs above the diagonal too
    seen = whole.get_total_flops() - vision.get_total_flops()
    assert decoder <= seen
    assert decoder == pytest.approx(seen, rel=0.25)
