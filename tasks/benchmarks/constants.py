"""The best constant answer: the one that scores most if it is given to every question of a cell.

It needs no pixel, so what a model scores above it is the least that it must have seen. A question
states how many clips or things it asks for, and times are shown to whoever is asked: so questions
are parted by the length of their answer, and an interval may be a share of the video's length.
Parts of an answer are rewarded independently, so each is chosen for itself (`best_answers`).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from rewards.answers import Answer, AnswerKind, Counts, Interval, Permutation
from rewards.parse import format_answer
from rewards.schema import SEPARATOR, Schema, read_schema, right_answers
from tasks.benchmarks.answer_space import length_seconds
from tasks.benchmarks.best_answers import Share, best_interval, best_plain
from tasks.benchmarks.spans import Window
from tasks.core.types import Clip, Sample


@dataclass(frozen=True)
class ConstantAnswer:
    """One answer to many questions, part by part (one part unless the schema has several)."""

    parts: tuple[Answer | Share, ...]

    def answers(self, seconds: float) -> tuple[Answer, ...]:
        """To a question about a video of that length."""
        return tuple(part.of(seconds) if isinstance(part, Share) else part for part in self.parts)

    def text(self, seconds: float) -> str:
        """As a model would write it."""
        return f"{SEPARATOR} ".join(map(format_answer, self.answers(seconds)))

    def __str__(self) -> str:
        """For people."""
        return f"{SEPARATOR} ".join(map(_words, self.parts))


@dataclass(frozen=True)
class BestConstant:
    """The best constant answer, and what it scores on the questions that it was chosen on."""

    answer: ConstantAnswer
    mean_score: float


class RightAnswer(NamedTuple):
    """Of one question, what a constant answer is held against."""

    parts: tuple[Answer, ...]
    seconds: float
    """Length of the video as shown; NaN if it is not known."""
    windows: tuple[Window, ...] = ()
    """In the place of an interval: overlap with any of them counts."""

    def windows_of(self, place: int) -> Sequence[Window]:
        """Of an interval at that place of the answer."""
        own = self.parts[place]
        assert isinstance(own, Interval)
        return self.windows or [(own.start_seconds, own.end_seconds)]


class AnswerCell(NamedTuple):
    """Questions that one constant answer fits: those of a cell whose answers are equally long."""

    pretext: str
    kind: str
    level: float
    answer_kind: str
    lengths: tuple[int, ...]
    """Of each part of the answer the number of its numbers; 0 for what is no list."""


def answer_cell(sample: Sample) -> AnswerCell:
    """Where the sample belongs."""
    parts = right_answers(sample.answer, _schema(sample.answer_kind))
    return AnswerCell(*sample.cell, sample.answer_kind, lengths_of(parts))


def lengths_of(parts: Iterable[Answer]) -> tuple[int, ...]:
    """See `AnswerCell.lengths`."""
    return tuple(map(_length, parts))


def right_answer_of(sample: Sample, clips: Mapping[str, Clip]) -> RightAnswer:
    """Of a sample on `clips` (by id); the length is that of the first video that it shows."""
    parts = right_answers(sample.answer, _schema(sample.answer_kind))
    seconds = length_seconds(sample, clips) if sample.views[0].clip_id in clips else math.nan
    return RightAnswer(parts, seconds)


def best_constants(
    samples: Iterable[Sample], clips: Mapping[str, Clip], seed: int = 0
) -> dict[AnswerCell, BestConstant]:
    """The best constant answer to each cell by smooth reward, chosen on these samples themselves;
    none where words are asked for.

    Args:
        samples: in any order, which decides nothing.
        clips: that they show, by id.
        seed: of what is drawn where there are too many candidates.
    """
    found: defaultdict[AnswerCell, list[RightAnswer]] = defaultdict(list)
    for sample in samples:
        found[answer_cell(sample)].append(right_answer_of(sample, clips))
    chosen = {
        cell: best_constant(found[cell], read_schema(cell.answer_kind), is_smooth=True, seed=seed)
        for cell in sorted(found)
    }
    return {cell: best for cell, best in chosen.items() if best is not None}


def best_constant(
    truths: Sequence[RightAnswer], schema: Schema, *, is_smooth: bool, seed: int
) -> BestConstant | None:
    """The best constant answer to questions with these right answers, equally long and at least
    one; None where words are asked for.

    `is_smooth`: by the rewards of training; else as benchmarks score (`best_answers`).
    """
    parts: list[Answer | Share] = []
    total = 0.0
    for place, part in enumerate(schema):
        if part.kind is AnswerKind.INTERVAL:
            windows = [truth.windows_of(place) for truth in truths]
            best = best_interval(windows, [truth.seconds for truth in truths], seed)
        else:
            plain = best_plain([truth.parts[place] for truth in truths], is_smooth=is_smooth)
            if plain is None:
                return None
            best = plain
        parts.append(best.answer)
        total += part.weight * best.mean_score
    return BestConstant(ConstantAnswer(tuple(parts)), total)


@cache
def _schema(answer_kind: str) -> Schema:
    return read_schema(answer_kind)


def _length(answer: Answer) -> int:
    match answer:
        case Counts():
            return len(answer.values)
        case Permutation():
            return len(answer.positions)
    return 0


def _words(part: Answer | Share) -> str:
    if isinstance(part, Share):
        return f"{part.start:.2f}-{part.end:.2f} of the video"
    return format_answer(part)
