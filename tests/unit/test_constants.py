"""The best constant answer by hand, and against trying all."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations, product
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.answers import Answer, Choice, Counts, Interval, Number, Permutation, Text
from rewards.schema import read_schema, score
from rewards.verify import verify, verify_strict
from tasks.benchmarks.answer_space import length_seconds
from tasks.benchmarks.best_answers import Share
from tasks.benchmarks.constants import (
    BestConstant,
    RightAnswer,
    answer_cell,
    best_constant,
    best_constants,
)
from tasks.core.config import PerturbConfig
from tasks.perturb.plan import plan_clip
from tests.helpers.clips import make_clip

CLIPS = {
    clip.clip_id: clip
    for clip in (make_clip(f"c{i}", num_frames=16, step_seconds=0.2 + 0.2 * i) for i in range(6))
}
_KIND = {
    Interval: "interval",
    Counts: "counts",
    Permutation: "permutation",
    Choice: "choice",
    Number: "number",
    Text: "text",
}
_orders = st.permutations([1, 2, 3, 4]).map(lambda order: Permutation(tuple(order)))
_counts = st.tuples(st.integers(0, 4), st.integers(1, 4)).map(Counts)
_tenths = st.integers(0, 60).map(lambda tick: tick / 10)
_intervals = st.tuples(_tenths, _tenths).map(lambda ends: Interval(min(ends), max(ends)))


def _best(
    truths: Sequence[Answer], *, is_smooth: bool = True, seconds: Sequence[float] = ()
) -> BestConstant | None:
    lengths = seconds or [10.0] * len(truths)
    rows = [RightAnswer((truth,), length) for truth, length in zip(truths, lengths, strict=True)]
    schema = read_schema(_KIND[type(truths[0])])
    return best_constant(rows, schema, is_smooth=is_smooth, seed=0)


def _found(truths: Sequence[Answer], *, is_smooth: bool = True) -> BestConstant:
    best = _best(truths, is_smooth=is_smooth)
    assert best is not None
    return best


def test_counts_are_the_best_number_for_each_thing_even_together_never_right() -> None:
    truths = [Counts((1, 5)), Counts((1, 2)), Counts((3, 5))]
    best = _found(truths, is_smooth=False)
    assert best.answer.text(10) == "1,5" == str(best.answer)
    assert best.mean_score == pytest.approx((2 / 3 + 2 / 3) / 2)
    # By reward 2 would earn (1 + 1 + 2 / 5) / 3 at the second thing for 5's (1 + 0 + 1) / 3.
    truths = [Counts((2,)), Counts((2,)), Counts((5,)), Counts((3,))]
    assert _found(truths).answer.text(10) == "2"
    assert _found(truths).mean_score == pytest.approx((1 + 1 + 2 / 5 + 2 / 3) / 4)


def test_an_order_may_be_right_nowhere() -> None:
    truths = [Permutation((2, 1, 3, 4)), Permutation((1, 3, 2, 4)), Permutation((1, 2, 4, 3))]
    best = _found(truths)
    assert best.answer.text(10) == "1234"
    assert best.mean_score == pytest.approx(1 - 2 / 8)
    assert _found(truths, is_smooth=False).answer.text(10) == "1243"


def test_an_interval_is_a_share_where_videos_differ_in_length() -> None:
    truths = [Interval(2.5, 7.0), Interval(25.0, 70.0), Interval(5.0, 14.0)]
    best = _best(truths, seconds=[10, 100, 20])
    assert best is not None
    assert best.answer.parts == (Share(0.25, 0.7),)
    assert str(best.answer) == "0.25-0.70 of the video"
    assert best.answer.text(40) == "10.0-28.0"
    assert best.mean_score == pytest.approx(1)


def test_an_interval_is_in_seconds_where_that_is_better_or_no_length_is_known() -> None:
    truths = [Interval(1.3, 2.2)] * 2
    for seconds in ([10, 60], [float("nan")] * 2):
        best = _best(truths, seconds=seconds)
        assert best is not None
        assert str(best.answer) == "1.3-2.2"
        assert best.mean_score == pytest.approx(1)


def test_overlap_with_any_window_counts() -> None:
    rows = [
        RightAnswer((Interval(0, 1),), float("nan"), ((0, 1), (4, 6))),
        RightAnswer((Interval(4, 6),), float("nan"), ((4, 6),)),
    ]
    best = best_constant(rows, read_schema("interval"), is_smooth=False, seed=0)
    assert best is not None
    assert (str(best.answer), best.mean_score) == ("4.0-6.0", 1)


def test_letters_and_numbers_have_one_and_words_have_none() -> None:
    assert str(_found([Choice("B"), Choice("A"), Choice("B")]).answer) == "B"
    assert str(_found([Choice("B"), Choice("A")]).answer) == "A"  # the first of equally frequent
    assert str(_found([Number(-2.0), Number(-2.5), Number(-2.5)]).answer) == "-2.5"
    assert _best([Text("a dog"), Text("a dog")]) is None


def test_parts_of_an_answer_are_chosen_each_for_itself() -> None:
    schema = read_schema("order:permutation*0.5,when:interval*0.5")
    rows = [
        RightAnswer((Permutation((2, 1)), Interval(0.0, 5.0)), 10),
        RightAnswer((Permutation((2, 1)), Interval(10.0, 20.0)), 20),
        RightAnswer((Permutation((1, 2)), Interval(0.0, 10.0)), 20),
    ]
    best = best_constant(rows, schema, is_smooth=True, seed=0)
    assert best is not None
    assert str(best.answer) == "21; 0.00-0.50 of the video"
    assert best.mean_score == pytest.approx(0.5 * 2 / 3 + 0.5 * 2 / 3)


@given(st.lists(_orders, min_size=1, max_size=6))
def test_no_order_earns_more(truths: list[Permutation]) -> None:
    means = [
        fmean(verify(Permutation(order), truth) for truth in truths)
        for order in permutations((1, 2, 3, 4))
    ]
    assert _found(truths).mean_score == pytest.approx(max(means))


@given(st.lists(_counts, min_size=1, max_size=6), st.booleans())
def test_no_counts_earn_more(truths: list[Counts], is_smooth: bool) -> None:
    def worth(said: tuple[int, ...], truth: Counts) -> float:
        if is_smooth:
            return verify(Counts(said), truth)
        pairs = zip(said, truth.values, strict=True)
        return fmean(verify_strict(Number(one), Number(other)) for one, other in pairs)

    means = [fmean(worth(said, t) for t in truths) for said in product(range(9), repeat=2)]
    assert _found(truths, is_smooth=is_smooth).mean_score == pytest.approx(max(means))


@given(st.lists(_intervals, min_size=1, max_size=6))
def test_no_right_interval_overlaps_more(truths: list[Interval]) -> None:
    means = [fmean(_overlap(said, truth) for truth in truths) for said in truths]
    best = _found(truths)
    assert best.mean_score >= max(means) - 1e-9
    (part,) = best.answer.parts
    said = part.of(10) if isinstance(part, Share) else part
    assert isinstance(said, Interval)
    assert best.mean_score == pytest.approx(fmean(_overlap(said, truth) for truth in truths))


def _overlap(said: Interval, truth: Interval) -> float:
    """Without the reward's exception for a point that is said exactly."""
    return verify(said, truth) if truth.start_seconds < truth.end_seconds else 0.0


@given(st.lists(_intervals, min_size=1, max_size=8), st.data())
def test_the_order_of_questions_decides_nothing(
    truths: list[Interval], data: st.DataObject
) -> None:
    assert _best(data.draw(st.permutations(truths))) == _best(truths)


def test_too_many_intervals_are_drawn_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    truths: list[Answer] = [Interval(i / 10, i / 10 + 2) for i in range(1500)]
    with caplog.at_level("INFO"):
        first, second = _best(truths), _best(truths[::-1])
    assert first == second
    assert "1000 of 1500 distinct intervals" in caplog.text


def test_cells_are_parted_by_the_length_of_their_answer_and_score_what_they_say() -> None:
    config = replace(
        PerturbConfig(), levels=(0.0, 0.5), pretexts=("grounding", "counting", "jigsaw")
    )
    short = make_clip("short", num_frames=6)
    clips = CLIPS | {short.clip_id: short}
    samples = [s for clip in clips.values() for s in plan_clip(clip, config, 0)]
    found = best_constants(samples, clips)
    assert {answer_cell(sample) for sample in samples} == set(found)
    assert {cell.lengths for cell in found if cell[:3] == ("jigsaw", "clips", 0.5)} == {(2,), (6,)}
    assert best_constants(samples[::-1], clips) == found
    for cell, best in found.items():
        schema = read_schema(cell.answer_kind)
        rewards = [
            score(best.answer.text(length_seconds(s, clips)), s.answer, schema).total
            for s in samples
            if answer_cell(s) == cell
        ]
        # Shares of a video are said in tenths of a second.
        assert best.mean_score == pytest.approx(fmean(rewards), abs=0.02)
