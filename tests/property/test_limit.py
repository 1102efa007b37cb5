"""Laws of a limit: in proportion to types, the same for every model, and one more never costs what
is there."""

from collections import Counter
from itertools import pairwise
from math import ceil, floor
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.benchmarks.adapter import kind_of, make_sample
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.limit import count_types, draw_limited
from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.types import BenchmarkFacts, Sample

sizes = st.lists(st.integers(1, 30), min_size=1, max_size=6)
seeds = st.integers(0, 9)


def _question(name: str, kind: str, group: str = "") -> Sample:
    return make_sample(
        "universal",
        name,
        kind=kind,
        files=(),
        question="What?",
        answer="A",
        facts=BenchmarkFacts(),
        group=group,
    )


def _questions(sizes: list[int]) -> list[Sample]:
    return [
        _question(f"{kind}-{number}", f"kind {kind}")
        for kind, size in enumerate(sizes)
        for number in range(size)
    ]


def _draw(samples: list[Sample], limit: int, seed: int) -> list[Sample]:
    folder = BenchmarkFolder("mine", "folder", Conditions(), "universal", limit, seed)
    return draw_limited(folder, samples, kind_of)


def _names(samples: list[Sample], limit: int, seed: int) -> set[str]:
    return {sample.sample_id for sample in _draw(samples, limit, seed)}


@given(sizes, seeds)
def test_every_type_has_its_share_rounded_up_or_down(sizes: list[int], seed: int) -> None:
    questions = _questions(sizes)
    for limit in range(1, len(questions) + 1):
        drawn = Counter(map(kind_of, _draw(questions, limit, seed)))
        assert drawn.total() == limit
        for kind, size in enumerate(sizes):
            share = limit * size / len(questions)
            # 1e-9: a whole share that floats miss by a bit is neither above nor below itself.
            assert floor(share + 1e-9) <= drawn[f"kind {kind}"] <= ceil(share - 1e-9)


@given(sizes, seeds)
def test_a_larger_limit_adds_questions_and_drops_none(sizes: list[int], seed: int) -> None:
    questions = _questions(sizes)
    drawn = [_names(questions, limit, seed) for limit in range(1, len(questions) + 1)]
    assert all(less < more for less, more in pairwise(drawn))


@given(sizes, seeds, st.randoms(use_true_random=False), st.integers(1, 60))
def test_the_order_of_rows_draws_no_other_questions(
    sizes: list[int], seed: int, random: Random, limit: int
) -> None:
    questions = _questions(sizes)
    mixed = list(questions)
    random.shuffle(mixed)
    assert _names(mixed, limit, seed) == _names(questions, limit, seed)


@given(st.lists(st.integers(1, 5), min_size=2, max_size=20), seeds, st.data())
def test_questions_that_are_scored_together_stay_together(
    sizes: list[int], seed: int, data: st.DataObject
) -> None:
    questions = [
        _question(f"{group}-{number}", f"kind {number % 2}", group=str(group))
        for group, size in enumerate(sizes)
        for number in range(size)
    ]
    limit = data.draw(st.integers(1, len(questions)))
    drawn = _draw(questions, limit, seed)
    found = Counter(sample.benchmark.group for sample in drawn if sample.benchmark)
    assert found.items() <= {str(group): size for group, size in enumerate(sizes)}.items()
    assert limit <= len(drawn) < limit + max(sizes)


def test_another_seed_draws_other_questions_of_each_type() -> None:
    questions = _questions([40, 20])
    drawn = [_draw(questions, 12, seed) for seed in range(3)]
    assert [Counter(map(kind_of, found)) for found in drawn] == [{"kind 0": 8, "kind 1": 4}] * 3
    assert len({frozenset(sample.sample_id for sample in found) for found in drawn}) == 3


def test_types_too_small_for_a_limit_are_drawn_by_seed() -> None:
    """Ten types of one question each: none of them is always first."""
    questions = _questions([1] * 10)
    assert len({min(_names(questions, 1, seed)) for seed in range(40)}) > 5


@pytest.mark.parametrize("limit", [0, 3, 4])
def test_no_limit_or_one_that_holds_all_takes_all_in_their_order(limit: int) -> None:
    questions = _questions([2, 1])
    assert _draw(questions, limit, 0) == questions


def test_a_line_says_how_many_of_each_type_were_drawn() -> None:
    questions = _questions([20, 10])
    drawn = _draw(questions, 6, 0)
    assert count_types(drawn, questions, kind_of) == "kind 0 4 of 20; kind 1 2 of 10"
    assert count_types([], _questions([1] * 14), kind_of).endswith("kind 11 0 of 1; 2 more types")
