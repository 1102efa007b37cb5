"""The reward of any answer type: values computed by hand."""

from dataclasses import dataclass
from typing import Annotated

import pytest

from rewards.answers import Choice, Counts, Interval, Number, Permutation, Text
from rewards.schema import Weight, read_schema, schema_of, score, write_answer, write_schema


@dataclass(frozen=True)
class Event:
    when: Annotated[Interval, Weight(2)]
    how_many: Counts


@dataclass(frozen=True)
class Story:
    event: Event
    order: Annotated[Permutation, Weight(3)]
    title: Text


@dataclass
class Thawed:
    when: Interval


@dataclass(frozen=True)
class Early:
    title: Text
    when: Interval


def test_weights_of_nested_fields_multiply() -> None:
    weights = {part.name: part.weight for part in schema_of(Story)}
    assert weights == pytest.approx(
        {"event.when": 2 / 15, "event.how_many": 1 / 15, "order": 3 / 5, "title": 1 / 5}
    )


def test_reward_is_the_weighted_sum_of_its_parts() -> None:
    reward = score(
        "4.0-8.0; 1", write_answer(Event(Interval(2.0, 6.0), Counts((2,)))), schema_of(Event)
    )
    assert reward.parts == pytest.approx({"when": 2 / 6, "how_many": 0.5})
    assert reward.total == pytest.approx(2 / 3 * 2 / 6 + 1 / 3 * 0.5)
    assert (reward.strict, reward.parsed) == (0.0, True)


def test_part_that_misses_its_format_costs_only_itself() -> None:
    reward = score("soon; 2", "2.0-6.0; 2", schema_of(Event))
    assert reward.parts == {"when": 0.0, "how_many": 1.0}
    assert reward.total == pytest.approx(1 / 3)
    assert not reward.parsed


@pytest.mark.parametrize("text", ["2.0-6.0", "2.0-6.0; 2; 2", "", ";;;;"])
def test_wrong_number_of_parts_earns_nothing(text: str) -> None:
    reward = score(text, "2.0-6.0; 2", schema_of(Event))
    assert (reward.total, reward.parsed) == (0.0, False)


def test_words_come_last_and_may_hold_the_separator() -> None:
    truth = write_answer(
        Story(
            Event(Interval(0.0, 1.0), Counts((1, 2))), Permutation((2, 1)), Text("cut; and paste")
        )
    )
    assert truth == "0.0-1.0; 1,2; 21; cut; and paste"
    assert score(truth, truth, schema_of(Story)).total == 1.0


def test_plain_answer_has_no_parts() -> None:
    reward = score("2.0-4.0", "2.0-6.0", schema_of(Interval))
    assert (reward.total, reward.parts) == (pytest.approx(0.5), {})


@pytest.mark.parametrize(
    ("answer_type", "message"),
    [(Thawed, "frozen dataclass"), (int, "frozen dataclass"), (Early, "must come last")],
)
def test_type_that_cannot_be_rewarded_is_refused(answer_type: type, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        schema_of(answer_type)


@pytest.mark.parametrize("answer_type", [Interval, Choice, Number, Event, Story])
def test_schema_survives_as_text(answer_type: type) -> None:
    schema = schema_of(answer_type)
    assert read_schema(write_schema(schema)) == schema


@pytest.mark.parametrize("text", ["", "intervall", "when:interval", "when:span*1.0", "a:text*1,"])
def test_text_that_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected one of interval"):
        read_schema(text)


def test_unreadable_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="misses the format"):
        score("2.0-4.0", "later", schema_of(Interval))


def test_weight_must_be_positive() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Weight(0)
