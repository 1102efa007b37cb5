"""Answerers without a model: two guess, one reads from a file.

    random        uniform over the valid answers, as the question tells them
    label-prior   from the data set's own answers to questions of the same kind: no pixel needed
    scripted      what a file says

With them the whole path runs anywhere.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from rewards.parse import format_answer
from tasks.benchmarks.answer_space import space_of
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.lookup import missing_of
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.seeding import generator
from tasks.core.stages import code_of
from tasks.core.strict_json import read_object
from tasks.core.types import Sample
from tasks.rollout.answerer import Reply, Sampling, Show

_MOST_CHARACTERS = 2**28
"""Of a script: long answers to every question of all benchmarks."""
_ANY = "*"
"""In a script, the text for every question that it does not name."""


class RandomGuesser:
    """Draws uniformly from the valid answers and writes them as the question asks. Opens a video
    only where its length decides what is valid.
    """

    def __init__(self, samples: Sequence[Sample], seed: int) -> None:
        """`samples`: all that it may be asked."""
        self.digest = _digest("random", samples, seed)
        self._seed = seed

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        """See `Answerer`."""
        return [_reply(sample, partial(self._draw, sample, show, sampling)) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _draw(self, sample: Sample, show: Show, sampling: Sampling) -> list[str]:
        rng = generator(self._seed, "random respondent", sample.sample_id)
        space = space_of(sample, sample.kind, lambda: _length_seconds(sample, show))
        # As the benchmark reads answers: a guess that it cannot read would count as wrong.
        write = BENCHMARKS[sample.pretext].write if sample.pretext in BENCHMARKS else format_answer
        return [write(space.draw(rng)) for _ in range(sampling.num_completions)]


class LabelPriorGuesser:
    """Draws from the data set's own answers to questions of the same kind."""

    def __init__(self, samples: Sequence[Sample], seed: int) -> None:
        """`samples`: the data set."""
        self.digest = _digest("label-prior", samples, seed)
        self._seed = seed
        self._labels: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        for sample in samples:
            self._labels[_kind(sample)].append(sample.answer)

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        """See `Answerer`; opens no video."""
        return [_reply(sample, partial(self._draw, sample, sampling)) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _draw(self, sample: Sample, sampling: Sampling) -> list[str]:
        labels = self._labels[_kind(sample)]
        rng = generator(self._seed, "diagnose", "random", sample.sample_id)
        return [labels[index] for index in rng.integers(len(labels), size=sampling.num_completions)]


class ScriptedAnswerer:
    """Says what a file holds: a JSON object from question ids to texts ("*" for all others)."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.digest = digest_of("scripted", dict(texts))
        self._texts = texts

    @classmethod
    def read(cls, path: Path) -> "ScriptedAnswerer":
        """
        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"model: scripted: cannot read {str(path)!r} ({error})") from error
        what, expected = (
            f"model: scripted: {str(path)!r}",
            "expected an object from question ids to texts",
        )
        texts = read_object(text, what, expected, most_characters=_MOST_CHARACTERS)
        if not all(isinstance(text, str) for text in texts.values()):
            raise InputError(
                f"model: scripted: {str(path)!r} is no JSON object from question ids to texts"
            )
        return cls(texts)

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        """See `Answerer`; opens no video."""
        return [_reply(sample, partial(self._said, sample, sampling)) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _said(self, sample: Sample, sampling: Sampling) -> list[str]:
        text = self._texts.get(sample.sample_id, self._texts.get(_ANY))
        if text is None:
            raise ValueError("the script has no text for it")
        return [text] * sampling.num_completions


def _reply(sample: Sample, say: Callable[[], list[str]]) -> Reply:
    """A guess at a video that is not there would count as an answer to it."""
    failure = missing_of(sample)
    try:
        texts = () if failure else tuple(say())
    except ValueError as error:
        texts, failure = (), str(error)
    num = len(texts)
    return Reply(
        sample_id=sample.sample_id,
        texts=texts,
        num_tokens=(0,) * num,
        truncated=(False,) * num,
        failure=failure,
    )


def _digest(name: str, samples: Sequence[Sample], seed: int) -> str:
    """Guesses depend on labels too: on the whole data set's, or on how many numbers one has."""
    return digest_of(
        code_of("guess"),
        name,
        seed,
        sorted((sample.sample_id, sample.answer) for sample in samples),
    )


def _kind(sample: Sample) -> tuple[str, str, str]:
    return sample.pretext, sample.kind, sample.answer_kind


def _length_seconds(sample: Sample, show: Show) -> float:
    """To the end of the last frame."""
    times = show(sample)[0].timestamps_seconds
    return times[-1] + (times[-1] - times[0]) / max(1, len(times) - 1)
