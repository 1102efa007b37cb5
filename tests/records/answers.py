"""What the small policy answers: texts, log-probabilities, and how far the second-best token is
from a greedy one."""

from pathlib import Path

from tests.helpers.clips import make_clip, store_clip
from tests.records.model import fixed_policy
from tests.records.product.data import (
    Clip,
    PerturbConfig,
    Sample,
    Split,
    Store,
    derive_seed,
    plan_benchmark_items,
    plan_samples,
)
from tests.records.product.policy import (
    SamplingParams,
    generate,
    greedy_margin,
    policy_logprobs,
    prompt_of,
    score_with_policy,
)
from tests.records.record import Tolerance

TOLERANCE = Tolerance(
    relative=2e-5,
    absolute=1e-5,
    why="float32 through the whole model; 1e-6 was the most seen, and no other token",
)
_LEAST_MARGIN = 2e-3
"""Far above the tolerance: below, two processors might choose differently, and the record would
need another seed."""


def answers(seed: int, folder: Path) -> object:
    """Greedy and sampled ones to a sample of each pretext task, by the engine and by the trainer's
    forward pass."""
    store, clips, samples = _samples(seed, folder)
    policy = fixed_policy(seed)
    prompts = [prompt_of(policy, store, sample, clips) for sample in samples]
    seeds = [derive_seed(seed, "answers", sample.sample_id) for sample in samples]
    found: dict[str, object] = {}
    for name, params in {
        "greedy": SamplingParams(num_completions=1, temperature=0.0, max_tokens=6),
        "sampled": SamplingParams(num_completions=3, temperature=1.0, max_tokens=6),
        "sampled at 0.7": SamplingParams(num_completions=2, temperature=0.7, max_tokens=6),
    }.items():
        groups = generate(policy, prompts, params, seeds)
        for sample, prompt, group in zip(samples, prompts, groups, strict=True):
            said = {
                "tokens": [list(completion.token_ids) for completion in group],
                "texts": [completion.text for completion in group],
                "engine": [list(completion.logprobs) for completion in group],
                "trainer": policy_logprobs(policy, prompt, group, params.temperature or 1.0),
            }
            if not params.temperature:
                margin = greedy_margin(policy, prompt, group[0])
                assert margin > _LEAST_MARGIN, (
                    f"{sample.sample_id}: the second-best token is only {margin} away"
                )
                said["margin"] = margin
            found[f"{sample.pretext}, {name}"] = said
    return found


def evaluation(seed: int, folder: Path) -> object:
    """The main job's rows of the same policy: held-out samples and VIUBench items."""
    store, clips, samples = _samples(seed, folder)
    rows = score_with_policy(store, fixed_policy(seed), samples, clips, seed)
    return {
        row.sample_id: f"score {row.score!r} parsed {row.parsed_share!r} {list(row.answers)}"
        for row in rows
    }


def _samples(seed: int, folder: Path) -> tuple[Store, list[Clip], list[Sample]]:
    store = Store(str(folder))
    clips = [store_clip(store, make_clip(num_frames=8, split=Split.HELDOUT), seed=seed)]
    # At level 0 a second-best token comes too near.
    config = PerturbConfig(
        levels=(0.1,), train_samples_per_clip=(1, 1, 1), heldout_samples_per_clip=(1, 1, 1)
    )
    return (
        store,
        clips,
        plan_samples(clips, config, seed) + plan_benchmark_items(clips, 1, seed)[:3],
    )
