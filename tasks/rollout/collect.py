"""Samples in, rewarded groups out, with the prompts and tokens that training needs."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
class GroupBatch:
    """The groups of a batch, and the samples that could not be rendered."""

    groups: list[Group]
    failures: list[tuple[str, str]]
    """(sample id, reason)"""

    def of(self, samples: Iterable[Sample]) -> "GroupBatch":
        """What concerns `samples`."""
        ids = {sample.sample_id for sample in samples}
        return GroupBatch(
            groups=[group for group in self.groups if group.sample.sample_id in ids],
            failures=[failure for failure in self.failures if failure[0] in ids],
        )


@dataclass(frozen=True)
class Prompts:
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

    def take(self, samples: Sequence[Sample]) -> Prompts:
        """The prompts of `samples`, which needs no model."""
        taken = Prompts()
        for sample in samples:
            found = self.prompts.take(sample)
            if isinstance(found, str):
                taken.failures.append((sample.sample_id, found))
                logger.warning("sample %s left out: %s", sample.sample_id, found)
            else:
                taken.prompts.append((sample, found))
        return taken

    def answer(self, taken: Prompts, *purpose: str | int) -> GroupBatch:
        """One group for each prompt; `purpose` keeps the seeds of different uses apart."""
        seeds = [
            derive_seed(self.seed, "rollout", *purpose, sample.sample_id)
            for sample, _ in taken.prompts
        ]
        completions = self.engine.generate(
            [prompt for _, prompt in taken.prompts], self.params, seeds
        )
        groups = [
            Group(sample, prompt, tuple(found), _rollouts(sample, found), self.reward)
            for (sample, prompt), found in zip(taken.prompts, completions, strict=True)
        ]
        return GroupBatch(groups=groups, failures=taken.failures)

    def close(self) -> None:
        """Give back memory and end worker processes."""
        self.prompts.close()
        self.engine.close()


def _rollouts(sample: Sample, completions: Sequence[Completion]) -> tuple[Rollout, ...]:
    return tuple(
        reward_answer(
            sample,
            index,
            completion.text,
            num_tokens=len(completion.token_ids),
            truncated=completion.truncated,
        )
        for index, completion in enumerate(completions)
    )
