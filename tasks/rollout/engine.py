"""The seam between training and whatever generates: prompts in, groups of completions out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from tasks.rollout.prompt import Prompt


@dataclass(frozen=True)
class SamplingParams:
    """How to sample; nothing is left to a model's own generation config."""

    num_completions: int
    temperature: float
    """0 means greedy."""
    max_tokens: int


@dataclass(frozen=True)
class Completion:
    """One sampled answer."""

    token_ids: tuple[int, ...]
    """The answer's tokens; the end-of-turn token is the last one unless truncated."""
    logprobs: tuple[float, ...]
    """Log-probability of each token under the distribution it was drawn from: at the sampling
    temperature (1 when greedy), without the banned tokens. The loss takes the policy's under the
    same one."""
    text: str
    truncated: bool
    """Stopped by `max_tokens`."""


@runtime_checkable
class RolloutEngine(Protocol):
    """Generates groups of completions with the current policy."""

    ranks_together: int
    """So many consecutive ranks hold one engine: they make every call together, with the same
    prompts."""

    def generate(
        self, prompts: Sequence[Prompt], params: SamplingParams, seeds: Sequence[int]
    ) -> list[list[Completion]]:
        """One group of `params.num_completions` for each prompt; a group depends on its own prompt
        and seed only.

        Raises:
            ValueError: a prompt cannot be taken, e.g. it is too long; none is answered.
        """
        ...

    def prompt_token_ids(self, prompts: Sequence[Prompt]) -> list[tuple[int, ...]]:
        """The prompts as this engine's model sees them, one token for each place of a video: what
        engines agree on."""
        ...

    def load_weights(self, named_tensors: Iterable[tuple[str, Tensor]]) -> None:
        """Take over the policy's weights after an update; wakes an engine that sleeps."""
        ...

    def sleep(self) -> None:
        """Give memory to the trainer; weights may be lost, so `load_weights` comes before the next
        `generate`."""
        ...

    def close(self) -> None:
        """Give back memory; the engine is of no use afterwards."""
        ...
