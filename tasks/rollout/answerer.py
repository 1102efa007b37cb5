"""Who answers: a model through its rollout engine, or whoever has the method. All are scored by the same code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tasks.core.types import Rollout, Sample
from tasks.rollout.collect import Collector


@dataclass(frozen=True)
class Answered:
    """The answers to some samples, each sample in one of the two."""

    rollouts: Mapping[str, Sequence[Rollout]]
    """By sample id."""
    failures: Mapping[str, str]
    """Why a sample could not be shown, by sample id."""


class Answerer(Protocol):
    """Answers samples; an answer depends on its own sample and the seed only."""

    def answer(self, samples: Sequence[Sample]) -> Answered: ...


@dataclass(frozen=True)
class ModelAnswerer:
    """The policy behind a collector."""

    collector: Collector
    purpose: tuple[str, ...]
    """Keeps the seeds of different uses apart."""

    def answer(self, samples: Sequence[Sample]) -> Answered:
        collected = self.collector.collect(samples, *self.purpose)
        return Answered({g.sample.sample_id: g.rollouts for g in collected.groups}, dict(collected.failures))
