"""How answers are read: letters, intervals, orders. Expected values are by hand."""

import pytest

from tasks.evaluate.benchmarks.choices import are_lettered, find_letter, options_in
from tasks.evaluate.benchmarks.grounding import best_iou, find_interval, iou, paper_interval
from tasks.evaluate.benchmarks.orders import find_order, official_order

_OPTIONS = ("a red car", "a blue car", "a dog", "the man walks")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"), ("(A)", "A"), ("A.", "A"), (" A) a red car", "A"), ("**B**", "B"), ('"C"', "C"), ("b", "B"),
        ("The answer is C.", "C"), ("Answer: (D)", "D"), ("I think it is B", "B"), ("The best option is C, not A", "C"),
        ("First A, then B. The answer is D", "D"), ("It must be (B).", "B"), ("between (A) and finally (C)", "C"),
        ("<think>A or B? A</think>B", "B"), ("so <answer>C</answer> it is", "C"), (r"thus \boxed{D}", "D"),
        ('{"result": "B"}', "B"), ("a dog", "C"), ("It shows the man walks.", "D"), ("A blue car.", "B"),
        ("The answer is C, which is the only option that fits", "C"),
        ("A man walks", None), ("", None), ("Because it rains", None), ("none of them", None), ("E", None),
        ("A or B", None), ("a red car and a dog", None), ("I think so", None), ("\0" * 50, None),
    ],
)  # fmt: skip
def test_letter(text: str, letter: str | None) -> None:
    assert find_letter(text, "ABCD", _OPTIONS) == letter


def test_letters_reach_as_far_as_the_options_do() -> None:
    assert find_letter("H", "ABCDEFGH") == "H"
    assert find_letter("I", "ABCDEFGHIJ") == "I"
    assert find_letter("I think it is J", "ABCDEFGHIJ") == "J"
    assert find_letter("I think so", "ABCDEFGHIJ") is None


def test_yes_and_no_stand_for_their_letters() -> None:
    said = {text: find_letter(text, "AB", ("Yes", "No")) for text in ("Yes.", "no", "No, they do not", "B", "Nothing")}
    assert said == {"Yes.": "A", "no": "B", "No, they do not": "B", "B": "B", "Nothing": None}


@pytest.mark.parametrize(
    ("options", "lettered"),
    [(["A. x", "B. y"], True), (["(A) x", "(B) y"], True), (["A) x", "B: y"], True), (["x", "y"], False),
     (["B. x", "A. y"], False), (["A. x", "y"], False), (["A lamp", "B sides"], False), ([], False)],
)  # fmt: skip
def test_letters_of_their_own(options: list[str], lettered: bool) -> None:
    assert are_lettered(options) is lettered


def test_options_are_found_at_the_end_of_a_question() -> None:
    assert options_in("What?\nA. one\nB. two") == ("one", "two")
    assert options_in("What?\n(A) one\n(B) two\n(C) three ") == ("one", "two", "three")
    assert options_in("A. Miller asks:\nwho?\nA. he\nB. she") == ("he", "she")
    assert options_in("What?\nA. one\nC. two") == ()
    assert options_in("What?") == ()


@pytest.mark.parametrize(
    ("text", "robust", "paper"),
    [
        ("3.2 - 8", (3.2, 8), (3.2, 8)), ("8.0-3.2", (3.2, 8), (3.2, 8)), ("0:05 to 0:12", (5, 12), None),
        ("1:00:05 - 1:00:12.5", (3605, 3612.5), (1, 5)), ("from 3 to 5 seconds", (3, 5), None),
        ("3.5s – 7s", (3.5, 7), None), ("between 3 and 5", (3, 5), None), ("3 sec ~ 5 sec", (3, 5), None),
        ("It starts at 4.5, and it is over, at 9", (4.5, 9), None), ("none", None, None), ("", None, None),
        ("7", None, None), ("<think>1 - 2</think>3 - 4", (3, 4), (1, 2)),
        ('"He cracks 2-3 eggs" happens in the 10.0 - 12.0 seconds', (10, 12), (2, 3)),
        ("The event happens in the 24.3 - 30.4 seconds.", (24.3, 30.4), (24.3, 30.4)),
        ("3. - 8.", (3, 8), (3, 8)), ("3.0\n-\n8.0", (3, 8), (3, 8)), ("3.0\t-\t8.0", (3, 8), (3, 8)),
        ("3.0\u00a0-\u00a08.0", (3, 8), (3, 8)), ("3.0 \u2013 8.0", (3, 8), None),
        ("3.\u2002\u2014\u20028.", (3, 8), None),
        ("Starting time: 0.8 seconds. Ending time: 1.1 seconds", (0.8, 1.1), None),
        ("It starts at 0:05 and ends at 1:12.", (5, 72), None), ("<think>1 to 2", None, None),
        ("<think>1 - 2</think><answer>3 to 4</answer>", (3, 4), (1, 2)), ("12.54 to 17.83", (12.54, 17.83), None),
        ("1:05 - 1:09", (65, 69), (1, 5)),
    ],
)  # fmt: skip
def test_interval(text: str, robust: tuple[float, float] | None, paper: tuple[float, float] | None) -> None:
    assert find_interval(text) == robust
    assert paper_interval(text) == paper


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((0, 10), (10, 20), 0), ((0, 10), (2, 7), 0.5), ((0, 1), (5, 6), 0), ((0, 10), (5, 15), 1 / 3),
     ((3, 3), (3, 3), 0), ((2, 2), (0, 4), 0), ((1, 5), (1, 5), 1)],
)  # fmt: skip
def test_iou(one: tuple[float, float], other: tuple[float, float], expected: float) -> None:
    assert iou(one, other) == pytest.approx(expected)
    assert iou(other, one) == pytest.approx(expected)


def test_best_window_counts() -> None:
    assert best_iou((0, 4), [(10, 20), (0, 8), (0, 5)]) == pytest.approx(0.8)
    assert best_iou(None, [(0, 8)]) == 0.0


@pytest.mark.parametrize(
    ("text", "official", "robust"),
    [
        ("Correct order: 2, 1, 3", [2, 1, 3], [2, 1, 3]),
        ("**Correct order:** Clip 2, Clip 1, Clip 3", [2, 1, 3], [2, 1, 3]),
        ("First I see 1, 2, 3.\nCorrect order: 3, 2, 1", [1, 2, 3], [3, 2, 1]),
        ("2 -> 1 -> 3", None, [2, 1, 3]), ("213", None, [2, 1, 3]), ("2 1 3", None, [2, 1, 3]),
        ("2,2,1", None, None), ("1, 2", None, None), ("", None, None), ("Order: 1, 2, 3, 4", None, None),
    ],
)  # fmt: skip
def test_order(text: str, official: list[int] | None, robust: list[int] | None) -> None:
    assert official_order(text, 3) == official
    assert find_order(text, 3) == robust
