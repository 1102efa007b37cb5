"""Answers parsed and rewarded: values computed by hand."""

import pytest

from rewards.answers import AnswerKind, Counts, Interval, Permutation
from rewards.parse import format_answer, parse_answer
from rewards.verify import verify, verify_strict


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.0-4.5", Interval(2.0, 4.5)),
        (" 2-4\n", Interval(2.0, 4.0)),
        ("3.0-3.0", Interval(3.0, 3.0)),
        ("4.5-2.0", None),
        ("from 2.0-4.5", None),
        ("2.0-4.5 seconds", None),
        ("2.0-4.5-6.0", None),
        ("2.0\n-4.5", None),
        ("-1-2", None),
        ("nan-inf", None),
        ("1e3-2e3", None),
        ("٢-٤", None),
        ("9" * 5000 + "-1", None),
        ("", None),
    ],
)
def test_interval_must_be_the_whole_text(text: str, expected: Interval | None) -> None:
    assert parse_answer(text, AnswerKind.INTERVAL) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2,1,3", Counts((2, 1, 3))),
        ("2, 1, 3", Counts((2, 1, 3))),
        ("0", Counts((0,))),
        ("2,,3", None),
        ("2,1,3.", None),
        ("-1,1,1", None),
        ("²,1,1", None),
        ("9" * 10 + ",1,1", None),
    ],
)
def test_counts_must_be_the_whole_text(text: str, expected: Counts | None) -> None:
    assert parse_answer(text, AnswerKind.COUNTS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3124", Permutation((3, 1, 2, 4))),
        ("1", Permutation((1,))),
        ("3144", None),
        ("0123", None),
        ("3,1,2", None),
    ],
)
def test_permutation_must_use_each_digit_once(text: str, expected: Permutation | None) -> None:
    assert parse_answer(text, AnswerKind.PERMUTATION) == expected


def test_interval_reward_is_intersection_over_union() -> None:
    truth = Interval(2.0, 6.0)
    assert verify(Interval(4.0, 8.0), truth) == pytest.approx(2 / 6)
    assert verify(Interval(3.0, 4.0), truth) == pytest.approx(1 / 4)
    assert verify(Interval(6.0, 9.0), truth) == 0.0
    assert verify(Interval(4.0, 4.0), truth) == 0.0


def test_interval_without_length_is_right_only_if_equal() -> None:
    assert verify(Interval(3.0, 3.0), Interval(3.0, 3.0)) == 1.0
    assert verify(Interval(2.0, 4.0), Interval(3.0, 3.0)) == 0.0


def test_count_reward_is_mean_relative_closeness() -> None:
    assert verify(Counts((2, 1, 6)), Counts((4, 1, 2))) == pytest.approx((0.5 + 1.0 + 0.0) / 3)
    assert verify(Counts((0, 1, 1)), Counts((0, 1, 1))) == 1.0
    assert verify(Counts((1, 1, 1)), Counts((0, 1, 1))) == pytest.approx(2 / 3)
    assert verify(Counts((1, 1)), Counts((1, 1, 1))) == 0.0


def test_order_reward_is_normalised_displacement() -> None:
    # positions 2,1,3,4 against 1,2,3,4: two clips one place off, of at most 8 places
    assert verify(Permutation((2, 1, 3, 4)), Permutation((1, 2, 3, 4))) == pytest.approx(1 - 2 / 8)
    # full reversal of three: 2 + 0 + 2 of at most floor(9 / 2)
    assert verify(Permutation((3, 2, 1)), Permutation((1, 2, 3))) == 0.0
    assert verify(Permutation((1, 2)), Permutation((1, 2, 3))) == 0.0


def test_strict_reward_is_all_or_nothing() -> None:
    assert verify_strict(Counts((1, 2, 3)), Counts((1, 2, 3))) == 1.0
    assert verify_strict(Counts((1, 2, 4)), Counts((1, 2, 3))) == 0.0
    assert verify_strict(None, Counts((1, 2, 3))) == 0.0


def test_another_answer_type_earns_nothing() -> None:
    assert verify(Counts((1, 2)), Interval(1.0, 2.0)) == 0.0
    assert verify(None, Permutation((1,))) == 0.0


def test_interval_is_written_with_one_decimal() -> None:
    assert format_answer(Interval(2.04, 10.0)) == "2.0-10.0"
