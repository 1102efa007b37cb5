"""The shared-prefix forward equals the plain repeated forward, in values and gradients."""

import pytest
import torch
from torch import Tensor

from tasks.policy.checkpoint import Policy
from tasks.rollout.inputs import EncodedPrompt, batch_prompts, encode_prompt
from tasks.train.shared_prefix import ResponseBatch, batch_responses, shared_prefix_logprobs
from tests.helpers.policy import fresh_policy, mixed_prompts

# Three groups (grounding, six-clip jigsaw, counting) of three responses with different lengths.
RESPONSES = [
    [[29, 28, 27, 26], [25], [24, 23]],
    [[31, 32, 33], [34, 35], [36]],
    [[21, 22, 23, 24, 25], [26, 27], [28, 29, 30]],
]

Case = tuple[Policy, list[EncodedPrompt], ResponseBatch]


def plain_logprobs(policy: Policy, prompt: EncodedPrompt, tokens: list[int]) -> Tensor:
    """One row `[prompt, response]` through the model's own positions and mask: the oracle."""
    response = torch.tensor(tokens)
    output = policy.model(
        input_ids=torch.cat([prompt.input_ids, response])[None],
        mm_token_type_ids=torch.cat([prompt.token_types, torch.zeros(len(tokens), dtype=prompt.token_types.dtype)])[
            None
        ],
        pixel_values_videos=prompt.pixel_values,
        video_grid_thw=prompt.grid_thw,
    )
    logits = output.logits[0, len(prompt.input_ids) - 1 : -1]
    return logits.log_softmax(-1).gather(1, response[:, None])[:, 0]


def gradients(policy: Policy, loss: Tensor) -> Tensor:
    policy.model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in policy.model.parameters() if p.grad is not None])


@pytest.fixture
def case() -> Case:
    policy = fresh_policy()
    encoded = [encode_prompt(policy.processor, prompt) for prompt in mixed_prompts(policy)]
    return policy, encoded, batch_responses(RESPONSES, policy.device)


def test_logprobs_and_gradients_equal_the_plain_forward(
    case: Case,
) -> None:
    policy, encoded, responses = case
    weights = torch.randn(responses.mask.shape, generator=torch.Generator().manual_seed(0)) * responses.mask
    shared, _ = shared_prefix_logprobs(policy.model, batch_prompts(policy, encoded), responses)
    plain = torch.zeros_like(shared)
    for g, group in enumerate(RESPONSES):
        for n, tokens in enumerate(group):
            plain[g, n, : len(tokens)] = plain_logprobs(policy, encoded[g], tokens)
    assert ((shared - plain) * responses.mask).abs().max().item() < 1e-5
    expected = gradients(policy, (weights * plain).sum())
    found = gradients(policy, (weights * shared).sum())
    assert ((found - expected).norm() / expected.norm()).item() < 1e-4


def test_a_response_does_not_see_its_siblings(case: Case) -> None:
    policy, encoded, responses = case
    prompts = batch_prompts(policy, encoded)
    changed = [[group[0], [40, 41, 42], group[2]] for group in RESPONSES]
    with torch.no_grad():
        before, _ = shared_prefix_logprobs(policy.model, prompts, responses)
        after, _ = shared_prefix_logprobs(policy.model, prompts, batch_responses(changed, policy.device))
    torch.testing.assert_close(after[:, 0, :3] * responses.mask[:, 0, :3], before[:, 0, :3] * responses.mask[:, 0, :3])


def test_entropy_of_a_uniform_distribution_is_the_log_of_its_size(
    case: Case,
) -> None:
    policy, encoded, responses = case
    with torch.no_grad():
        policy.model.lm_head.weight.zero_()
        logprobs, entropy = shared_prefix_logprobs(policy.model, batch_prompts(policy, encoded), responses)
    size = torch.tensor(float(policy.model.config.text_config.vocab_size)).log()
    torch.testing.assert_close(entropy, size.expand_as(entropy))
    torch.testing.assert_close(logprobs, -size.expand_as(logprobs))
