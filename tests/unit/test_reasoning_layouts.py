"""Rows of data sets for reasoning models: what is asked, what is right, and what no rule can
check."""

import pytest

from tasks.core.types import Sample, Split
from tasks.exchange.layouts import parse_record
from tasks.exchange.row import RowError
from tasks.exchange.sample import check_row, sample_of
from tests.helpers.clips import make_clip
from tests.helpers.reasoning_rows import FREE_FORM, PICTURES, long_video_reason, rewatch, video_r1


def _sample(record: dict[str, object]) -> Sample:
    row = parse_record(record)
    check_row(row)
    return sample_of(row, [make_clip()], "s", Split.TRAIN)


def test_options_follow_the_question_as_the_authors_put_them() -> None:
    sample = _sample(video_r1("a.mp4"))
    asked, _, how = sample.question.rpartition("\n")
    assert (
        asked
        == "What does the dog do after it has jumped?Options:\nA. It barks\nB. It sleeps\nC. It "
        "runs"
    )
    assert "letter" in how
    assert (sample.answer, sample.answer_kind, sample.kind) == ("B", "choice", "multiple_choice")


@pytest.mark.parametrize(
    ("problem_type", "solution", "answer", "kind"),
    [
        ("numerical", "<answer>1,204</answer>", "1204", "number"),
        ("numerical", "<answer> -3.50 </answer>", "-3.5", "number"),
        ("regression", "<answer>0.75</answer>", "0.75", "number"),
        ("temporal grounding", "<answer>7.0 to 11.0</answer>", "7.0-11.0", "interval"),
        ("temporal_grounding", '<answer>{"time": [3.25, 8]}</answer>', "3.2-8.0", "interval"),
        ("free-form", "<answer>Yes</answer>", "yes", "text"),
        ("some new type", "<answer>C</answer>", "C", "choice"),
    ],
)
def test_a_type_tells_how_an_answer_is_checked(
    problem_type: str, solution: str, answer: str, kind: str
) -> None:
    options = ["A. x", "B. y", "C. z"] if kind == "choice" else []
    sample = _sample(
        video_r1("a.mp4", problem_type=problem_type, solution=solution, options=options)
    )
    assert (sample.answer, sample.answer_kind) == (answer, kind)
    assert "Options:" in sample.question or kind != "choice"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (PICTURES, "picture instead of a video"),
        ({"data_type": "audio"}, "bad data_type"),
        (FREE_FORM, "answer without a rule"),
        (
            {"problem_type": "OCR", "solution": "<answer>EXIT</answer>", "options": []},
            "answer without a rule",
        ),
        (
            {"problem_type": "math", "solution": "<answer>x^2</answer>", "options": []},
            "answer without a rule",
        ),
        ({"solution": "<answer>D</answer>"}, "bad solution"),
        ({"solution": "<answer>A, C</answer>"}, "bad solution"),
        ({"options": []}, "bad solution"),
        ({"problem_type": "numerical", "solution": "<answer>three</answer>"}, "bad solution"),
        (
            {"problem_type": "temporal grounding", "solution": "<answer>9 to 3</answer>"},
            "bad solution",
        ),
        ({"solution": None}, "bad solution"),
        ({"path": 1}, "bad path"),
        ({"options": [1]}, "bad options"),
        ({"problem_type": None}, "bad problem_type"),
        ({"problem_type": "x" * 300, "solution": "<answer>B</answer>"}, "bad kind"),
    ],
)
def test_what_cannot_be_asked_or_checked_is_refused_with_its_reason(
    changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(RowError) as refused:
        _sample(video_r1("a.mp4") | changes)
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    "said", ["B", "b", "(B)", "B.", "B. It sleeps", "B. it  sleeps", "It sleeps", "It sleeps.",
              "<ANSWER>B</ANSWER>",
             "<think>A or B?</think><answer>B</answer>",
             "<answer>B</answer> so <answer>B</answer>"],
)  # fmt: skip
@pytest.mark.parametrize(
    "options",
    [["A. It barks", "B. It sleeps", "C. It runs"], ["It barks", "It sleeps", "It runs"],
     {"A": "It barks", "B": "It sleeps", "C": "It runs", "D": None}],
)  # fmt: skip
def test_an_option_may_be_named_by_its_letter_or_its_words(said: str, options: object) -> None:
    sample = _sample(video_r1("a.mp4", options=options, solution=said))
    assert (sample.answer, sample.answer_kind) == ("B", "choice")
    assert "Options:\nA. It barks\nB. It sleeps\nC. It runs\n" in sample.question


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"solution": "<answer>A</answer><answer>B</answer>"}, "expected a single answer"),
        ({"options": ["A. x", "A. y"], "solution": "A"}, "options with a letter of A to Z each"),
        ({"options": [f"option {n}" for n in range(30)]}, "options with a letter of A to Z each"),
        ({"options": ["x", "x", "y"], "solution": "x"}, "among A, B, C"),
        ({"problem": " \n"}, "empty"),
        ({"problem_type": "numerical", "solution": "1,5"}, "expected an answer of kind number"),
        (
            {"problem_type": "numerical", "solution": True},
            "'solution': Input should be a valid string",
        ),
        ({"options": [1, 2]}, r"'options.0': Input should be a valid string"),
        ({"options": "A. x"}, "'options': Input should be a valid list"),
    ],
)
def test_what_could_mean_two_things_or_nothing_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(RowError, match=message):
        _sample(video_r1("a.mp4") | changes)


def test_a_number_may_be_one_of_json() -> None:
    assert (
        _sample(video_r1("a.mp4", problem_type="numerical", solution=3, options=[])).answer == "3"
    )
    assert _sample(long_video_reason("a.mp4", answer=2.5, problem="How far?")).answer == "2.5"


@pytest.mark.parametrize(
    "record",
    [video_r1("x.png"), video_r1("x.JPG", data_type=None), video_r1("a.mp4", data_type="Image"),
     long_video_reason("a/b.webp"), rewatch("a.jpeg")],
)  # fmt: skip
def test_a_picture_is_known_by_its_name_too(record: dict[str, object]) -> None:
    with pytest.raises(RowError) as refused:
        parse_record(record)
    assert refused.value.reason == "picture instead of a video"


def test_a_table_of_several_data_sets_has_null_for_what_a_row_lacks() -> None:
    rows = [video_r1("a.mp4"), long_video_reason("a.mp4"), rewatch("a.mp4")]
    names = {name for row in rows for name in row}
    for row in rows:
        assert parse_record(dict.fromkeys(names) | row) == parse_record(row)


def test_options_without_letters_get_theirs() -> None:
    sample = _sample(video_r1("a.mp4", options=["barks", "sleeps"]))
    assert "A. barks\nB. sleeps" in sample.question


@pytest.mark.parametrize(
    ("answer", "right", "kind"),
    [
        ("<answer>D</answer>", "D", "choice"),
        ("B", "B", "choice"),
        ("no", "no", "text"),
        ("12", "12", "number"),
    ],
)
def test_answers_of_long_videos_show_what_they_are(answer: str, right: str, kind: str) -> None:
    sample = _sample(long_video_reason("longvila_videos/a.mp4", answer=answer))
    assert (sample.answer, sample.answer_kind) == (right, kind)
    assert sample.question.startswith("Why is the dog shown first?\nA. It is small.")


@pytest.mark.parametrize(
    "answer", ["Because the dog is the hero of the story.", "", "<answer></answer>"]
)
def test_open_questions_about_long_videos_are_refused(answer: str) -> None:
    with pytest.raises(RowError, match="no rule") as refused:
        _sample(long_video_reason("a.mp4", answer=answer, problem="Why?"))
    assert refused.value.reason == "answer without a rule"


def test_a_letter_that_the_question_does_not_list_is_no_answer() -> None:
    with pytest.raises(RowError, match="among A, B, C, D"):
        _sample(long_video_reason("a.mp4", answer="E"))
    with pytest.raises(RowError, match="among no options"):
        _sample(long_video_reason("a.mp4", problem="Why?"))


def test_videos_of_rewatch_lie_in_the_folder_of_their_source() -> None:
    row = parse_record(rewatch("x/1.5.mp4"))
    assert row.videos[0].paths == ("MiraData/x/1.5.mp4",)
    sample = _sample(rewatch("x/1.5.mp4"))
    assert sample.question.startswith(
        "What happens at 00:03?Options:\nA. The dog jumps\nB. The dog sleeps"
    )
    assert (sample.answer, sample.answer_kind) == ("A", "choice")
    with pytest.raises(RowError, match="no rule"):
        _sample(rewatch("a.mp4", answer="It jumps over the fence.", options=None))
