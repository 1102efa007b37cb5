"""A guesser for VIUBench, scored by the same code as a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rewards.parse import format_answer
from tasks.core.seeding import generator
from tasks.core.types import Clip, Rollout, Sample
from tasks.evaluate.answer_space import answer_space
from tasks.rollout.answerer import Answered
from tasks.rollout.reward import reward_answer


@dataclass(frozen=True)
class RandomAnswerer:
    """Draws uniformly from the valid answers of a VIUBench item (`tasks.evaluate.answer_space`); looks at no pixel."""

    clips: Mapping[str, Clip]
    num_answers: int
    """For each item: the score is their mean, so more of them bring it closer to the expected one."""
    seed: int

    def answer(self, samples: Sequence[Sample]) -> Answered:
        rollouts: dict[str, Sequence[Rollout]] = {}
        failures: dict[str, str] = {}
        for sample in samples:
            try:
                rollouts[sample.sample_id] = self._guess(sample)
            except ValueError as error:
                failures[sample.sample_id] = f"{type(error).__name__}: {error}"
        return Answered(rollouts, failures)

    def _guess(self, sample: Sample) -> list[Rollout]:
        space = answer_space(sample, self.clips)
        rng = generator(self.seed, "random policy", sample.sample_id)
        texts = [format_answer(space.draw(rng)) for _ in range(self.num_answers)]
        return [reward_answer(sample, index, text, num_tokens=0) for index, text in enumerate(texts)]
