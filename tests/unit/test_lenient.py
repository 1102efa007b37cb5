"""What a person would read out of an answer."""

import pytest

from rewards.answers import Answer, AnswerKind, Choice, Counts, Interval, Number, Permutation, Text
from rewards.lenient import parse_leniently


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("2.0-4.5", AnswerKind.INTERVAL, Interval(2.0, 4.5)),
        ("From 2.0s to 4.5s.", AnswerKind.INTERVAL, Interval(2.0, 4.5)),
        ("between 2 and 4 seconds", AnswerKind.INTERVAL, Interval(2.0, 4.0)),
        ("2.0\u20134.5", AnswerKind.INTERVAL, Interval(2.0, 4.5)),
        ("First I thought 1-2, but it is 3-4", AnswerKind.INTERVAL, Interval(3.0, 4.0)),
        ("4.5-2.0", AnswerKind.INTERVAL, None),
        ("soon", AnswerKind.INTERVAL, None),
        ("There are 2, 1, 3.", AnswerKind.COUNTS, Counts((2, 1, 3))),
        ("\uff12,\uff11,\uff13!", AnswerKind.COUNTS, Counts((2, 1, 3))),
        ("The order is 3 > 1 > 2", AnswerKind.PERMUTATION, Permutation((3, 1, 2))),
        ("3, 1, 1", AnswerKind.PERMUTATION, None),
        ("The answer is (B).", AnswerKind.CHOICE, Choice("B")),
        ("I'd say C", AnswerKind.CHOICE, Choice("C")),
        ("none of them", AnswerKind.CHOICE, None),
        ("about -2.5 metres", AnswerKind.NUMBER, Number(-2.5)),
        ("1" * 40, AnswerKind.NUMBER, None),
        ("  a red car ", AnswerKind.TEXT, Text("a red car")),
        ("", AnswerKind.TEXT, None),
    ],
)
def test_answer_may_stand_in_a_sentence(text: str, kind: AnswerKind, expected: Answer | None) -> None:
    assert parse_leniently(text, kind) == expected
