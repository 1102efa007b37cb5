from collections import Counter
from itertools import combinations, permutations, product
from statistics import fmean

import numpy as np
import pytest

from rewards.answers import Answer, Choice, Counts, Interval, Permutation
from rewards.parse import format_answer
from rewards.verify import verify
from tasks.benchmarks.answer_space import (
    AnswerSpace,
    CountsSpace,
    IntervalSpace,
    OptionSpace,
    PermutationSpace,
    answer_space,
    right_answer,
)
from tasks.benchmarks.viubench.chance import chance_by_type
from tasks.core.types import Clip, Sample, Split
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.evaluate.score_policy import score_sample
from tasks.perturb.difficulty import counting_difficulty
from tasks.perturb.viubench import missing_by_type, plan_viubench
from tasks.rollout.reward import reward_answer
from tests.helpers.clips import make_clip

CLIPS = {
    clip.clip_id: clip
    for clip in (
        make_clip(f"c{i}", split=Split.HELDOUT, step_seconds=0.1 + 0.1 * i, side_px=256)
        for i in range(4)
    )
}
TICKS = [tick / 10 for tick in range(5)]
SPACES: list[tuple[AnswerSpace, set[str]]] = [
    (PermutationSpace(3), {"".join(order) for order in permutations("123")}),
    (CountsSpace(3, 2), {",".join(counts) for counts in product("12", repeat=3)}),
    (
        IntervalSpace(4),
        {format_answer(Interval(start, end)) for start, end in combinations(TICKS, 2)},
    ),
]


def items(per_type: int = 40) -> list[Sample]:
    return plan_viubench(list(CLIPS.values()), per_type, seed=0)


@pytest.mark.parametrize(("space", "valid"), SPACES, ids=lambda value: type(value).__name__)
def test_every_valid_answer_and_no_other_is_drawn_equally_often(
    space: AnswerSpace, valid: set[str]
) -> None:
    rng, expected = np.random.default_rng(0), 1000
    drawn = Counter(format_answer(space.draw(rng)) for _ in range(expected * space.size))
    assert drawn.keys() == valid
    assert space.size == len(valid)
    assert max(abs(number - expected) for number in drawn.values()) < 5 * expected**0.5


def test_expected_overlap_is_the_mean_over_all_intervals() -> None:
    truth = Interval(0.1, 0.3)
    overlaps = [verify(Interval(start, end), truth) for start, end in combinations(TICKS, 2)]
    moments = IntervalSpace(4).moments(truth)
    assert moments.mean == pytest.approx(fmean(overlaps))
    assert moments.mean_square == pytest.approx(fmean(overlap**2 for overlap in overlaps))


@pytest.mark.parametrize(
    ("space", "truth"),
    [
        (IntervalSpace(12), Interval(0.3, 0.9)),
        (IntervalSpace(12), Interval(0.0, 1.2)),
        (IntervalSpace(12), Interval(0.25, 1.55)),  # not on tenths, and ends after the video
        (IntervalSpace(12), Interval(1.3, 1.5)),
        (IntervalSpace(12), Interval(0.41, 0.48)),  # between two tenths
        (IntervalSpace(12), Interval(0.5, 0.5)),
        (IntervalSpace(1), Interval(0.0, 0.1)),
        (CountsSpace(1, 9), Counts((4,))),
        (CountsSpace(2, 5), Counts((1, 5))),
        (CountsSpace(2, 4, 0), Counts((0, 3))),
        (CountsSpace(1, 3), Counts((9,))),
        (CountsSpace(1, 9, 4), Counts((3,))),
        (CountsSpace(1, 9, 4), Counts((1,))),
        (PermutationSpace(1), Permutation((1,))),
        (PermutationSpace(2), Permutation((2, 1))),
        (PermutationSpace(5), Permutation((3, 1, 2, 5, 4))),
        (OptionSpace((Choice("A"), Choice("B"))), Choice("B")),
    ],
    ids=str,
)
def test_expected_reward_is_the_mean_over_all_valid_answers(
    space: AnswerSpace, truth: Answer
) -> None:
    rewards = [verify(answer, truth) for answer in _valid(space)]
    if truth == Interval(0.5, 0.5):
        rewards = [0.0]  # nobody draws an interval without length
    assert space.expected_reward(truth) == pytest.approx(fmean(rewards), abs=1e-8)


def _valid(space: AnswerSpace) -> list[Answer]:
    match space:
        case IntervalSpace():
            ticks = [tick / 10 for tick in range(space.last_tick + 1)]
            return [Interval(start, end) for start, end in combinations(ticks, 2)]
        case CountsSpace():
            numbers = range(space.least, space.most + 1)
            return [Counts(values) for values in product(numbers, repeat=space.num_shapes)]
        case PermutationSpace():
            return [Permutation(order) for order in permutations(range(1, space.count + 1))]
    assert isinstance(space, OptionSpace)
    return list(space.options)


def test_types_state_what_planning_can_draw() -> None:
    for kind in VIUBENCH_TYPES.values():
        if kind.pretext == "counting":
            difficulty = counting_difficulty(kind.level, 256)
            assert kind.most_of_each == difficulty.max_frames * difficulty.max_shapes


@pytest.mark.slow
def test_chance_has_the_closed_form_and_drawn_answers_meet_it() -> None:
    expected = chance_by_type(items(), CLIPS)
    assert expected["jigsaw_easy"].mean == pytest.approx(1 / 720)
    assert expected["jigsaw_hard"].mean == pytest.approx(1 / 40320)
    assert expected["counting_easy"].mean == pytest.approx(1 / 9)
    assert expected["counting_hard"].mean == pytest.approx(1 / 16)
    for item in items(4):
        space, truth = answer_space(item, CLIPS), right_answer(item)
        rng = np.random.default_rng(0)
        drawn = [_score(item, format_answer(space.draw(rng))) for _ in range(1500)]
        moments = space.moments(truth)
        error = max(moments.mean_square - moments.mean**2, 1e-6) ** 0.5 / len(drawn) ** 0.5
        assert abs(fmean(drawn) - moments.mean) < 5 * error + 2e-3, item.sample_id
        assert fmean(value**2 for value in drawn) == pytest.approx(moments.mean_square, abs=0.02)


def _score(item: Sample, text: str) -> float:
    return score_sample(item, [reward_answer(item, 0, text, num_tokens=1)]).score


def test_no_item_is_planned_twice_and_what_lacks_is_counted() -> None:
    few: list[Clip] = [make_clip("a", num_frames=16, split=Split.HELDOUT)]
    planned = plan_viubench(few, 60, seed=0)
    assert len({(sample.question, sample.views) for sample in planned}) == len(planned)
    missing = missing_by_type(planned, 60)
    assert "grounding_mirror" in missing
    assert len(planned) + sum(missing.values()) == 60 * len(VIUBENCH_TYPES)


def test_clips_that_refuse_an_item_are_replaced_by_others() -> None:
    bad = make_clip("bad", num_frames=3, split=Split.HELDOUT)
    planned = plan_viubench([bad, *CLIPS.values()], 10, seed=0)
    assert missing_by_type(planned, 10) == {}
    jigsaws = {sample.views[0].clip_id for sample in planned if sample.pretext == "jigsaw"}
    assert jigsaws == set(CLIPS)
