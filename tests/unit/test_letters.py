"""Which option an answer chooses: by hand, for what models say."""

import pytest

from tasks.evaluate.benchmarks.choices import find_letter
from tests.helpers.choice_texts import OPTIONS, READINGS


@pytest.mark.parametrize(("text", "letter"), READINGS)
def test_a_letter_is_read_as_a_careful_person_reads_it(text: str, letter: str | None) -> None:
    assert find_letter(text, "ABCD", OPTIONS) == letter


def test_of_a_long_answer_beginning_and_end_are_read() -> None:
    filler = "The lamp is lit and nothing else happens here. " * 1000
    assert find_letter(f"C. {filler}", "ABCD") == "C"
    assert find_letter(f"{filler} So the answer is D.", "ABCD") == "D"
    assert find_letter(f"<think>{filler} The answer is A. {filler}</think>\n\nB", "ABCD") == "B"
