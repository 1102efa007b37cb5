"""Laws of parsing and rewarding."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.answers import (
    KIND_OF,
    Answer,
    AnswerKind,
    Choice,
    Counts,
    Interval,
    Number,
    Permutation,
    Text,
)
from rewards.parse import format_answer, parse_answer
from rewards.schema import AnswerPart, Schema, read_schema, score, write_schema
from rewards.verify import verify, verify_strict

_tenths = st.integers(0, 99_999).map(lambda tenths: tenths / 10)
intervals = st.tuples(_tenths, _tenths).map(lambda pair: Interval(min(pair), max(pair)))
counts = st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=9).map(
    lambda values: Counts(tuple(values))
)
permutations = (
    st.integers(1, 9)
    .flatmap(lambda n: st.permutations(range(1, n + 1)))
    .map(lambda order: Permutation(tuple(order)))
)
choices = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ").map(Choice)
numbers = st.integers(-(10**9) + 1, 10**9 - 1).map(lambda thousandths: Number(thousandths / 1000))
texts = st.text(min_size=1, max_size=60).map(str.strip).filter(bool).map(Text)
answers: st.SearchStrategy[Answer] = st.one_of(
    intervals, counts, permutations, choices, numbers, texts
)
hostile = st.one_of(
    st.text(),
    st.text("0123456789.,-;AB \n\u0662\u00b2\u2013\uff11naife+", max_size=400),
    st.sampled_from(
        [
            "nan-inf",
            "1e999",
            "-0",
            "9" * 400,
            "9-" * 3000,
            "1," * 5000,
            "1 - " * 4000,
            "3 3 3",
            "(" * 9999,
        ]
    ),
)
schemas: st.SearchStrategy[Schema] = st.lists(
    st.tuples(
        st.sampled_from([kind for kind in AnswerKind if kind is not AnswerKind.TEXT]),
        st.floats(0.01, 100),
    ),
    min_size=2,
    max_size=5,
).map(
    lambda parts: tuple(
        AnswerPart(f"part_{number}", kind, weight / sum(weight for _, weight in parts))
        for number, (kind, weight) in enumerate(parts)
    )
)


_BY_KIND: dict[AnswerKind, st.SearchStrategy[Answer]] = {
    AnswerKind.INTERVAL: intervals,
    AnswerKind.COUNTS: counts,
    AnswerKind.PERMUTATION: permutations,
    AnswerKind.CHOICE: choices,
    AnswerKind.NUMBER: numbers,
}


def truth_of(schema: Schema, data: st.DataObject) -> str:
    return "; ".join(format_answer(data.draw(_BY_KIND[part.kind])) for part in schema)


@given(answers)
def test_parsing_the_written_answer_gives_it_back(answer: Answer) -> None:
    assert parse_answer(format_answer(answer), KIND_OF[type(answer)]) == answer


@given(answers)
def test_truth_earns_exactly_one(answer: Answer) -> None:
    assert verify(answer, answer) == 1.0
    assert verify_strict(answer, answer) == 1.0


@given(answers, answers)
def test_reward_lies_between_strict_and_one(predicted: Answer, truth: Answer) -> None:
    assert verify_strict(predicted, truth) <= verify(predicted, truth) <= 1.0


@given(hostile, st.sampled_from(list(AnswerKind)), answers)
def test_arbitrary_text_never_raises(text: str, kind: AnswerKind, truth: Answer) -> None:
    assert 0.0 <= verify(parse_answer(text, kind), truth) <= 1.0


@given(schemas, st.data())
def test_any_record_earns_one_for_its_truth_and_at_most_one_for_anything(
    schema: Schema, data: st.DataObject
) -> None:
    truth = truth_of(schema, data)
    right, other = score(truth, truth, schema), score(data.draw(hostile), truth, schema)
    assert (right.total, right.strict, right.parsed) == (1.0, 1.0, True)
    assert 0.0 <= other.strict <= other.total <= 1.0
    assert other.total == pytest.approx(
        sum(part.weight * other.parts[part.name] for part in schema)
    )
    assert read_schema(write_schema(schema)) == schema


@pytest.mark.parametrize("count", [2, 3, 5])
def test_constant_order_earns_the_same_whichever_it_is(count: int) -> None:
    orders = [Permutation(order) for order in itertools.permutations(range(1, count + 1))]
    means = {
        round(sum(verify(guess, truth) for truth in orders) / len(orders), 9)
        for guess in orders[:6]
    }
    assert len(means) == 1
