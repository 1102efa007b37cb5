"""Whether answers vary, over windows computed by hand."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import fields, make_dataclass, replace
from typing import Any

import pytest

from rewards.answers import AnswerKind
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.training import PHASES, StepAnswers, TrainStep
from tasks.core.types import Sample
from tasks.rollout.collect import Group
from tasks.rollout.prompt import Prompt
from tasks.rollout.reward import reward_answer
from tasks.train.answers import (
    WINDOW_GROUPS,
    constant_rewards,
    step_answers,
    warn_of_alike,
    with_window,
)
from tests.helpers.rollouts import make_sample


def test_a_constant_is_chosen_on_other_videos_than_it_is_scored_on() -> None:
    samples = [
        replace(make_sample(f"{clip}{place}", pretext="counting", clip_id=clip), answer=answer)
        for clip, answer in (("one", "2,0,0"), ("other", "1,0,0"))
        for place in range(3)
    ]
    rewards = constant_rewards(samples, {}, seed=0)
    # 1 is half of 2, and 2 is as far from 1 as 1 itself; the two zeros are right.
    on_one = dict.fromkeys(("one0", "one1", "one2"), pytest.approx((1 / 2 + 2) / 3))
    on_other = dict.fromkeys(("other0", "other1", "other2"), pytest.approx((0 + 2) / 3))
    assert rewards == on_one | on_other
    assert constant_rewards(samples[::-1], {}, seed=0) == rewards


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(lambda: [make_sample("a"), make_sample("b")], id="one video"),
        pytest.param(
            lambda: [make_sample("a"), make_sample("b", kind="zoom_out", clip_id="other")],
            id="cells on one video each",
        ),
        pytest.param(
            lambda: [
                replace(make_sample(clip, clip_id=clip), answer="a car", answer_kind="text")
                for clip in "ab"
            ],
            id="words",
        ),
        pytest.param(list, id="nothing"),
    ],
)
def test_there_is_no_constant_for(samples: Callable[[], list[Sample]]) -> None:
    assert constant_rewards(samples(), {}, seed=0) == {}


def test_answers_are_told_apart_as_the_reward_reads_them() -> None:
    sample = make_sample("a")  # right is 2.0-4.0
    texts = ["2.0-4.5", " 2.0-4.5\n", "2-4.50", "about two"]
    found = step_answers([_group(sample, texts)], {"a": 0.5})
    assert list(found) == ["grounding"]
    answers = found["grounding"]
    assert (answers.num_groups, answers.num_answers) == (1, 4)
    assert answers.given == {"2.0-4.5": 3}
    assert answers.right == {"2.0-4.0": 1}
    # Overlap of 2 s in a hull of 2.5 s, three times, and nothing for the text.
    assert answers.over_constant == pytest.approx(0.8 * 3 / 4 - 0.5)
    assert answers.num_compared == 1


def test_a_step_is_summed_up_by_pretext_task_in_any_order_of_its_groups() -> None:
    groups = [
        _group(make_sample("a"), ["2.0-4.0", "1.0-2.0"]),
        _group(make_sample("b", pretext="counting"), ["1,0,0", "1, 0,0"]),
        _group(make_sample("c"), ["1.0-2.0", "nothing"]),
    ]
    constants = {"a": 0.0, "b": 0.25, "c": 0.25}
    answers = step_answers(groups, constants)
    assert answers["counting"] == StepAnswers(
        num_groups=1,
        num_answers=2,
        given={"1,0,0": 2},
        right={"1,0,0": 1},
        over_constant=0.75,
        num_compared=1,
    )
    assert answers["grounding"].given == {"2.0-4.0": 1, "1.0-2.0": 2}
    assert answers["grounding"].over_constant == (1 + 0) / 2 - 0.0 + (0 - 0.25)
    assert step_answers(groups[::-1], constants) == answers


def test_words_that_are_long_are_told_apart_by_all_of_them() -> None:
    sample = replace(make_sample("a"), answer="a red car", answer_kind=AnswerKind.TEXT)
    long = "a red car that turns left behind a house, then "
    found = step_answers([_group(sample, [long + "stops", long + "stops", long + "goes"])], {})
    assert sorted(found["grounding"].given.values()) == [1, 2]
    assert max(map(len, found["grounding"].given)) < 64


def test_a_window_is_the_newest_steps_that_have_enough_groups() -> None:
    half = WINDOW_GROUPS // 2
    record: list[TrainStep] = []
    for given, over in (({"1": 9}, 3.0), ({"1": 1, "2": 1}, 1.0), ({"2": 3, "3": 1}, -2.0)):
        record.append(with_window(record, _row(_answers(half, given, over_constant=over))))
    first, second, third = (row.metrics for row in record)
    assert first["answers/grounding_most_frequent_share"] == 1.0
    assert second["answers/grounding_most_frequent_share"] == 10 / 11, "as there are no more yet"
    assert second["reward_over_constant/grounding"] == 4.0 / (2 * half)
    # The last two alone: 1, 2, 2, 2, 2, 3.
    assert third["answers/grounding_most_frequent_share"] == 4 / 6
    assert third["answers/grounding_distinct"] == 3.0
    assert third["reward_over_constant/grounding"] == -1.0 / (2 * half)


def test_a_step_that_did_not_ask_a_task_leaves_its_window_as_it_was() -> None:
    first = with_window([], _row(_answers(2, {"1": 3, "2": 1}, over_constant=0.5)))
    second = with_window([first], replace(_row(), answers={"jigsaw": _answers(1, {"12": 1})}))
    assert {name: second.metrics[name] for name in first.metrics} == first.metrics
    assert second.metrics["answers/jigsaw_most_frequent_share"] == 1.0


def test_answers_that_cannot_be_read_are_no_most_frequent_one() -> None:
    row = with_window([], _row(_answers(2, {"1": 1}, num_answers=8)))
    assert row.metrics["answers/grounding_most_frequent_share"] == 1 / 8
    nothing = with_window([], _row(_answers(2, {}, num_answers=8)))
    assert nothing.metrics["answers/grounding_most_frequent_share"] == 0.0
    assert nothing.metrics["answers/grounding_distinct"] == 0.0


def test_where_no_answer_is_constant_nothing_is_compared() -> None:
    answers = step_answers([_group(make_sample("a"), ["2.0-4.0"])], {})
    row = with_window([], replace(_row(), answers=answers))
    assert "reward_over_constant/grounding" not in row.metrics
    assert row.headline()["same"] == "grounding 100%"


def test_windows_go_on_from_a_record_that_was_written_and_read(store: Store) -> None:
    rows = [_row(_answers(12, {"1": 5 + step, "2": 6}, over_constant=0.1)) for step in range(6)]
    whole: list[TrainStep] = []
    for row in rows:
        whole.append(with_window(whole, row))
    kept = write_rows(store, "record.parquet", TrainStep, whole[:3])
    resumed = read_rows(store, kept, TrainStep)
    for row in rows[3:]:
        resumed.append(with_window(resumed, row))
    assert resumed == whole


def test_a_record_written_before_is_read_and_gone_on_from(store: Store) -> None:
    old_names = [field.name for field in fields(TrainStep) if field.name != "answers"]
    old_type: Any = make_dataclass(
        "OldStep", [(field.name, field.type) for field in fields(TrainStep)][: len(old_names)]
    )
    row = _row()
    written = old_type(*(getattr(row, name) for name in old_names))
    kept = write_rows(store, "record.parquet", old_type, [written])
    record = read_rows(store, kept, TrainStep)
    assert record == [row]
    assert "same" not in record[0].headline()
    after = with_window(record, _row(_answers(1, {"1": 1})))
    assert after.metrics["answers/grounding_most_frequent_share"] == 1.0


def test_answers_that_become_alike_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    varied = _answers(WINDOW_GROUPS, {"1": 5, "2": 5})
    alike = _answers(WINDOW_GROUPS, {"1": 19, "2": 1})
    record: list[TrainStep] = []
    with caplog.at_level(logging.WARNING):
        for answers in (varied, alike, alike, varied, alike):
            row = with_window(record, _row(answers))
            warn_of_alike(record, row)
            record.append(row)
    alarms = [row.metrics["answers/grounding_alike_alarm"] for row in record]
    assert alarms == [0.0, 1.0, 1.0, 0.0, 1.0]
    [said] = caplog.messages
    assert said.startswith(
        "grounding: the model gives nearly the same answer whatever it is shown ('1', 95 % of the "
        "last 20 answers), while the right answers differ"
    )


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param(lambda: _answers(WINDOW_GROUPS - 1, {"1": 9}), id="too few groups"),
        pytest.param(lambda: _answers(WINDOW_GROUPS, {"1": 9, "2": 1}), id="not above the limit"),
        pytest.param(
            lambda: _answers(WINDOW_GROUPS, {"1": 9}, right={"1": WINDOW_GROUPS}),
            id="right answers alike",
        ),
    ],
)
def test_there_is_no_alarm_for(answers: Callable[[], StepAnswers]) -> None:
    row = with_window([], _row(answers()))
    assert row.metrics["answers/grounding_alike_alarm"] == 0.0


def test_the_progress_bar_names_the_task_that_earns_least_over_its_constant() -> None:
    row = replace(
        _row(),
        answers={
            "counting": _answers(2, {"1": 1, "2": 1}, over_constant=0.5),
            "jigsaw": _answers(2, {"12": 9, "21": 1}, over_constant=-0.1),
        },
    )
    assert with_window([], row).headline()["same"] == "jigsaw 90% -0.05"


def _group(sample: Sample, texts: Sequence[str]) -> Group:
    rollouts = tuple(
        reward_answer(sample, place, text, num_tokens=1) for place, text in enumerate(texts)
    )
    return Group(sample, Prompt(text="", videos=()), completions=(), rollouts=rollouts)


def _answers(
    num_groups: int,
    given: dict[str, int],
    *,
    num_answers: int | None = None,
    right: dict[str, int] | None = None,
    over_constant: float = 0.0,
) -> StepAnswers:
    """The right answers are even unless given."""
    half = num_groups // 2
    return StepAnswers(
        num_groups=num_groups,
        num_answers=sum(given.values()) if num_answers is None else num_answers,
        given=given,
        right={"1": half, "2": num_groups - half} if right is None else right,
        over_constant=over_constant,
        num_compared=num_groups,
    )


def _row(answers: StepAnswers | None = None) -> TrainStep:
    return TrainStep(
        step=0,
        reward_mean=0.5,
        reward_by_pretext={},
        spread_share=1.0,
        kl=0.0,
        grad_norm=1.0,
        metrics={f"time/step_{phase}_seconds": 0.0 for phase in PHASES},
        answers={} if answers is None else {"grounding": answers},
    )
