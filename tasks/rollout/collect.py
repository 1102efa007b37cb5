"""Samples in, rewarded groups out: render, prompt, generate, verify. Used by calibrate, train and evaluate alike."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tasks.core.reward import RewardKind
from tasks.core.seeding import derive_seed
from tasks.core.types import Rollout, Sample
from tasks.rollout.engine import Completion, RolloutEngine, SamplingParams
from tasks.rollout.prompt import Prompt
from tasks.rollout.reward import reward_answer
from tasks.rollout.source import PromptSource

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Group:
    """All rollouts of one sample."""

    sample: Sample
    prompt: Prompt
    completions: tuple[Completion, ...]
    rollouts: tuple[Rollout, ...]
    """One for each completion."""
    reward: RewardKind = RewardKind.SMOOTH
    """Which `rewards` are."""

    @property
    def rewards(self) -> list[float]:
        return [self.reward.of(rollout) for rollout in self.rollouts]


@dataclass(frozen=True)
class Collected:
    """The groups of a batch, and the samples that could not be rendered."""

    groups: list[Group]
    failures: list[tuple[str, str]]
    """(sample id, reason)"""

    def of(self, samples: Iterable[Sample]) -> "Collected":
        """What concerns `samples`."""
        ids = {sample.sample_id for sample in samples}
        return Collected(
            groups=[group for group in self.groups if group.sample.sample_id in ids],
            failures=[failure for failure in self.failures if failure[0] in ids],
        )


@dataclass(frozen=True)
class Taken:
    """The prompts of a batch, and the samples that cannot be shown."""

    prompts: list[tuple[Sample, Prompt]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """(sample id, reason)"""


@dataclass(frozen=True)
class Collector:
    """What it takes to turn samples into groups."""

    engine: RolloutEngine
    prompts: PromptSource
    params: SamplingParams
    seed: int
    reward: RewardKind = RewardKind.SMOOTH
    """What groups are rewarded by."""

    def sampling(self, *, num_completions: int, temperature: float) -> "Collector":
        """The same collector with other sampling parameters."""
        params = replace(self.params, num_completions=num_completions, temperature=temperature)
        return replace(self, params=params)

    def collect(self, samples: Sequence[Sample], *purpose: str | int) -> Collected:
        """One group for each sample that can be rendered; `purpose` keeps the seeds of different uses apart."""
        return self.answer(self.take(samples), *purpose)

    def take(self, samples: Sequence[Sample]) -> Taken:
        """The first half of `collect`, which needs no model."""
        taken = Taken()
        for sample in samples:
            found = self.prompts.take(sample)
            if isinstance(found, str):
                taken.failures.append((sample.sample_id, found))
                logger.warning("sample %s left out: %s", sample.sample_id, found)
            else:
                taken.prompts.append((sample, found))
        return taken

    def answer(self, taken: Taken, *purpose: str | int) -> Collected:
        """The second half."""
        seeds = [derive_seed(self.seed, "rollout", *purpose, sample.sample_id) for sample, _ in taken.prompts]
        completions = self.engine.generate([prompt for _, prompt in taken.prompts], self.params, seeds)
        groups = [
            Group(sample, prompt, tuple(found), _rollouts(sample, found), self.reward)
            for (sample, prompt), found in zip(taken.prompts, completions, strict=True)
        ]
        return Collected(groups=groups, failures=taken.failures)

    def close(self) -> None:
        """Give back memory and end worker processes."""
        self.prompts.close()
        self.engine.close()


def _rollouts(sample: Sample, completions: Sequence[Completion]) -> tuple[Rollout, ...]:
    return tuple(
        reward_answer(
            sample, index, completion.text, num_tokens=len(completion.token_ids), truncated=completion.truncated
        )
        for index, completion in enumerate(completions)
    )
