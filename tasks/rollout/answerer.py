"""Who answers questions: one seam for policies, servers, guessers and scripts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from transformers import Qwen3VLProcessor

from tasks.core.seeding import derive_seed
from tasks.core.types import Sample
from tasks.rollout.engine import Completion, RolloutEngine, SamplingParams
from tasks.rollout.prompt import Prompt, render_prompt
from tasks.video.render import ShownVideo

Show = Callable[[Sample], tuple[ShownVideo, ...]]
"""Opens the videos of a question; raises ValueError if one cannot be shown."""


@dataclass(frozen=True)
class Sampling(SamplingParams):
    """How a question is answered, and for what."""

    purpose: tuple[str | int, ...]
    """Enters the seeds: different uses of one sample draw different answers."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What was said to one question. No seconds: a run that was cut off has the same row."""

    sample_id: str
    texts: tuple[str, ...] = ()
    """One for each completion; none if there is a failure."""
    num_tokens: tuple[int, ...] = ()
    """Of each text."""
    truncated: tuple[bool, ...] = ()
    """Whether the token limit ended it."""
    failure: str = ""
    """Why there is no text; the question scores 0 and stays in the denominator."""
    num_vision_tokens: int = 0
    """Of the prompt."""


@runtime_checkable
class Answerer(Protocol):
    """Answers questions; a reply depends on its own question, the sampling and the seed only."""

    @property
    def digest(self) -> str:
        """Equal only for those that answer alike."""
        ...

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        """One reply a question, in order; one that cannot be shown or asked fails alone."""
        ...

    def close(self) -> None:
        """Give back memory; of no use afterwards."""
        ...


class PolicyAnswerer:
    """A policy behind a rollout engine, loaded with the first question that can be shown."""

    def __init__(
        self, digest: str, load: Callable[[], tuple[Qwen3VLProcessor, RolloutEngine]], seed: int
    ) -> None:
        self.digest = digest
        self._load, self._seed = load, seed
        self._loaded: tuple[Qwen3VLProcessor, RolloutEngine] | None = None

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        """See `Answerer`: one batch for the engine, which shares what prompts have in common."""
        replies: dict[str, Reply] = {}
        shown: list[tuple[Sample, tuple[ShownVideo, ...]]] = []
        for sample in samples:
            try:
                shown.append((sample, show(sample)))
            except ValueError as error:
                replies[sample.sample_id] = Reply(sample_id=sample.sample_id, failure=str(error))
        if shown:
            self._loaded = self._loaded or self._load()
            processor, engine = self._loaded
            prompts = [render_prompt(processor, sample, videos) for sample, videos in shown]
            seeds = [
                derive_seed(self._seed, *sampling.purpose, sample.sample_id) for sample, _ in shown
            ]
            for (sample, videos), group in zip(
                shown, _generate(engine, prompts, sampling, seeds), strict=True
            ):
                replies[sample.sample_id] = _reply(sample, videos, group)
        return [replies[sample.sample_id] for sample in samples]

    def close(self) -> None:
        """See `Answerer`."""
        if self._loaded:
            self._loaded[1].close()


def _generate(
    engine: RolloutEngine, prompts: Sequence[Prompt], sampling: Sampling, seeds: Sequence[int]
) -> list[list[Completion] | str]:
    """A group for each prompt, or why the engine refused it, e.g. as too long.

    An engine that refuses one prompt answers none: then each is asked alone.
    """
    try:
        return [*engine.generate(prompts, sampling, seeds)]
    except ValueError as error:
        if len(prompts) == 1:
            return [f"{type(error).__name__}: {error}"]
        pairs = zip(prompts, seeds, strict=True)
        return [
            group
            for prompt, seed in pairs
            for group in _generate(engine, [prompt], sampling, [seed])
        ]


def _reply(sample: Sample, videos: Sequence[ShownVideo], group: list[Completion] | str) -> Reply:
    tokens = sum(video.num_tokens for video in videos)
    if isinstance(group, str):
        return Reply(sample_id=sample.sample_id, failure=group, num_vision_tokens=tokens)
    return Reply(
        sample_id=sample.sample_id,
        texts=tuple(completion.text for completion in group),
        num_tokens=tuple(len(completion.token_ids) for completion in group),
        truncated=tuple(completion.truncated for completion in group),
        num_vision_tokens=tokens,
    )
