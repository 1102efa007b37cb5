"""Laws of parsing and rewarding."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.answers import Answer, AnswerKind, Counts, Interval, Permutation
from rewards.parse import format_answer, parse_answer
from rewards.verify import verify, verify_strict

_KINDS = {Interval: AnswerKind.INTERVAL, Counts: AnswerKind.COUNTS, Permutation: AnswerKind.PERMUTATION}
_tenths = st.integers(0, 99_999).map(lambda tenths: tenths / 10)
intervals = st.tuples(_tenths, _tenths).map(lambda pair: Interval(min(pair), max(pair)))
counts = st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=9).map(lambda values: Counts(tuple(values)))
permutations = (
    st.integers(1, 9).flatmap(lambda n: st.permutations(range(1, n + 1))).map(lambda order: Permutation(tuple(order)))
)
answers: st.SearchStrategy[Answer] = st.one_of(intervals, counts, permutations)


@given(answers)
def test_parsing_the_written_answer_gives_it_back(answer: Answer) -> None:
    assert parse_answer(format_answer(answer), _KINDS[type(answer)]) == answer


@given(answers)
def test_truth_earns_exactly_one(answer: Answer) -> None:
    assert verify(answer, answer) == 1.0
    assert verify_strict(answer, answer) == 1.0


@given(answers, answers)
def test_reward_lies_between_strict_and_one(predicted: Answer, truth: Answer) -> None:
    assert verify_strict(predicted, truth) <= verify(predicted, truth) <= 1.0


@given(st.one_of(st.text(), st.text("0123456789.,- \n\u0662\u00b2naif")), st.sampled_from(list(AnswerKind)), answers)
def test_arbitrary_text_never_raises(text: str, kind: AnswerKind, truth: Answer) -> None:
    assert 0.0 <= verify(parse_answer(text, kind), truth) <= 1.0


@pytest.mark.parametrize("count", [2, 3, 5])
def test_constant_order_earns_the_same_whichever_it_is(count: int) -> None:
    orders = [Permutation(order) for order in itertools.permutations(range(1, count + 1))]
    means = {round(sum(verify(guess, truth) for truth in orders) / len(orders), 9) for guess in orders[:6]}
    assert len(means) == 1
