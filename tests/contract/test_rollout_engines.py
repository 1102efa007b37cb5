"""Every rollout engine passes the same suite."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch

from tasks.core.config import VllmConfig
from tasks.policy.checkpoint import Policy, vision_token_ids
from tasks.rollout.engine import RolloutEngine, SamplingParams
from tasks.rollout.inputs import batch_prompts, encode_prompt
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.rollout.vllm_engine import VllmEngine
from tasks.train.gap import gap_metrics
from tasks.train.metrics import values
from tasks.train.shared_prefix import pack_row, shared_prefix_logprobs, use_shared_prefix_attention
from tasks.video.render import FrameSelection, ShownVideo
from tests.helpers.policy import fresh_policy, make_prompt, mixed_prompts, noise_video, plain_answer

EngineFactory = Callable[[Policy], RolloutEngine]


@cache
def _vllm() -> VllmEngine:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's own, while it starts
        return VllmEngine(fresh_policy(), VllmConfig(max_model_tokens=1024, cache_gib=0.25))


def _make_vllm(policy: Policy) -> RolloutEngine:
    # One engine serves all tests: starting one takes seconds, and this way every test pushes
    # weights first.
    _vllm().load_weights(policy.model.named_parameters())
    return _vllm()


ENGINES: dict[str, EngineFactory] = {
    "transformers": lambda policy: TransformersEngine(policy, prompts_per_batch=2),
    "vllm": _make_vllm,
}
SAMPLED = SamplingParams(num_completions=4, temperature=1.0, max_tokens=6)


@pytest.fixture(params=["transformers", pytest.param("vllm", marks=pytest.mark.slow)])
def make_engine(request: pytest.FixtureRequest) -> EngineFactory:
    return ENGINES[request.param]


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 0.6, 1.5])
def test_rollout_logprobs_equal_policy_logprobs_after_a_weight_update(
    make_engine: EngineFactory, temperature: float
) -> None:
    policy = fresh_policy()
    engine = make_engine(policy)
    prompts = mixed_prompts(policy)
    sampled = replace(SAMPLED, temperature=temperature)
    engine.generate(prompts, sampled, [1, 2, 3])
    engine.sleep()
    with torch.no_grad():
        for parameter in policy.model.parameters():
            parameter.add_(
                0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
            )
    engine.load_weights(policy.model.named_parameters())
    groups = engine.generate(prompts, sampled, [1, 2, 3])
    batches = [
        batch_prompts(policy, [encode_prompt(policy.processor, prompt)]) for prompt in prompts
    ]
    use_shared_prefix_attention(policy.model)
    with torch.no_grad():
        row = pack_row(batches, [[c.token_ids for c in group] for group in groups])
        policy_logprobs, _ = shared_prefix_logprobs(
            policy.model, row, temperature, banned_ids=vision_token_ids(policy)
        )
    gap = values(gap_metrics(policy_logprobs, groups))
    assert gap["rollout/logprob_gap_max"] < 1e-4


def test_prompt_tokens_are_the_processors_with_exact_times(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    video = noise_video(8, 3, step_seconds=0.4)
    prompts = [*mixed_prompts(policy), make_prompt(policy, "How many?", video)]
    found = make_engine(policy).prompt_token_ids(prompts)
    encoded = [encode_prompt(policy.processor, prompt) for prompt in prompts]
    assert found == [tuple(prompt.input_ids.tolist()) for prompt in encoded]
    video_id = policy.model.config.video_token_id
    # Two frames of 64 px make 2 x 2 vision tokens.
    assert [ids.count(video_id) for ids in found] == [8 * 4, 6 * 4, 4 * 4, 4 * 4]
    times = re.findall(r"<([0-9.]+) seconds>", policy.processor.tokenizer.decode(found[-1]))
    assert times == ["0.2", "1.0", "1.8", "2.6"]


def test_prompt_tokens_of_a_benchmarks_video_are_the_processors(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    selection = FrameSelection(indices=(0, 13, 25, 38), rate=29.97)
    video = ShownVideo(noise_video(4, 5).frames, selection.timestamps_seconds, selection)
    prompt = make_prompt(policy, "How many?", video)
    (found,) = make_engine(policy).prompt_token_ids([prompt])
    assert found == tuple(encode_prompt(policy.processor, prompt).input_ids.tolist())
    # Times of merged pairs: (0 + 13) / 2 and (25 + 38) / 2 over the rate.
    assert re.findall(r"<([0-9.]+) seconds>", policy.processor.tokenizer.decode(found)) == [
        "0.2",
        "1.1",
    ]


def test_same_seed_gives_the_same_group_whatever_stands_beside_it(
    make_engine: EngineFactory,
) -> None:
    policy = fresh_policy()
    engine = make_engine(policy)
    prompts = mixed_prompts(policy)
    together = engine.generate(prompts, SAMPLED, [1, 2, 3])
    alone = engine.generate(prompts[1:2], SAMPLED, [2])
    assert [c.token_ids for c in together[1]] == [c.token_ids for c in alone[0]]


def test_other_seeds_give_other_groups(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    engine = make_engine(policy)
    prompt = mixed_prompts(policy)[:1]
    assert engine.generate(prompt, SAMPLED, [1])[0] != engine.generate(prompt, SAMPLED, [2])[0]


def test_greedy_completions_of_a_group_are_equal(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    groups = make_engine(policy).generate(
        mixed_prompts(policy),
        SamplingParams(num_completions=3, temperature=0.0, max_tokens=5),
        [1, 2, 3],
    )
    assert all(
        completion.token_ids == group[0].token_ids for group in groups for completion in group
    )


def test_greedy_answers_are_those_of_plain_generate(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    prompts = mixed_prompts(policy)
    greedy = SamplingParams(num_completions=2, temperature=0.0, max_tokens=8)
    found = make_engine(policy).generate(prompts, greedy, [1, 2, 3])
    assert [group[0].token_ids for group in found] == [
        plain_answer(policy, prompt, greedy) for prompt in prompts
    ]


def test_the_token_limit_is_kept_and_marked(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    groups = make_engine(policy).generate(mixed_prompts(policy), SAMPLED, [1, 2, 3])
    end_id = policy.processor.tokenizer.eos_token_id
    for completion in (completion for group in groups for completion in group):
        assert len(completion.token_ids) <= SAMPLED.max_tokens
        assert completion.truncated == (completion.token_ids[-1] != end_id)
        assert end_id not in completion.token_ids[:-1]
        assert len(completion.logprobs) == len(completion.token_ids)


def test_vision_tokens_are_never_sampled(make_engine: EngineFactory) -> None:
    policy = fresh_policy()
    banned = vision_token_ids(policy)
    with torch.no_grad():
        policy.model.lm_head.weight[banned] *= 50.0
    engine = make_engine(policy)
    many = SamplingParams(num_completions=16, temperature=1.0, max_tokens=8)
    groups = engine.generate(mixed_prompts(policy), many, [1, 2, 3])
    assert not {t for group in groups for c in group for t in c.token_ids} & set(banned)
