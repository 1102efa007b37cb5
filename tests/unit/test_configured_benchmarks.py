"""Benchmarks of the main job as a user writes them: what is taken, and what is refused where."""

from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.questions import configured_suite
from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.config import BenchmarkConfig, EvaluateConfig, RetrainConfig
from tasks.core.errors import InputError
from tasks.core.overrides import apply_overrides


def _evaluate(**evaluate: object) -> EvaluateConfig:
    return apply_overrides(RetrainConfig(), {"evaluate": evaluate}).evaluate


def _refused(overrides: dict[str, object]) -> str:
    with pytest.raises(InputError) as caught:
        apply_overrides(RetrainConfig(), overrides)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 500
    return line


def test_a_text_stands_for_a_folder_and_an_object_for_a_folder_with_more() -> None:
    given = {"short": "/a", "long": {"folder": "/b", "limit": 3, "conditions": {"fps": 1}}}
    assert _evaluate(benchmarks=given).benchmarks == {
        "short": BenchmarkConfig("/a"),
        "long": BenchmarkConfig("/b", limit=3, conditions={"fps": 1}),
    }


@pytest.mark.parametrize(
    ("benchmarks", "path", "reason"),
    [
        ({"mine": {"foldr": "/a"}}, "'evaluate.benchmarks.mine.foldr'", "mean evaluate.benchmarks"),
        ({"mine": {"limit": 3}}, "evaluate.benchmarks.mine", "expected an object with folder"),
        ({"mine": ""}, "evaluate.benchmarks.mine.folder", "expected a name"),
        ({"mine": 3}, "evaluate.benchmarks.mine", "got 3 (int), expected an object"),
        ({"mine": None}, "evaluate.benchmarks.mine", "got None"),
        ({"mine": ["/a"]}, "evaluate.benchmarks.mine", "got ['/a'] (list)"),
        (["/a"], "evaluate.benchmarks[0]", "got '/a'"),
        ({"mine": {"folder": 3}}, "evaluate.benchmarks.mine.folder", "got 3 (int), expected str"),
        ({"mine": {"folder": "/a", "limit": -1}}, "evaluate.benchmarks.mine.limit", "at least 0"),
        ({"mine": {"folder": "/a", "limit": "3"}}, "evaluate.benchmarks.mine.limit", "got '3'"),
        ({"mine": {"folder": "/a", "limit": 1e3}}, "evaluate.benchmarks.mine.limit", "got 1000.0"),
        (
            {"mine": {"folder": "/a", "conditions": {"fps": [1]}}},
            "evaluate.benchmarks.mine.conditions[fps]",
            "got [1] (list)",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_path(
    benchmarks: object, path: str, reason: str
) -> None:
    line = _refused({"evaluate": {"benchmarks": benchmarks}})
    assert line.startswith(f"config {path}: ")
    assert reason in line


@pytest.mark.parametrize(
    "name", ["viubench", "heldout", "overall", "anchor", "first", "", " ", "a/b", "..", "a\n"]
)
def test_a_name_that_stands_for_something_else_or_is_no_name_is_refused(name: str) -> None:
    line = _refused({"evaluate": {"benchmarks": {name: "/a"}}})
    assert line.startswith("config evaluate.benchmarks: ")
    assert "none of viubench, heldout, overall, anchor, first" in line


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (
            {"promote": {"must_win": ["other"]}},
            "promote.must_win: got 'other', expected some of viubench, heldout, overall, mine, "
            "anchor",
        ),
        ({"promote": {"may_lose": {"other": 0.1}}}, "promote.may_lose: got 'other', expected "),
        (
            {"promote": {"overall": ["overall"]}},
            "promote.overall: got 'overall', expected some of viubench, heldout, mine, anchor",
        ),
        (
            {"promote": {"must_win": ["anchor"]}, "evaluate": {"anchor": ""}},
            "promote.must_win: got 'anchor', expected some of viubench, heldout, overall, mine",
        ),
        (
            {"promote": {"may_lose": {"anchor": 0.1}}, "evaluate": {"anchor": "mine"}},
            "promote.may_lose: got 'anchor'",
        ),
        (
            {"evaluate": {"answerers": {"nobody": "random"}}},
            "evaluate.answerers: got 'nobody', expected some of before, after, champion, base",
        ),
        (
            {"evaluate": {"answerers": {"round 2": "random"}}, "rounds": 2},
            "evaluate.answerers: got 'round 2', expected some of before, round 1, after, ",
        ),
        (
            {"evaluate": {"anchor": "other"}},
            "evaluate.anchor: got 'other', expected 'first', a name of evaluate.benchmarks (mine), "
            "or '' for no anchor",
        ),
    ],
)
def test_a_rule_or_an_answerer_for_what_is_not_there_is_refused(
    overrides: dict[str, dict[str, object]], line: str
) -> None:
    evaluate = {"benchmarks": {"mine": "/a"}} | overrides.get("evaluate", {})
    assert _refused({**overrides, "evaluate": evaluate}).startswith(f"config {line}")


def test_rules_and_answerers_may_name_what_is_there() -> None:
    config = apply_overrides(
        RetrainConfig(),
        {
            "rounds": 3,
            "evaluate": {
                "benchmarks": {"mine": "/a"},
                "answerers": {"round 2": "random", "base": "label-prior"},
            },
            "promote": {
                "must_win": ["mine", "overall"],
                "may_lose": {"anchor": 0.1, "viubench": 0},
                "overall": ["mine", "heldout"],
            },
        },
    )
    assert config.promote.must_win == ("mine", "overall")
    assert config.promote.may_lose == {"anchor": 0.1, "viubench": 0.0}


def _configured(given: BenchmarkConfig, name: str = "mine") -> BenchmarkFolder:
    (folder,) = configured_suite({name: given}, seed=5)
    return folder


def test_who_reads_a_benchmark_follows_from_its_name_or_its_files(tmp_path: Path) -> None:
    assert _configured(BenchmarkConfig(str(tmp_path)), "videomme").adapter == "videomme"
    assert _configured(BenchmarkConfig(str(tmp_path))).adapter == "universal"
    chosen = _configured(BenchmarkConfig(str(tmp_path), adapter="mvbench", limit=7))
    assert (chosen.name, chosen.adapter) == ("mine", "mvbench")
    assert (chosen.limit, chosen.seed) == (7, 5)
    (tmp_path / "card.json").write_text("{}")
    assert _configured(BenchmarkConfig(str(tmp_path))).adapter == "viubench"


def test_conditions_are_changes_of_the_adapters(tmp_path: Path) -> None:
    given = BenchmarkConfig(str(tmp_path), adapter="viubench", conditions={"max_frames": 32})
    conditions = _configured(given).conditions
    assert conditions.max_frames == 32
    own = BENCHMARKS["viubench"].conditions
    assert conditions.max_answer_tokens == own.max_answer_tokens


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"folder": "/nowhere"}, "folder: there is no folder '/nowhere'; expected "),
        ({"adapter": "videome"}, "adapter: got 'videome', expected one of "),
        ({"conditions": {"frames": 3}}, "conditions: 'frames': unknown key"),
        ({"conditions": {"max_frames": 1}}, "conditions: max_frames: got 1, expected at least 2"),
        ({"conditions": {"max_frames": "many"}}, "conditions: max_frames: got 'many'"),
        ({"conditions": {"wording": "Find it."}}, "conditions: wording: got 'Find it.', expected"),
    ],
)
def test_what_cannot_be_asked_is_named_with_its_path(
    tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    given = apply_overrides(
        RetrainConfig(),
        {"evaluate": {"benchmarks": {"mine": {"folder": str(tmp_path)} | changes}}},
    )
    with pytest.raises(InputError) as caught:
        configured_suite(given.evaluate.benchmarks, seed=0)
    assert str(caught.value).startswith(f"config evaluate.benchmarks.mine.{line}")
    assert "\n" not in str(caught.value)
