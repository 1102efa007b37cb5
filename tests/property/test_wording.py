"""Whatever a question holds, it reaches the model as it is, in our words and in a user's."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.wording import worded
from tasks.rollout.prompt import render_prompt
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.files import write_parquet

_HOSTILE = (
    r"{question} {query} {goal} {} {0} {{x}} { } %s %(a)d 100% $x ${x} \1 \g<0> \n "
    r"{% if a %} {{ a }} <b> & "
    r"\boxed{C} [x] `y`"
)
_FIELDS = {"question", "query", "goal", "caption", "sentences", "content"}
_MARKS = st.sampled_from(["{question}", "{query}", "{goal}"])


def _hostile(value: Any, field: str = "") -> Any:
    """An annotation whose questions all begin with the hostile text."""
    if isinstance(value, dict):
        is_system = value.get("role") == "system"
        return {
            name: inner if is_system else _hostile(inner, name) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_hostile(inner, field) for inner in value]
    if field not in _FIELDS or not isinstance(value, str):
        return value
    *marks, question = value.split("<video>\n")
    return "<video>\n".join([*marks, f"{_HOSTILE} {question.strip()}"])


def _rewrite(root: Path) -> None:
    for path in root.rglob("*"):
        if path.suffix == ".json":
            path.write_text(json.dumps(_hostile(json.loads(path.read_text()))))
        elif path.suffix == ".jsonl":
            rows = map(json.loads, path.read_text().splitlines())
            path.write_text("".join(f"{json.dumps(_hostile(row))}\n" for row in rows))
        elif path.suffix == ".parquet":
            write_parquet(path, [_hostile(row) for row in pq.read_table(path).to_pylist()])
        elif path.suffix == ".txt":
            path.write_text(path.read_text().replace("##", f"##{_HOSTILE} "))


@pytest.fixture(params=list(BENCHMARKS))
def asked(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], list[Any]]:
    """The questions of a benchmark under a wording."""
    FOLDERS[request.param][0](tmp_path)
    _rewrite(tmp_path)
    if request.param == "universal":  # One kind of question, as a wording wants it.
        rows = json.loads((tmp_path / "questions.json").read_text())
        (tmp_path / "questions.json").write_text(json.dumps(rows[2:3]))
    adapter = BENCHMARKS[request.param]
    frames = adapter.conditions.max_frames
    return lambda wording: list(
        adapter.open(tmp_path, Conditions(wording=wording, max_frames=frames)).samples()
    )


def test_a_question_stays_as_it_is(asked: Callable[[str], list[Any]]) -> None:
    for sample in asked(""):
        times = 2 if sample.pretext == "vcrbench" else 1
        assert sample.question.count(_HOSTILE) == times
        assert sample.question.replace(_HOSTILE, "").count("{") == 0


@pytest.mark.parametrize("mark", ["{question}", "{query}", "{goal}"])
def test_a_users_words_stand_around_it(asked: Callable[[str], list[Any]], mark: str) -> None:
    for sample in asked(f'Find {{"this"}}, \\boxed{{it}}: {mark}\n%s $x'):
        assert sample.question.startswith(f'Find {{"this"}}, \\boxed{{it}}: {_HOSTILE} ')
        assert sample.question.endswith("\n%s $x")
        assert sample.question.count(_HOSTILE) == 1


@given(st.lists(st.one_of(_MARKS, st.text(max_size=9)), max_size=5), st.text(max_size=30))
def test_every_mark_is_replaced_and_nothing_else(pieces: list[str], question: str) -> None:
    marks = {"{question}", "{query}", "{goal}"}
    pieces = [piece for piece in pieces if piece in marks or "{" not in piece]
    expected = "".join(question if piece in marks else piece for piece in pieces)
    assert worded("".join(pieces), question) == expected


@pytest.mark.slow
def test_the_prompt_holds_the_question_as_it_is(tmp_path: Path) -> None:
    from tests.helpers.policy import fresh_policy

    FOLDERS["charades_sta"][0](tmp_path)
    _rewrite(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        processor = fresh_policy().processor
    for sample in BENCHMARKS["charades_sta"].open(tmp_path).samples():
        assert sample.question in render_prompt(processor, sample, ()).text
