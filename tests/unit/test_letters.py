"""Which option an answer chooses: by hand, for what models say."""

import pytest

from tasks.benchmarks.choices import find_letter
from tests.helpers.choice_texts import OPTIONS, READINGS


@pytest.mark.parametrize(("text", "letter"), READINGS)
def test_a_letter_is_read_as_a_careful_person_reads_it(text: str, letter: str | None) -> None:
    assert find_letter(text, "ABCD", OPTIONS) == letter


@pytest.mark.parametrize("noun", ["Cup", "Box", "Person", "Location"])
def test_a_letter_that_is_part_of_an_option_is_not_taken_for_its_letter(noun: str) -> None:
    options = [f"{noun} {name}" for name in "CBDA"]
    said = {
        f"The answer is {noun.lower()} A.": "D",
        f"It is {noun} C": "A",
        f"{noun} C": "A",
        f"{noun} C wins.": None,
        "The answer is D": "D",
        f"D ({noun} A)": "D",
        f"The answer is A. {noun} C": "A",
        "A": "A",
        "Option C": "C",
        f"D. {noun} A": "D",
        f"The answer is A ({noun} C).": "A",
        f"I think {noun} A is the tallest, so D": "D",
    }
    assert {text: find_letter(text, "ABCD", options) for text in said} == said
    keys = ["C major", "D minor", "G7", "A minor"]
    assert [find_letter(f"The answer is {key}.", "ABCD", keys) for key in keys] == [*"ABCD"]


def test_of_a_long_answer_beginning_and_end_are_read() -> None:
    filler = "The lamp is lit and nothing else happens here. " * 1000
    assert find_letter(f"C. {filler}", "ABCD") == "C"
    assert find_letter(f"{filler} So the answer is D.", "ABCD") == "D"
    assert find_letter(f"<think>{filler} The answer is A. {filler}</think>\n\nB", "ABCD") == "B"
