"""How answers are read: letters, intervals, orders. Expected values are by hand."""

import pytest

from tasks.benchmarks.choices import are_lettered, find_letter, options_in
from tasks.benchmarks.grounding import best_iou, iou, paper_interval
from tasks.benchmarks.orders import find_order, official_order
from tasks.benchmarks.spans import find_interval

_OPTIONS = ("a red car", "a blue car", "a dog", "the man walks")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("A", "A"), ("(A)", "A"), ("A.", "A"), (" A) a red car", "A"), ("**B**", "B"), ('"C"', "C"),
        ("b", "B"),
        ("The answer is C.", "C"), ("Answer: (D)", "D"), ("I think it is B", "B"),
        ("The best option is C, not A", "C"),
        ("First A, then B. The answer is D", "D"), ("It must be (B).", "B"),
        ("between (A) and finally (C)", "C"),
        ("<think>A or B? A</think>B", "B"), ("so <answer>C</answer> it is", "C"),
        (r"thus \boxed{D}", "D"),
        ('{"result": "B"}', "B"), ("a dog", "C"), ("It shows the man walks.", "D"),
        ("A blue car.", "B"),
        ("The answer is C, which is the only option that fits", "C"),
        ("A man walks", None), ("", None), ("Because it rains", None), ("none of them", None),
        ("E", None),
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
    said = {
        text: find_letter(text, "AB", ("Yes", "No"))
        for text in ("Yes.", "no", "No, they do not", "B", "Nothing")
    }
    assert said == {"Yes.": "A", "no": "B", "No, they do not": "B", "B": "B", "Nothing": None}


@pytest.mark.parametrize(
    ("options", "lettered"),
    [(["A. x", "B. y"], True), (["(A) x", "(B) y"], True), (["A) x", "B: y"], True),
    (["x", "y"], False),
     (["B. x", "A. y"], False), (["A. x", "y"], False), (["A lamp", "B sides"], False),
     ([], False)],
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
        ("3.2 - 8", (3.2, 8), (3.2, 8)), ("8.0-3.2", (3.2, 8), (3.2, 8)),
        ("0:05 to 0:12", (5, 12), None),
        ("1:00:05 - 1:00:12.5", (3605, 3612.5), (1, 5)), ("from 3 to 5 seconds", (3, 5), None),
        ("3.5s – 7s", (3.5, 7), None), ("between 3 and 5", (3, 5), None),
        ("3 sec ~ 5 sec", (3, 5), None),
        ("It starts at 4.5, and it is over, at 9", (4.5, 9), None), ("none", None, None),
        ("", None, None),
        ("7", None, None), ("<think>1 - 2</think>3 - 4", (3, 4), (1, 2)),
        ('"He cracks 2-3 eggs" happens in the 10.0 - 12.0 seconds', (10, 12), (2, 3)),
        ("The event happens in the 24.3 - 30.4 seconds.", (24.3, 30.4), (24.3, 30.4)),
        ("3. - 8.", (3, 8), (3, 8)), ("3.0\n-\n8.0", (3, 8), (3, 8)), ("3.0\t-\t8.0", (3, 8),
        (3, 8)),
        ("3.0\u00a0-\u00a08.0", (3, 8), (3, 8)), ("3.0 \u2013 8.0", (3, 8), None),
        ("3.\u2002\u2014\u20028.", (3, 8), None),
        ("Starting time: 0.8 seconds. Ending time: 1.1 seconds", (0.8, 1.1), None),
        ("It starts at 0:05 and ends at 1:12.", (5, 72), None), ("<think>1 to 2", None, None),
        ("<think>1 - 2</think><answer>3 to 4</answer>", (3, 4), (1, 2)),
        ("12.54 to 17.83", (12.54, 17.83), None),
        ("1:05 - 1:09", (65, 69), (1, 5)),
        ("[3.0, 8.0]", (3, 8), None), ("[[3, 8], [10, 12]]", (3, 8), None),
        ("[3,8] and [10,12]", (3, 8), None),
        ('{"timestamps": [3.0, 8.0]}', (3, 8), None), ("[00:03, 00:08]", (3, 8), None),
        ("(3.0, 8.0)", (3, 8), None),
        ("**3.0** - **8.0** seconds", (3, 8), None), ("3.0 s -> 8.0 s", (3, 8), None),
        ("3.0 → 8.0", (3, 8), None),
        ("00:00:03,500 --> 00:00:08,250", (3.5, 8.25), None), ("(3.0s) - (8.0s)", (3, 8), None),
        ("3,5 - 8,25 Sekunden", (3.5, 8.25), (5, 8)),
        ("1,200 to 1,300 seconds", (1200, 1300), None),
        ("1m30s - 1m45s", (90, 105), None), ("from 1 min 30 s to 1 min 45.5 s", (90, 105.5), None),
        ("1h2m3s to 1h2m8s", (3723, 3728), None), ("1.5 minutes to 2 minutes", (90, 120), None),
        ("from 1 to 2 minutes", (60, 120), None), ("from 30 seconds to 2 minutes", (30, 120), None),
        ("第3秒到第8秒", (3, 8), None), ("3.0秒から8.0秒", (3, 8), None),
        ("de 3 à 8 secondes", (3, 8), None),
        ("von 3 bis 8 Sekunden", (3, 8), None), ("de 3 a 8 segundos", (3, 8), None),
        ("３.０ － ８.０", (3, 8), None),
        ("It begins at 3.0 s and lasts 5 s", (3, 8), None),
        ("It begins at 3 and lasts until 8", (3, 8), None),
        ("At 3 seconds it begins, and at 8 seconds it is over.", (3, 8), None),
        ("1e1 - 2e1", (10, 20), (1, 2)),
        ("At 0:03 he comes, at 0:08 he is gone.", (3, 8), None), ("At 3 s, at 5 s and at 8 s he "
                                                                  "waves.", None, None),
        ("He lifts 3 boxes and 8 bags.", None, None), ("It takes 5 seconds.", None, None),
        ("2,1,3", None, None), ("3 8 12", None, None), ("3.0, 8.0", (3, 8), None),
        ("3.0\n8.0", (3, 8), None),
    ],
)  # fmt: skip
def test_interval(
    text: str, robust: tuple[float, float] | None, paper: tuple[float, float] | None
) -> None:
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
        ("2,2,1", None, None), ("1, 2", None, None), ("", None, None),
        ("Order: 1, 2, 3, 4", None, None),
        ("The correct order is:\n1. Clip 2\n2. Clip 1\n3. Clip 3", None, [2, 1, 3]),
        ("1. 2\n2. 1\n3. 3", None, [2, 1, 3]),
        ("Step 1: Clip 2\nStep 2: Clip 1\nStep 3: Clip 3", None, [2, 1, 3]),
        ("Order: 213", None, [2, 1, 3]),
        ("Step 1: Clip 2, Step 2: Clip 1, Step 3: Clip 3", [1, 2, 3], [2, 1, 3]),
        ("- Clip 2\n- Clip 1\n- Clip 3", None, [2, 1, 3]),
        ("Clip 1: a\nClip 2: b\nClip 3: c", None, None),
        ("1. Clip 2: she pours\n2. Clip 1: she stirs\n3. Clip 3: she drinks", None, [2, 1, 3]),
        ("Correct order: 2, 1, 3\nWhy: 1 is pouring, 2 is boiling and 3 is stirring.",
         [2, 1, 3], [2, 1, 3]),
    ],
)  # fmt: skip
def test_order(text: str, official: list[int] | None, robust: list[int] | None) -> None:
    assert official_order(text, 3) == official
    assert find_order(text, 3) == robust
