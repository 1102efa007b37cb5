"""In whose words benchmarks are asked, and under which conditions: by benchmark, checked first, and
said."""

import json
from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.questions import read_suite
from tasks.core.errors import InputError
from tasks.evaluate.score_benchmark import results_table, score_benchmark
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.rollouts import make_reply

_PAPERS_GROUNDING = "05b85ba54957f5f7"


def _suite(root: Path, conditions: object, *names: str) -> dict[str, Conditions]:
    for name in names:
        (root / name).mkdir(exist_ok=True)
    folders = read_suite(
        json.dumps({name: str(root / name) for name in names}),
        conditions if isinstance(conditions, str) else json.dumps(conditions),
    )
    return {folder.name: folder.conditions for folder in folders}


def test_conditions_are_for_all_benchmarks_or_for_one(tmp_path: Path) -> None:
    given = {"max_frames": 32, "charades_sta": {"wording": "When: {query}", "max_frames": 64}}
    found = _suite(tmp_path, given, "charades_sta", "videomme")
    assert found["charades_sta"] == Conditions(wording="When: {query}", max_frames=64)
    assert found["videomme"] == Conditions(max_frames=32)


def test_conditions_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps({"charades_sta": {"wording": "It's '{goal}'?"}}))
    found = _suite(tmp_path, str(tmp_path / "own.json"), "charades_sta")
    assert found["charades_sta"].wording == "It's '{goal}'?"


def test_one_wording_serves_benchmarks_that_are_asked_alike(tmp_path: Path) -> None:
    found = _suite(tmp_path, {"wording": "When: {query}"}, "charades_sta", "tacos", "qvhighlights")
    assert {conditions.wording for conditions in found.values()} == {"When: {query}"}
    found = _suite(
        tmp_path,
        {"wording": "When: {query}", "videomme": {"wording": ""}},
        "charades_sta",
        "videomme",
    )
    assert found["videomme"].wording == ""


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"wording": "Find this."}, r"wording: got 'Find this.', expected a text with {question}"),
        ({"wording": "  "}, "expected a text with {question}"),
        ({"wording": "Find {queston}"}, "expected a text with {question}"),
        ({"wording": "Find {question} in {video}"}, "expected a text with {question}"),
        ({"charades_sta": {"wording": "Find this."}}, "expected a text with {question}"),
        ({"wording": 3}, "expected"),
        (
            {"wording": "When: {question}"},
            "benchmarks that ask differently (charades_sta, videomme)",
        ),
        ({"tacos": {"max_frames": 32}}, "tacos is not among the benchmarks that are asked"),
        (
            {"charades": {"max_frames": 32}},
            "conditions: 'charades': unknown key, did you mean charades_sta?",
        ),
        ({"charades_sta": 32}, "conditions of charades_sta: got 32"),
        ({"charades_sta": {"max_frames": "many"}}, "conditions of charades_sta: max_frames: got "),
        (
            {"charades_sta": {"max_frame": 3}},
            "conditions of charades_sta: 'max_frame': unknown key, did you mean max_frames?",
        ),
        ("/nowhere.json", "cannot read '/nowhere.json' as JSON"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_a_file_is_read(
    tmp_path: Path, conditions: object, reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        _suite(tmp_path, conditions, "charades_sta", "videomme")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_several_kinds_is_asked_in_no_single_wording(tmp_path: Path) -> None:
    FOLDERS["universal"][0](tmp_path)
    with pytest.raises(
        InputError, match="one wording for questions of the kinds choice and interval"
    ):
        list(
            BENCHMARKS["universal"].open(tmp_path, Conditions(wording="Say: {question}")).samples()
        )


def _table(root: Path, name: str, conditions: Conditions | None = None) -> str:
    if not root.exists():
        root.mkdir()
        FOLDERS[name][0](root)
    benchmark = BENCHMARKS[name].open(root, conditions)
    samples = list(benchmark.samples())
    replies = {sample.sample_id: make_reply(sample.sample_id, "1.0 - 2.0") for sample in samples}
    found, _ = score_benchmark(
        benchmark, samples, replies, model="m", num_available=len(samples), min_coverage=0.0
    )
    return results_table([found])


@pytest.mark.parametrize(
    "name", ["charades_sta", "qvhighlights", "activitynet", "tacos", "vcrbench"]
)
def test_the_table_says_whose_words_were_used_where_the_papers_stand_and_what_is_left_open(
    tmp_path: Path, name: str
) -> None:
    table = _table(tmp_path / name, name)
    assert f"{name}: asked in words that are ours; the paper's are PROMPT" in table
    assert table.splitlines()[2].count("†") == 2, "both of the paper's figures"
    own = _table(tmp_path / name, name, Conditions(wording="Now: {question}"))
    assert f"{name}: asked in words that are the user's" in own
    assert "deviation: wording: 'Now: {question}'" in own


def test_the_table_says_nothing_of_words_where_they_are_the_papers(tmp_path: Path) -> None:
    wording = "{question}\nAnswer with the option letter directly."
    for conditions in (None, Conditions(wording=wording)):
        table = _table(tmp_path / "videomme", "videomme", conditions)
        assert "asked in words" not in table
        assert "deviation" not in table
        assert "†" not in table.splitlines()[2]
    assert "the paper leaves open: task: multiple choice" in _table(
        tmp_path / "tempcompass", "tempcompass"
    )


def test_the_papers_own_sentence_is_known_when_it_is_given(tmp_path: Path) -> None:
    """The sentence is not ours to ship; what tells it is the digest of its words, whatever its mark
    is called."""
    from dataclasses import replace

    from tasks.benchmarks.wording import digest_of_words

    assert BENCHMARKS["charades_sta"].words.digest == _PAPERS_GROUNDING
    words = replace(
        BENCHMARKS["charades_sta"].words, digest=digest_of_words("When is\n  {question}?")
    )
    assert words.are_papers("When is {query}?")
    assert words.note("When is {goal}?") == ""
    assert not words.are_papers("When was {query}?")
    assert not words.are_papers("")
