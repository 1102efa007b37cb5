"""Samples in, rewarded groups out: render, prompt, generate, verify. Used by calibrate, train and evaluate alike."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from transformers import Qwen3VLProcessor

from tasks.core.seeding import derive_seed
from tasks.core.store import Store
from tasks.core.types import Clip, Rollout, Sample
from tasks.rollout.engine import Completion, RolloutEngine, SamplingParams
from tasks.rollout.prompt import Prompt, render_prompt
from tasks.rollout.reward import reward_answer
from tasks.video.render import render_sample

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Group:
    """All rollouts of one sample."""

    sample: Sample
    prompt: Prompt
    completions: tuple[Completion, ...]
    rollouts: tuple[Rollout, ...]
    """One for each completion."""
    is_strict: bool = False
    """Whether `rewards` are the strict ones."""

    @property
    def rewards(self) -> list[float]:
        return [rollout.strict_reward if self.is_strict else rollout.reward for rollout in self.rollouts]


@dataclass(frozen=True)
class Collected:
    """The groups of a batch, and the samples that could not be rendered."""

    groups: list[Group]
    failures: list[tuple[str, str]]
    """(sample id, reason)"""


@dataclass(frozen=True)
class Collector:
    """What it takes to turn samples into groups."""

    engine: RolloutEngine
    processor: Qwen3VLProcessor
    store: Store
    clips: Mapping[str, Clip]
    params: SamplingParams
    seed: int
    is_strict: bool = False
    """Whether groups are rewarded strictly."""

    def sampling(self, *, num_completions: int, temperature: float) -> "Collector":
        """The same collector with other sampling parameters."""
        params = replace(self.params, num_completions=num_completions, temperature=temperature)
        return replace(self, params=params)

    def collect(self, samples: Sequence[Sample], *purpose: str | int) -> Collected:
        """One group for each sample that can be rendered; `purpose` keeps the seeds of different uses apart."""
        prompts: list[tuple[Sample, Prompt]] = []
        failures: list[tuple[str, str]] = []
        for sample in samples:
            try:
                videos = render_sample(self.store, sample, self.clips)
                prompts.append((sample, render_prompt(self.processor, sample, videos)))
            except (OSError, ValueError, KeyError) as error:
                failures.append((sample.sample_id, f"{type(error).__name__}: {error}"))
                logger.warning("sample %s left out: %s", *failures[-1])
        seeds = [derive_seed(self.seed, "rollout", *purpose, sample.sample_id) for sample, _ in prompts]
        completions = self.engine.generate([prompt for _, prompt in prompts], self.params, seeds)
        groups = [
            Group(sample, prompt, tuple(found), _rollouts(sample, found), self.is_strict)
            for (sample, prompt), found in zip(prompts, completions, strict=True)
        ]
        return Collected(groups=groups, failures=failures)

    def collect_batches(self, samples: Sequence[Sample], batch_size: int, *purpose: str | int) -> Iterator[Collected]:
        """`collect` over many samples, `batch_size` at a time."""
        for start in range(0, len(samples), batch_size):
            yield self.collect(samples[start : start + batch_size], *purpose)


def _rollouts(sample: Sample, completions: Sequence[Completion]) -> tuple[Rollout, ...]:
    return tuple(
        reward_answer(
            sample, index, completion.text, num_tokens=len(completion.token_ids), truncated=completion.truncated
        )
        for index, completion in enumerate(completions)
    )
