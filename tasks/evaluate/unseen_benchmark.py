"""Chance and the best constant answer of a published benchmark, by unit, as its headline counts
them.

A constant is chosen by the benchmark's own type of question, on the other half of the items
(`constants_on_others`), and read by the benchmark's adapter as a model's answer is. Free words have
none; where a question lists its answers, the constant is a place in the list.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from string import ascii_uppercase

from rewards.answers import Answer, AnswerKind, Choice, Interval, Text
from rewards.schema import read_schema
from tasks.benchmarks.adapter import FolderBenchmark
from tasks.benchmarks.answer_space import IntervalSpace, right_answer
from tasks.benchmarks.best_answers import Share
from tasks.benchmarks.constants import ConstantAnswer, RightAnswer, lengths_of
from tasks.benchmarks.lookup import missing_of
from tasks.benchmarks.protocol import AnswerScore
from tasks.core.controls import Unseen
from tasks.core.types import BenchmarkFacts, Sample
from tasks.evaluate.constants_on_others import ConstantItem, constants_on_others


def unseen_benchmark(
    benchmark: FolderBenchmark, samples: Sequence[Sample], lengths: Mapping[str, float], seed: int
) -> list[Unseen]:
    """Of every unit of `samples`.

    Args:
        samples: all that are asked; in any order, which decides nothing.
        lengths: of videos, in seconds, by the ids of samples that ask for an interval. Without it a
            constant is one in seconds, and chance is not known.
        seed: of the halves of items.
    """
    found = [_item(benchmark, sample, lengths) for sample in samples]
    chosen = constants_on_others([one for one in found if one], {}, seed, is_smooth=False)
    constants: list[AnswerScore] = []
    chances: list[AnswerScore] = []
    said: defaultdict[str, set[str]] = defaultdict(set)
    for sample in samples:
        constant, seconds = chosen.get(sample.sample_id), lengths.get(sample.sample_id, math.nan)
        row = _judge(benchmark, sample, constant, seconds)
        constants.append(row)
        chances.append(replace(row, paper=_chance(sample, row, seconds)))
        for unit in (sample.sample_id, row.group):
            said[unit] |= {_words(sample, constant)} if constant else set()
    chance_of = benchmark.units(chances)
    return [
        Unseen(
            item=unit,
            chance=chance_of[unit].score,
            constant=constant.score,
            constant_answer=" / ".join(sorted(said[unit])),
        )
        for unit, constant in benchmark.units(constants).items()
    ]


def _item(
    benchmark: FolderBenchmark, sample: Sample, lengths: Mapping[str, float]
) -> ConstantItem | None:
    """None for a question that is not shown or asks for free words."""
    facts = sample.benchmark or BenchmarkFacts()
    if missing_of(sample):
        return None
    parts: tuple[Answer, ...] = (right_answer(sample),)
    if sample.answer_kind == AnswerKind.TEXT:
        if sample.answer not in facts.options:
            return None
        parts = (Choice(ascii_uppercase[facts.options.index(sample.answer)]),)
    pool = (sample.answer_kind, lengths_of(parts))
    return ConstantItem(
        name=sample.sample_id,
        cell=(benchmark.adapter.type_of(sample), pool),
        pool=pool,
        truth=RightAnswer(parts, lengths.get(sample.sample_id, math.nan), facts.windows),
        schema=read_schema(sample.answer_kind),
        # The words in front part a group from a video that is called alike.
        bound_to=frozenset(
            [*(f"video {view.clip_id}" for view in sample.views)]
            + ([f"group {facts.group}"] if facts.group else [])
        ),
    )


def _judge(
    benchmark: FolderBenchmark, sample: Sample, constant: ConstantAnswer | None, seconds: float
) -> AnswerScore:
    """What the constant is worth, in `paper`: NaN if there is none. What is not shown to a model
    counts as wrong here too."""
    reason = missing_of(sample)
    if reason:
        return benchmark.fail(sample, reason)
    if constant is None or (isinstance(constant.parts[0], Share) and math.isnan(seconds)):
        return replace(benchmark.judge(sample, ""), paper=math.nan)
    (answer,) = constant.answers(seconds)
    if sample.answer_kind == AnswerKind.TEXT:
        answer = _option(sample, answer)
    return benchmark.judge(sample, benchmark.adapter.write(answer))


def _option(sample: Sample, place: Answer) -> Text:
    """The option of the question that stands at the place of that letter; no words beyond them."""
    assert isinstance(place, Choice)
    options = sample.benchmark.options if sample.benchmark else ()
    index = ascii_uppercase.index(place.letter)
    return Text(options[index] if index < len(options) else "")


def _words(sample: Sample, constant: ConstantAnswer) -> str:
    is_place = sample.answer_kind == AnswerKind.TEXT
    return f"option {ascii_uppercase.index(str(constant)) + 1}" if is_place else str(constant)


def _chance(sample: Sample, row: AnswerScore, seconds: float) -> float:
    if row.failure:
        return 0.0  # as in the benchmark's own chance: a guesser is not shown it either
    if row.chance is not None:
        return row.chance
    windows = sample.benchmark.windows if sample.benchmark else ()
    if len(windows) == 1 and seconds > 0:
        return IntervalSpace.of_length(seconds).moments(Interval(*windows[0])).mean
    return math.nan
