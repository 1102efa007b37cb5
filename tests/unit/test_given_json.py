"""The other JSON that a user gives is read as strictly as overrides are."""

from pathlib import Path

import pytest

from tasks.benchmarks.questions import read_suite
from tasks.core.errors import InputError
from tasks.exchange.video_paths import parse_rewrites
from tasks.rollout.guessers import ScriptedAnswerer

_TWICE = '{"max_frames": 32, "max_frames": 64}'


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        (_TWICE, "conditions: max_frames: the key is given twice"),
        ('{"fps": NaN}', "conditions: fps: got NaN"),
        ('{"fps": 1e30}', r"conditions: fps: got 1e\+30, expected a number above 0, at most"),
        ('{"max_frames": 1e30}', r"conditions: max_frames: got 1e\+30 \(float\), expected int"),
        (
            '{"max_frames": %s}' % 10**30,
            "conditions: max_frames: got 10+, expected at least 2, at most",
        ),
        ('{"max_frames": true}', "conditions: max_frames: got True"),
        ('{"temperature": -0.0}', "conditions: temperature: got -0.0"),
        ('{"frames_max": 32}', r"conditions: 'frames_max': unknown key, did you mean max_frames\?"),
        (
            '{"videomme": {"fps": "2"}}',
            r"conditions of videomme: fps: got '2' \(str\), expected float",
        ),
        ('{"videomme": 3}', "conditions of videomme: got 3, expected a JSON object"),
        ("[" * 100_000, "conditions: nested too deeply"),
    ],
)
def test_conditions_that_could_be_misunderstood_are_refused(
    tmp_path: Path, conditions: str, reason: str
) -> None:
    (tmp_path / "videomme").mkdir()
    with pytest.raises(InputError, match=reason) as caught:
        read_suite(str(tmp_path), conditions)
    assert len(str(caught.value).splitlines()) == 1


def test_a_benchmark_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="benchmarks: videomme: the key is given twice"):
        read_suite('{"videomme": "/a", "videomme": "/b"}', "{}")


def test_a_script_that_says_two_things_for_one_question_is_refused(tmp_path: Path) -> None:
    (tmp_path / "script").write_text('{"a": "x", "a": "y"}')
    with pytest.raises(InputError, match="a: the key is given twice"):
        ScriptedAnswerer.read(tmp_path / "script")


@pytest.mark.parametrize(
    "texts", [["/a=b", "/a=c"], ["/a=b", "/a=b"], ["a"], ["=b"], ["a\nb=c"], ["x" * 10**6]]
)
def test_rewrites_that_could_be_misunderstood_are_refused(texts: list[str]) -> None:
    with pytest.raises(InputError, match=r"^rewrites: ") as caught:
        parse_rewrites(texts)
    assert len(str(caught.value)) < 400
