"""Who answers a benchmark's questions: one seam for models, servers, guessers and scripts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from transformers import Qwen3VLProcessor

from tasks.benchmarks.conditions import Conditions
from tasks.core.seeding import derive_seed
from tasks.core.types import Sample
from tasks.rollout.engine import Completion, RolloutEngine, SamplingParams
from tasks.rollout.prompt import Prompt, render_prompt
from tasks.video.frames import MULTIPLE_PX
from tasks.video.render import ShownVideo

Show = Callable[[Sample], tuple[ShownVideo, ...]]
"""Opens the videos of a question; raises ValueError if one cannot be shown."""
_FRAMES_MERGED = 2


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was said to one question. No seconds: the row is the same however often a run was cut off."""

    sample_id: str
    text: str = ""
    failure: str = ""
    """Why there is no text; it scores 0 and stays in the denominator."""
    num_vision_tokens: int = 0
    """Of the prompt."""
    num_answer_tokens: int = 0
    truncated: bool = False
    """The token limit ended it."""


@runtime_checkable
class Respondent(Protocol):
    """Answers questions; an answer depends on its own question and the seed only."""

    def respond(self, samples: Sequence[Sample], show: Show, conditions: Conditions) -> list[Answer]:
        """One answer for each question, in order; a question that cannot be shown or asked fails alone."""
        ...

    def close(self) -> None:
        """Give back memory; of no use afterwards."""
        ...


@dataclass(frozen=True)
class EngineRespondent:
    """A policy behind a rollout engine."""

    engine: RolloutEngine
    processor: Qwen3VLProcessor
    seed: int

    def respond(self, samples: Sequence[Sample], show: Show, conditions: Conditions) -> list[Answer]:
        """See `Respondent`: one batch for the engine, which shares what prompts on one video have in common."""
        answers = {sample.sample_id: Answer(sample_id=sample.sample_id) for sample in samples}
        asked: list[tuple[Sample, Prompt]] = []
        for sample in samples:
            try:
                videos = show(sample)
            except ValueError as error:
                answers[sample.sample_id] = replace(answers[sample.sample_id], failure=str(error))
            else:
                asked.append((sample, render_prompt(self.processor, sample, videos)))
        for sample, prompt, found in self._generate(asked, conditions):
            tokens = sum(map(vision_tokens, prompt.videos))
            answers[sample.sample_id] = (
                Answer(sample_id=sample.sample_id, failure=found, num_vision_tokens=tokens)
                if isinstance(found, str)
                else Answer(
                    sample_id=sample.sample_id,
                    text=found.text,
                    num_vision_tokens=tokens,
                    num_answer_tokens=len(found.token_ids),
                    truncated=found.truncated,
                )
            )
        return list(answers.values())

    def close(self) -> None:
        self.engine.close()

    def _generate(
        self, asked: Sequence[tuple[Sample, Prompt]], conditions: Conditions
    ) -> list[tuple[Sample, Prompt, Completion | str]]:
        """With the completion, or why the engine refused the prompt, e.g. as too long."""
        params = SamplingParams(
            num_completions=1, temperature=conditions.temperature, max_tokens=conditions.max_answer_tokens
        )
        seeds = [derive_seed(self.seed, "benchmark", sample.sample_id) for sample, _ in asked]
        try:
            groups = self.engine.generate([prompt for _, prompt in asked], params, seeds) if asked else []
        except ValueError as error:
            if len(asked) == 1:
                return [(*asked[0], f"{type(error).__name__}: {error}")]
            return [found for one in asked for found in self._generate([one], conditions)]
        return [(sample, prompt, group[0]) for (sample, prompt), group in zip(asked, groups, strict=True)]


def vision_tokens(video: ShownVideo) -> int:
    """Places that the video takes in the prompt."""
    frames, height, width, _ = (int(size) for size in video.frames.shape)
    return (frames + frames % _FRAMES_MERGED) // _FRAMES_MERGED * (height // MULTIPLE_PX) * (width // MULTIPLE_PX)
