"""Chance and the best constant answer of samples made here, item by item. Pure.

A constant is chosen on the training samples of a cell, or on the other half of the items if there
are too few (`constants_on_others`), and scored as a model's answer would be, from its text.

Chance is exact: the expected score of an answer drawn uniformly from the valid ones
(`tasks.benchmarks.answer_space`). Nothing says how many things a held-out question may count, so
its valid numbers are 1 to the largest in any answer of its cell.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from string import ascii_uppercase

from rewards.answers import Answer, Choice, Counts, Interval, Permutation
from rewards.schema import read_schema, score
from tasks.benchmarks.answer_space import (
    AnswerSpace,
    CountsSpace,
    IntervalSpace,
    OptionSpace,
    PermutationSpace,
    answer_space,
)
from tasks.benchmarks.choices import options_in
from tasks.benchmarks.constants import AnswerCell, RightAnswer, answer_cell, right_answer_of
from tasks.benchmarks.viubench.reading import read_viubench
from tasks.core.controls import Unseen
from tasks.core.score_config import SCORED_SPLITS
from tasks.core.types import Clip, Sample, Split
from tasks.evaluate.constants_on_others import ConstantItem, constants_on_others

_Score = Callable[[Sample, str], float]
_Chance = Callable[[Sample, RightAnswer], float]


def unseen_own(
    samples: Sequence[Sample], clips: Mapping[str, Clip], seed: int
) -> dict[str, list[Unseen]]:
    """Of held-out samples, by smooth reward, and of VIUBench items, by its own metric; by split,
    each in the order of `samples`.

    Args:
        samples: of all splits; in any order, which decides nothing.
        clips: that they show, by id.
        seed: of the halves of items.
    """
    asked = {sample.cell for sample in samples if sample.split in SCORED_SPLITS}
    training: defaultdict[Hashable, list[RightAnswer]] = defaultdict(list)
    numbers: defaultdict[AnswerCell, set[int]] = defaultdict(lambda: {1})
    for sample in samples:
        if sample.cell in asked:
            cell, truth = answer_cell(sample), right_answer_of(sample, clips)
            numbers[cell] |= _numbers(truth)
            if sample.split is Split.TRAIN:
                training[cell].append(truth)

    def rows(split: Split, score_of: _Score, chance_of: _Chance) -> list[Unseen]:
        members = [sample for sample in samples if sample.split is split]
        items = [_item(sample, clips) for sample in members]
        # VIUBench scores counts and orders as right or wrong.
        is_smooth = split is Split.HELDOUT
        chosen = constants_on_others(items, training, seed, is_smooth=is_smooth)
        return [
            Unseen(
                item=item.name,
                chance=chance_of(sample, item.truth),
                constant=score_of(sample, constant.text(item.truth.seconds))
                if (constant := chosen.get(item.name))
                else math.nan,
                constant_answer=str(constant or ""),
            )
            for sample, item in zip(members, items, strict=True)
        ]

    return {
        Split.HELDOUT.value: rows(
            Split.HELDOUT,
            lambda sample, text: score(text, sample.answer, read_schema(sample.answer_kind)).total,
            lambda sample, truth: _expected_reward(sample, truth, numbers[answer_cell(sample)]),
        ),
        Split.VIUBENCH.value: rows(
            Split.VIUBENCH,
            lambda sample, text: read_viubench(sample, text).paper,
            lambda sample, truth: answer_space(sample, clips).moments(truth.parts[0]).mean,
        ),
    }


def _item(sample: Sample, clips: Mapping[str, Clip]) -> ConstantItem:
    cell = answer_cell(sample)
    return ConstantItem(
        name=sample.sample_id,
        cell=cell,
        pool=(cell.pretext, cell.answer_kind, cell.lengths),
        truth=right_answer_of(sample, clips),
        schema=read_schema(sample.answer_kind),
        bound_to=frozenset(view.clip_id for view in sample.views),
    )


def _numbers(truth: RightAnswer) -> set[int]:
    return {value for part in truth.parts if isinstance(part, Counts) for value in part.values}


def _expected_reward(sample: Sample, truth: RightAnswer, numbers: Collection[int]) -> float:
    """Of an answer whose parts are drawn each for itself; NaN where one has no valid answers that
    are known."""
    total = 0.0
    for part, answer in zip(read_schema(sample.answer_kind), truth.parts, strict=True):
        space = _space(sample, answer, truth.seconds, numbers)
        total += part.weight * space.expected_reward(answer) if space else math.nan
    return total


def _space(
    sample: Sample, answer: Answer, seconds: float, numbers: Collection[int]
) -> AnswerSpace | None:
    match answer:
        case Interval() if seconds > 0:
            return IntervalSpace.of_length(seconds)
        case Counts():
            return CountsSpace(len(answer.values), max(numbers), min(numbers))
        case Permutation():
            return PermutationSpace(len(answer.positions))
        case Choice() if options := options_in(sample.question):
            return OptionSpace(tuple(map(Choice, ascii_uppercase[: len(options)])))
    return None
