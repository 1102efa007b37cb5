"""The shared-prefix forward equals the plain repeated forward, in values and gradients."""

import pytest
import torch
from torch import Tensor

from tasks.policy.checkpoint import Policy
from tasks.rollout.inputs import EncodedPrompt, batch_prompts, encode_prompt
from tasks.train.shared_prefix import (
    PackedRow,
    pack_row,
    shared_prefix_logprobs,
    use_shared_prefix_attention,
)
from tests.helpers.policy import fresh_policy, mixed_prompts

# Three groups (grounding, six-clip jigsaw, counting) of three responses with different lengths.
RESPONSES = [
    [[29, 28, 27, 26], [25], [24, 23]],
    [[31, 32, 33], [34, 35], [36]],
    [[21, 22, 23, 24, 25], [26, 27], [28, 29, 30]],
]

Case = tuple[Policy, list[EncodedPrompt]]


def plain_logprobs(policy: Policy, prompt: EncodedPrompt, tokens: list[int]) -> Tensor:
    """One row `[prompt, response]` through the model's own positions and mask: the oracle."""
    response = torch.tensor(tokens)
    output = policy.model(
        input_ids=torch.cat([prompt.input_ids, response])[None],
        mm_token_type_ids=torch.cat(
            [prompt.token_types, torch.zeros(len(tokens), dtype=prompt.token_types.dtype)]
        )[None],
        pixel_values_videos=prompt.pixel_values,
        video_grid_thw=prompt.grid_thw,
    )
    logits = output.logits[0, len(prompt.input_ids) - 1 : -1]
    return logits.log_softmax(-1).gather(1, response[:, None])[:, 0]


def gradients(policy: Policy, loss: Tensor) -> Tensor:
    policy.model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in policy.model.parameters() if p.grad is not None])


def packed(
    policy: Policy, encoded: list[EncodedPrompt], groups: list[list[list[int]]] = RESPONSES
) -> PackedRow:
    return pack_row([batch_prompts(policy, [prompt]) for prompt in encoded], groups)


@pytest.fixture
def case() -> Case:
    policy = fresh_policy()
    use_shared_prefix_attention(policy.model)
    return policy, [encode_prompt(policy.processor, prompt) for prompt in mixed_prompts(policy)]


def test_logprobs_and_gradients_equal_the_plain_forward(case: Case) -> None:
    policy, encoded = case
    row = packed(policy, encoded)
    weights = torch.randn(row.mask.shape, generator=torch.Generator().manual_seed(0))
    shared, _ = shared_prefix_logprobs(policy.model, row)
    plain = torch.zeros_like(shared)
    for g, group in enumerate(RESPONSES):
        for n, tokens in enumerate(group):
            plain[g, n, : len(tokens)] = plain_logprobs(policy, encoded[g], tokens)
    assert (shared - plain).abs().max().item() < 1e-5
    expected = gradients(policy, (weights * plain).sum())
    found = gradients(policy, (weights * shared).sum())
    assert ((found - expected).norm() / expected.norm()).item() < 1e-4


def dense_mask(row: PackedRow) -> Tensor:
    """The whole row's mask, which nothing but this test holds."""
    size = row.input_ids.shape[1]
    mask = torch.zeros(size, size, dtype=torch.bool)
    start = 0
    for span in row.spans:
        middle, stop = start + span.num_prompt, start + span.sees.shape[1]
        mask[start:middle, start:middle] = (
            torch.ones(span.num_prompt, span.num_prompt).tril().bool()
        )
        mask[middle:stop, start:stop] = span.sees
        start = stop
    return mask


def test_the_split_call_equals_attention_with_the_whole_mask(case: Case) -> None:
    policy, encoded = case
    row = packed(policy, encoded)
    split, _ = shared_prefix_logprobs(policy.model, row)
    dense, _ = shared_prefix_logprobs(
        lambda spans, **inputs: policy.model(attention_mask=dense_mask(row)[None, None], **inputs),
        row,
    )
    torch.testing.assert_close(split, dense, atol=1e-6, rtol=0)
    found, expected = gradients(policy, split.sum()), gradients(policy, dense.sum())
    assert ((found - expected).norm() / expected.norm()).item() < 1e-5


def test_gradient_checkpointing_changes_no_gradient(case: Case) -> None:
    policy, encoded = case
    row = packed(policy, encoded)
    policy.model.train()
    expected = gradients(policy, shared_prefix_logprobs(policy.model, row)[0].sum())
    policy.model.gradient_checkpointing_enable()
    torch.testing.assert_close(
        gradients(policy, shared_prefix_logprobs(policy.model, row)[0].sum()), expected
    )


def test_vision_features_may_be_given(case: Case) -> None:
    policy, encoded = case
    row = packed(policy, encoded)
    with torch.no_grad():
        vision = policy.model.get_video_features(row.pixel_values, row.grid_thw)
        given, _ = shared_prefix_logprobs(policy.model, row, vision=vision)
        computed, _ = shared_prefix_logprobs(policy.model, row)
    assert vision.deepstack_features
    assert torch.equal(given, computed)


def test_a_response_does_not_see_its_siblings_nor_a_group_its_neighbours(case: Case) -> None:
    policy, encoded = case
    changed = [[group[0], [40, 41, 42], group[2]] for group in RESPONSES]
    with torch.no_grad():
        before, _ = shared_prefix_logprobs(policy.model, packed(policy, encoded))
        after, _ = shared_prefix_logprobs(policy.model, packed(policy, encoded, changed))
        alone, _ = shared_prefix_logprobs(
            policy.model, packed(policy, encoded[1:2], RESPONSES[1:2])
        )
    torch.testing.assert_close(after[:, [0, 2], :3], before[:, [0, 2], :3])
    torch.testing.assert_close(alone[0], before[1, :, :3])


def test_entropy_of_a_uniform_distribution_is_the_log_of_its_size(case: Case) -> None:
    policy, encoded = case
    row = packed(policy, encoded)
    with torch.no_grad():
        policy.model.lm_head.weight.zero_()
        logprobs, entropy = shared_prefix_logprobs(policy.model, row)
    size = torch.tensor(float(policy.model.config.text_config.vocab_size)).log()
    torch.testing.assert_close(entropy[row.mask], size.expand(int(row.mask.sum())))
    torch.testing.assert_close(logprobs[row.mask], -size.expand(int(row.mask.sum())))
