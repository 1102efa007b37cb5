"""Respondents without a model: one guesses, one reads from a file. With them the whole path runs anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.benchmarks.answer_space import space_of
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.lookup import missing_of
from tasks.core.errors import InputError
from tasks.core.seeding import generator
from tasks.core.strict_json import read_object
from tasks.core.types import Sample
from tasks.evaluate.respond import Answer, Show

_MOST_CHARACTERS = 2**28
"""Of a script: long answers to every question of all benchmarks."""
_ANY = "*"
"""In a script, the text for every question that it does not name."""


@dataclass(frozen=True)
class RandomRespondent:
    """Draws uniformly from the valid answers and writes them as the question asks. Opens a video only where its length
    decides what is valid.
    """

    seed: int

    def respond(self, samples: Sequence[Sample], show: Show, conditions: Conditions) -> list[Answer]:
        """See `Respondent`."""
        return [self._respond(sample, show) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _respond(self, sample: Sample, show: Show) -> Answer:
        missing = missing_of(sample)
        if missing:
            return Answer(sample_id=sample.sample_id, failure=missing)
        rng = generator(self.seed, "random respondent", sample.sample_id)
        try:
            space = space_of(sample, sample.kind, lambda: _length_seconds(sample, show))
            text = BENCHMARKS[sample.pretext].write(space.draw(rng))
            return Answer(sample_id=sample.sample_id, text=text)
        except ValueError as error:
            return Answer(sample_id=sample.sample_id, failure=str(error))


@dataclass(frozen=True)
class ScriptedRespondent:
    """Says what a file holds: a JSON object from question ids to texts; "*" stands for all others."""

    texts: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "ScriptedRespondent":
        """
        Raises:
            InputError: there is no such file, or it holds something else.
        """
        try:
            text = path.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"model: scripted: cannot read {str(path)!r} ({error})") from error
        what, expected = f"model: scripted: {str(path)!r}", "expected an object from question ids to texts"
        texts = read_object(text, what, expected, most_characters=_MOST_CHARACTERS)
        if not all(isinstance(text, str) for text in texts.values()):
            raise InputError(f"model: scripted: {str(path)!r} is no JSON object from question ids to texts")
        return cls(texts)

    def respond(self, samples: Sequence[Sample], show: Show, conditions: Conditions) -> list[Answer]:
        """See `Respondent`; opens no video."""
        return [self._respond(sample) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _respond(self, sample: Sample) -> Answer:
        text = self.texts.get(sample.sample_id, self.texts.get(_ANY))
        failure = missing_of(sample) or ("the script has no text for it" if text is None else "")
        return Answer(sample_id=sample.sample_id, text="" if failure else text or "", failure=failure)


def _length_seconds(sample: Sample, show: Show) -> float:
    """To the end of the last frame."""
    times = show(sample)[0].timestamps_seconds
    return times[-1] + (times[-1] - times[0]) / max(1, len(times) - 1)
