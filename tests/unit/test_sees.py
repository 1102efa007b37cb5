"""The command that says whether a model sees."""

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.promote.sees import main


def _estimate(mean: float, se: float | None = 0.01) -> dict[str, Any]:
    return {"mean": mean, "se": se}


def _summary(
    over: dict[str, float], *, se: float | None = 0.01, before: float = 0.03, gain: float = 0.07
) -> dict[str, Any]:
    """Of a model that scores so much more than a constant of 0.4."""
    parts = {
        task: {
            "score": _estimate(0.4 + mean),
            "constant": _estimate(0.4),
            "over_constant": _estimate(mean, se),
            "gain_by_seeing": {"grey": _estimate(0.2), "swapped": _estimate(0.1, None)},
            "before": {"over_constant": _estimate(before)},
        }
        for task, mean in over.items()
    }
    gains = {task: _estimate(gain) for task in over}
    return {"controls": {"heldout": {"by_part": parts}}, "heldout": {"gain": {"by_pretext": gains}}}


ALL = {"grounding": 0.1, "counting": 0.1, "jigsaw": 0.1}


def _run(folder: Path, summary: object, *arguments: str) -> int:
    (folder / "summary.json").write_text(json.dumps(summary))
    return main([str(folder), *arguments])


@pytest.mark.parametrize(
    ("summary", "arguments", "code"),
    [
        (_summary(ALL), (), 0),
        (_summary(ALL | {"jigsaw": 0.03}), (), 1),  # three standard errors are not more
        (_summary(ALL | {"jigsaw": 0.03}), ("--errors", "2"), 0),
        (_summary(ALL | {"jigsaw": -0.5}), ("--tasks", "grounding,counting"), 0),
        (_summary(ALL, se=None), (), 1),  # three videos
        (_summary({}), (), 1),
        (_summary(ALL), ("--gain", "2"), 0),
        (_summary(ALL, gain=0.03), ("--gain", "2"), 1),  # not clearly
        (_summary(ALL, gain=0.03), ("--gain", "2", "--errors", "2.5"), 0),
        (_summary(ALL, before=0.05), ("--gain", "3"), 0),  # exactly half
        (_summary(ALL, before=0.051), ("--gain", "2"), 1),
        (_summary(ALL, before=-0.2), ("--gain", "2"), 0),  # below the constant
        (_summary(ALL), ("--gain", "4"), 1),  # there are three tasks
    ],
    ids=lambda value: " ".join(value) or "plain" if isinstance(value, tuple) else "",
)
def test_it_ends_with_0_only_if_all_that_was_asked_holds(
    tmp_path: Path, summary: dict[str, Any], arguments: tuple[str, ...], code: int
) -> None:
    assert _run(tmp_path, summary, *arguments) == code


def test_every_task_must_have_been_raised(tmp_path: Path) -> None:
    summary = _summary(ALL)
    summary["heldout"]["gain"]["by_pretext"]["counting"] = _estimate(-0.001)
    assert _run(tmp_path, summary, "--gain", "2") == 1
    assert _run(tmp_path, summary, "--gain", "2", "--tasks", "grounding,jigsaw") == 0


def test_the_table_says_the_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run(tmp_path, _summary({"jigsaw": 0.1, "grounding": 0.02}), "--gain", "2")
    said = capsys.readouterr().out
    jigsaw = next(line for line in said.splitlines() if line.startswith("jigsaw"))
    assert jigsaw.split() == [
        *("jigsaw", "0.500", "0.400", "+0.100", "0.010", "10.0"),
        *("+0.200", "±", "0.010", "+0.100", "+0.070", "±", "0.010", "30%"),
    ]
    assert (
        "1 of 2 end above the best constant answer by more than 3 standard errors: jigsaw" in said
    )
    assert (
        "training raised 2 of 2, 2 by more than 3 standard errors; in 1 the start model covers at "
        "most half of the way from the constant" in said
    )


def test_a_summary_is_named_by_its_folder_or_by_itself(tmp_path: Path) -> None:
    assert _run(tmp_path, _summary(ALL)) == 0
    assert main([str(tmp_path / "summary.json")]) == 0


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        (None, (), "cannot be read (No such file or directory)"),
        ("{", (), "is no JSON"),
        ("[]", (), "has no controls of held-out samples"),
        ('{"heldout": {}}', (), "has no controls of held-out samples ('controls')"),
        (json.dumps(_summary(ALL)), ("--tasks", "walking"), "no held-out samples of walking"),
    ],
    ids=["gone", "no JSON", "a list", "older", "no such task"],
)
def test_wrong_input_is_said_in_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    with pytest.raises(SystemExit) as ended:
        main([str(tmp_path), *arguments])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert words in said
    assert str(tmp_path / "summary.json") in said
    assert said.count("\n") == 1
