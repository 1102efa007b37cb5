"""Groups of answers: one `generate` an answer, our engine on transformers, and vLLM, side by side
in one run.

The 25 million parameter model; prompts of 24 video places. The plain loop prefills a prompt for
every answer, as trainers do that know no groups. Each has one call to warm up. vLLM starts once and
is told the weights.
"""

import os
import time
import warnings
from collections.abc import Callable
from statistics import median

from tasks.core.config import VllmConfig
from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.policy.checkpoint import Policy
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.engine import RolloutEngine, SamplingParams
from tasks.rollout.prompt import Prompt
from tasks.rollout.transformers_engine import TransformersEngine
from tasks.rollout.vllm_engine import VllmEngine
from tests.helpers.policy import make_prompt, noise_video, plain_answer

NUM = int(os.environ.get("NUM", "3"))
NUM_PROMPTS, NUM_FRAMES, SIDE_PX = 4, 48, 128
SAMPLED = SamplingParams(num_completions=8, temperature=1.0, max_tokens=12)


def test_rollouts() -> None:
    policy = make_tiny_policy(hidden_size=512, num_layers=9, seed=0, texts=[SYSTEM_PROMPT])
    prompts = [
        make_prompt(policy, "How many circles?", noise_video(NUM_FRAMES, seed, size_px=SIDE_PX))
        for seed in range(NUM_PROMPTS)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vLLM's own, while it starts
        vllm = VllmEngine(policy, VllmConfig(max_model_tokens=2048, cache_gib=1.0))
    plain = _seconds(lambda: _plain(policy, prompts))
    ours = _seconds(lambda: _answer(TransformersEngine(policy, NUM_PROMPTS), prompts))
    by_vllm = _seconds(lambda: _pushed(vllm, policy, prompts))
    vllm.close()
    answers = NUM_PROMPTS * SAMPLED.num_completions
    print(
        f"\n{NUM_PROMPTS} prompts of {NUM_FRAMES} frames {SIDE_PX}x{SIDE_PX}, 8 answers of at "
        "most 12 tokens each\n"
    )
    print("| engine | seconds | answers a second | times plain |\n|---|---|---|---|")
    for name, seconds in (
        ("plain generate", plain),
        ("transformers, ours", ours),
        ("vLLM, with the push", by_vllm),
    ):
        print(f"| {name} | {seconds:.2f} | {answers / seconds:.1f} | {plain / seconds:.1f} |")


def _plain(policy: Policy, prompts: list[Prompt]) -> None:
    for prompt in prompts:
        for _ in range(SAMPLED.num_completions):
            plain_answer(policy, prompt, SAMPLED)


def _answer(engine: RolloutEngine, prompts: list[Prompt]) -> None:
    engine.generate(prompts, SAMPLED, list(range(len(prompts))))


def _pushed(engine: RolloutEngine, policy: Policy, prompts: list[Prompt]) -> None:
    """New weights first, as in every step: that also empties the caches."""
    engine.load_weights(policy.model.named_parameters())
    _answer(engine, prompts)


def _seconds(work: Callable[[], None]) -> float:
    work()
    found = []
    for _ in range(NUM):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return median(found)
