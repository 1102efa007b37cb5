"""Chance and the best constant answer of held-out samples and VIUBench items, by hand and by
laws."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.schema import read_schema
from tasks.benchmarks.constants import best_constant, right_answer_of
from tasks.benchmarks.viubench.chance import chance_by_type
from tasks.core.controls import Unseen, control
from tasks.core.statistics import ItemScore
from tasks.core.types import Sample, Split, View
from tasks.core.viubench import viubench_type
from tasks.evaluate.constants_on_others import LEAST_CHOSEN_ON, halves_of
from tasks.evaluate.score_policy import score_sample
from tasks.evaluate.unseen_own import unseen_own
from tasks.perturb.viubench import plan_viubench
from tasks.rollout.reward import reward_answer
from tests.helpers.clips import make_clip

CLIPS = {
    clip.clip_id: clip
    for clip in (
        make_clip(f"c{i}", split=Split.HELDOUT, num_frames=48, step_seconds=0.25, side_px=256)
        for i in range(8)
    )
}
LENGTH_SECONDS = 12.0
_counts = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 4)).map("{0[0]},{0[1]}".format),
    min_size=2,
    max_size=12,
)


def _sample(
    number: int,
    answer: str,
    kind: str = "counts",
    *,
    split: Split = Split.HELDOUT,
    clip: int | None = None,
    question: str = "How many?",
) -> Sample:
    names = list(CLIPS)
    return Sample(
        sample_id=f"{split}-{number}",
        split=split,
        pretext="p",
        kind="k",
        level=0.0,
        views=(
            View(
                clip_id=names[number % len(names) if clip is None else clip],
                start_frame=0,
                stop_frame=48,
            ),
        ),
        question=question,
        answer=answer,
        answer_kind=kind,
        seed=0,
    )


def _heldout(samples: Sequence[Sample]) -> dict[str, Unseen]:
    return {row.item: row for row in unseen_own(samples, CLIPS, 0)["heldout"]}


def _of(answers: Sequence[str], kind: str = "counts") -> dict[str, Unseen]:
    return _heldout([_sample(number, answer, kind) for number, answer in enumerate(answers)])


def test_a_constant_is_chosen_on_training_samples_of_the_cell() -> None:
    training = [_sample(number, "2,2", split=Split.TRAIN) for number in range(LEAST_CHOSEN_ON)]
    rows = _heldout([*training, _sample(0, "2,2"), _sample(1, "4,1"), _sample(2, "4,4")])
    assert [row.constant for row in rows.values()] == pytest.approx([1, 0.25, 0.5])
    assert {row.constant_answer for row in rows.values()} == {"2,2"}


def test_of_too_few_training_samples_the_other_half_is_heard_too() -> None:
    one = _sample(0, "9,9", split=Split.TRAIN)
    rows = _heldout([one, *(_sample(number, "3,3") for number in range(8))])
    assert {row.constant for row in rows.values()} == {1.0}


def test_training_samples_of_another_length_or_level_do_not_count() -> None:
    training = [
        _sample(number, "1,1,1", split=Split.TRAIN) for number in range(LEAST_CHOSEN_ON)
    ] + [
        replace(_sample(number + 9, "1,1", split=Split.TRAIN), level=0.5)
        for number in range(LEAST_CHOSEN_ON)
    ]
    rows = _heldout([*training, *(_sample(number, "3,3") for number in range(8))])
    assert {row.constant_answer for row in rows.values()} == {"3,3"}


def test_on_one_video_there_are_no_others() -> None:
    (one, two) = _heldout([_sample(number, "3,3", clip=0) for number in range(2)]).values()
    assert math.isnan(one.constant)
    assert math.isnan(two.constant)
    assert one.constant_answer == ""
    assert not math.isnan(one.chance)


def test_an_interval_is_said_in_shares_and_scored_in_tenths() -> None:
    row = _of(["3.0-9.0"] * 8, "interval")["heldout-0"]
    assert row.constant == 1
    assert row.constant_answer == "0.25-0.75 of the video"


def test_words_have_no_constant_and_no_chance() -> None:
    row = _of(["a dog"] * 8, "text")["heldout-0"]
    assert math.isnan(row.constant)
    assert math.isnan(row.chance)


@pytest.mark.parametrize(
    ("answers", "kind", "expected"),
    [
        (["21", "12"], "permutation", 0.5),
        (["231", "312"], "permutation", 1 - 8 / 3 / 4),
        # 1 to 3, the largest: to 1 they are 1, 0, 0 near, to 3 they are 1/3, 2/3, 1.
        (["1", "3"], "counts", [1 / 3, 2 / 3]),
        (["0", "1"], "counts", [1 / 2, 1 / 2]),
        (["B", "A"], "choice", math.nan),  # nothing says which letters there are
        (["2.5", "-1"], "number", math.nan),
        (["1; 12", "3; 12"], "n:counts*0.5,o:permutation*0.5", [(1 / 3 + 1 / 2) / 2, 7 / 12]),
    ],
)
def test_chance_of_the_reward_by_hand(
    answers: list[str], kind: str, expected: float | list[float]
) -> None:
    chances = [row.chance for row in _of(answers, kind).values()]
    wanted = expected if isinstance(expected, list) else [expected] * 2
    assert chances == pytest.approx(wanted, nan_ok=True)


def test_chance_of_a_letter_is_that_of_one_of_the_options() -> None:
    asked = _sample(0, "B", "choice", question="What?\nA. a dog\nB. a cat\nC. a car")
    assert _heldout([asked])["heldout-0"].chance == pytest.approx(1 / 3)


def test_viubench_has_the_chance_of_its_card_and_constants_by_its_own_metric() -> None:
    items = plan_viubench(list(CLIPS.values()), 16, seed=0)
    rows = {row.item: row for row in unseen_own(items, CLIPS, 0)["viubench"]}
    by_type = defaultdict(list)
    for item in items:
        by_type[viubench_type(item)].append(rows[item.sample_id].chance)
        rollout = reward_answer(item, 0, _said(item, rows[item.sample_id]), num_tokens=1)
        score = score_sample(item, [rollout]).score
        assert score == pytest.approx(rows[item.sample_id].constant, abs=0.02)
    card = chance_by_type(items, CLIPS)
    assert {name: fmean(found) for name, found in by_type.items()} == pytest.approx(
        {name: chance.mean for name, chance in card.items()}
    )


def _said(item: Sample, row: Unseen) -> str:
    if not row.constant_answer.endswith("of the video"):
        return row.constant_answer
    start, end = map(float, row.constant_answer.removesuffix(" of the video").split("-"))
    return f"{start * LENGTH_SECONDS:.1f}-{end * LENGTH_SECONDS:.1f}"


def test_who_always_says_the_constant_lies_nowhere_above_it() -> None:
    samples = [_sample(number, f"{number % 3 + 1},2") for number in range(24)]
    rows = _heldout(samples)
    scores = {
        sample.sample_id: ItemScore(
            score=score_sample(
                sample,
                [reward_answer(sample, 0, rows[sample.sample_id].constant_answer, num_tokens=1)],
            ).score,
            video=sample.views[0].clip_id,
        )
        for sample in samples
    }
    found = control(scores, rows, {})
    assert found.over_constant.mean == 0
    assert 0 < found.constant.mean < 1


def _half(samples: Sequence[Sample]) -> dict[str, int]:
    return halves_of({s.sample_id: [view.clip_id for view in s.views] for s in samples}, 0)


@given(_counts, st.data())
def test_what_a_half_is_scored_with_does_not_hang_on_its_own_answers(
    answers: list[str], data: st.DataObject
) -> None:
    samples = [_sample(number, answer) for number, answer in enumerate(answers)]
    halves, before = _half(samples), _heldout(samples)
    others = data.draw(st.lists(st.sampled_from(["1,1", "0,4", "7,7"]), min_size=12, max_size=12))
    changed = _heldout(
        [
            replace(sample, answer=other) if halves[sample.sample_id] else sample
            for sample, other in zip(samples, others, strict=False)
        ]
    )
    for sample in samples:
        if halves[sample.sample_id]:
            name = sample.sample_id
            assert changed[name].constant_answer == before[name].constant_answer


@given(_counts, st.data())
def test_the_order_of_samples_decides_nothing(answers: list[str], data: st.DataObject) -> None:
    samples = [_sample(number, answer) for number, answer in enumerate(answers)]
    assert _heldout(data.draw(st.permutations(samples))) == _heldout(samples)


@given(_counts)
def test_no_half_scores_above_its_own_best_constant(answers: list[str]) -> None:
    samples = [_sample(number, answer) for number, answer in enumerate(answers)]
    halves, rows = _half(samples), _heldout(samples)
    assert set(halves.values()) == {0, 1}
    for half in (0, 1):
        members = [sample for sample in samples if halves[sample.sample_id] == half]
        truths = [right_answer_of(sample, CLIPS) for sample in members]
        best = best_constant(truths, read_schema("counts"), is_smooth=True, seed=0)
        assert best is not None
        mean = fmean(rows[sample.sample_id].constant for sample in members)
        assert mean <= best.mean_score + 1e-9


@given(st.sampled_from(["2,3", "0,1"]), st.integers(2, 12))
def test_where_all_answers_are_one_the_constant_is_right(answer: str, num: int) -> None:
    assert {row.constant for row in _of([answer] * num).values()} == {1.0}


def test_items_that_share_a_name_even_through_others_are_in_one_half() -> None:
    bound = {"a": ["1", "2"], "b": ["2", "3"], "c": ["3"], "d": ["4"], "e": ["5"], "f": ["6"]}
    halves = halves_of(bound, 0)
    assert halves["a"] == halves["b"] == halves["c"]
    assert Counter(halves[name] for name in "adef") == {0: 2, 1: 2}
    backwards = {name: names[::-1] for name, names in reversed(bound.items())}
    assert halves_of(backwards, 0) == halves
    assert {tuple(halves_of(bound, seed).values()) for seed in range(20)} != {
        tuple(halves.values())
    }
