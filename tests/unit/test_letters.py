"""Which option an answer chooses: by hand, for what models say."""

import pytest
from rewards.lenient import parse_leniently

from rewards.answers import AnswerKind, Choice
from tasks.evaluate.benchmarks.choices import find_letter
from tests.helpers.choice_texts import OPTIONS, READINGS


@pytest.mark.parametrize(("text", "letter"), READINGS)
def test_a_letter_is_read_as_a_careful_person_reads_it(text: str, letter: str | None) -> None:
    assert find_letter(text, "ABCD", OPTIONS) == letter


@pytest.mark.parametrize(
    ("text", "letter"),
    [("The answer is C. Option D is wrong.", "C"), ("The answer is B because A is wrong.", "B"), ("not A", None)],
)
def test_the_lenient_reading_of_rewards_is_the_same(text: str, letter: str | None) -> None:
    assert parse_leniently(text, AnswerKind.CHOICE) == (Choice(letter) if letter else None)


def test_of_a_long_answer_beginning_and_end_are_read() -> None:
    filler = "The lamp is lit and nothing else happens here. " * 1000
    assert find_letter(f"C. {filler}", "ABCD") == "C"
    assert find_letter(f"{filler} So the answer is D.", "ABCD") == "D"
    assert find_letter(f"<think>{filler} The answer is A. {filler}</think>\n\nB", "ABCD") == "B"
