"""Two versions are compared from what runs kept; what runs keep is whole, whoever ends when."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.promote.compare import compare
from tasks.promote.scores_file import VersionScore, keep_scores, read_scores
from tests.helpers.version_scores import version_score

FIRST, SECOND = [0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 1, 0]
"""Gains 1, 1, 0, 0, 0, -1 of six questions on six videos: mean 1/6, standard deviation
sqrt(17/30), so a standard error of sqrt(17/180) = 0.307; with Student's t of 5 degrees of freedom
(2.571) the interval reaches 0.790."""


def nobody() -> str:
    return ""


def keep(store: Store, *rows: VersionScore) -> None:
    """Each as what a run of its own measured."""
    for row in rows:
        keep_scores(store, "videossr", row.run_id, [row])


def row_of(table: str, name: str) -> list[str]:
    """The cells of one line of a table."""
    line = next(line for line in table.splitlines() if line.startswith(f"{name} "))
    return [cell for cell in line.split("   ") if cell.strip()]


@pytest.fixture(params=["local", "remote"])
def anywhere(request: pytest.FixtureRequest, data_root: str) -> Store:
    remote = f"memory://compare-{request.node.name}"
    return Store(data_root if request.param == "local" else remote)


def test_the_difference_is_paired_question_by_question(anywhere: Store) -> None:
    keep(anywhere, version_score(anywhere, "3", FIRST), version_score(anywhere, "5", SECOND))
    table = compare(anywhere, "videossr", "3", "5", nobody)
    assert [cell.strip() for cell in row_of(table, "mme")] == [
        "mme",
        "0.333 ± 0.211",
        "0.500 ± 0.224",
        "+0.167",
        "-0.623 to +0.957",
        "6",
        "6",
    ]
    turned = row_of(compare(anywhere, "videossr", "5", "3", nobody), "mme")
    assert turned[3].strip() == "-0.167"


def test_other_questions_are_not_compared_and_both_scores_are_shown(store: Store) -> None:
    keep(
        store,
        version_score(store, "3", FIRST),
        version_score(store, "5", SECOND, questions="other"),
        version_score(store, "5", SECOND, place="lvb", run_id="more"),
    )
    table = compare(store, "videossr", "3", "5", nobody)
    assert [cell.strip() for cell in row_of(table, "mme")][1:4] == [
        "0.333 ± 0.211",
        "0.500 ± 0.224",
        "–",
    ]
    assert "never asked the same questions" in table
    assert [cell.strip() for cell in row_of(table, "lvb")][1:4] == ["–", "0.500 ± 0.224", "–"]
    assert "version 5 alone was asked" in table


def test_of_several_nights_that_asked_both_the_newest_counts(store: Store) -> None:
    """Whatever their runs are called."""
    at = {"old": "2026-12-08", "new": "2026-12-09"}
    nights = {
        f"{version} {night}": version_score(
            store,
            version,
            scores[night],
            questions=night,
            run_id=f"{'z' if night == 'old' else 'a'}{version}",
            scored_at=at[night],
        )
        for version, scores in {
            "3": {"old": FIRST, "new": FIRST},
            "5": {"old": FIRST, "new": SECOND},
        }.items()
        for night in at
    }
    later = version_score(store, "3", SECOND, questions="alone", run_id="last", scored_at="2026-13")
    keep(store, *nights.values(), later)
    table = compare(store, "videossr", "3", "5", nobody)
    assert row_of(table, "mme")[3].strip() == "+0.167"
    assert "2 sets of questions in common, here the newest (2026-12-09)" in table


def test_what_another_one_answered_is_said(store: Store) -> None:
    keep(
        store,
        version_score(store, "3", FIRST),
        version_score(store, "5", SECOND, answerer="scripted:a.json"),
    )
    told = "scripted:a.json answered in the place of version 5"
    assert told in compare(store, "videossr", "3", "5", nobody)


def test_a_difference_whose_scores_are_gone_is_missing_and_said(store: Store) -> None:
    row = version_score(store, "3", FIRST)
    keep(store, row, version_score(store, "5", SECOND))
    store.delete(row.scores_key)
    table = compare(store, "videossr", "3", "5", nobody)
    assert row_of(table, "mme")[3].strip() == "–"
    assert f"{row.scores_key} is gone" in table


@pytest.mark.parametrize(
    ("first", "champion", "second"),
    [
        ("3", "5", "version 5"),
        ("3", "", "version 10"),
        ("3", "of another data root", "version 10"),
        ("5", "5", "version 10"),
        ("10", "10", "version 5"),
        ("champion", "3", "version 10"),
    ],
    ids=["champion", "newest", "champion unknown here", "first is it", "first is both", "named so"],
)
def test_the_second_is_the_champion_or_the_newest(
    store: Store, first: str, champion: str, second: str
) -> None:
    keep(store, *(version_score(store, version, FIRST) for version in ("10", "3", "base", "5")))
    table = compare(store, "videossr", first, "", lambda: champion)
    assert table.startswith(f"videossr: {second} over version {first.replace('champion', '3')},")


@pytest.mark.parametrize(
    ("model", "first", "second", "message"),
    [
        ("a/b", "3", "5", "model_name: got 'a/b'"),
        ("other", "3", "5", "no scores of the model 'other' (of others: videossr)"),
        ("videossr", "3", "9", "scored a version '9' of 'videossr'; known: 3, 5"),
        ("videossr", "3", "3", "first and second are both version 3"),
        ("videossr", "champion", "3", "has no champion here; name a version (3, 5)"),
        ("videossr", "", "5", "got second='5' alone"),
        ("videossr", "", "", "no run here asked an anchor"),
    ],
    ids=["name", "model", "version", "same", "champion", "alone", "anchor"],
)
def test_what_cannot_be_compared_is_one_line(
    store: Store, model: str, first: str, second: str, message: str
) -> None:
    keep(store, version_score(store, "3", FIRST), version_score(store, "5", SECOND))
    with pytest.raises(InputError) as refused:
        compare(store, model, first, second, nobody)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_version_alone_has_nothing_beside_it(store: Store) -> None:
    keep(store, version_score(store, "3", FIRST))
    with pytest.raises(InputError, match="no run here scored another version"):
        compare(store, "videossr", "3", "", nobody)


def test_the_anchor_shows_every_version_in_one_line(store: Store) -> None:
    anchor = {"place": "anchor", "is_anchor": True}
    keep(
        store,
        version_score(store, "2", FIRST, promoted=False, **anchor),
        version_score(store, "base", [0, 0, 0, 0, 0, 1], promoted=False, **anchor),
        version_score(store, "10", SECOND, scored_at="2026-12-10", run_id="x", **anchor),
        version_score(store, "10/before", FIRST, scored_at="2026-12-10", run_id="y", **anchor),
        version_score(store, "1", FIRST, questions="an older anchor", **anchor),
    )
    table = compare(store, "videossr", "", "", nobody)
    lines = [line for line in table.splitlines() if "±" in line][1:]
    assert [line.split("   ")[0].strip() for line in lines] == ["base", "version 2", "version 10"]
    assert lines[0].split()[-1] == "no"
    assert lines[2].split()[-1] == "yes"
    assert "0.500 ± 0.224" in lines[2]


def test_the_same_rows_leave_the_same_bytes(store: Store) -> None:
    """Whether a run ends twice, or another one finds the same."""
    first, second = version_score(store, "3", FIRST), version_score(store, "5", SECOND)
    keep_scores(store, "videossr", "a", [first])
    known = keep_scores(store, "videossr", "b", [second])
    written = store.read_bytes("scores/videossr/scores.json")
    again = version_score(store, "3", FIRST, run_id="c", scored_at="2027")
    assert keep_scores(store, "videossr", "c", [again]) == known == [first, second]
    assert keep_scores(store, "videossr", "b", [again]) == known
    assert store.read_bytes("scores/videossr/scores.json") == written


def test_the_file_has_no_number_that_json_does_not_know(store: Store) -> None:
    keep(store, version_score(store, "3", [0, 1, 1]))

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    text = store.read_bytes("scores/videossr/scores.json")
    (row,) = json.loads(text, parse_constant=refuse)["scores"]
    assert (row["low"], row["se"], row["no_interval"]) == (None, None, "3 videos: no interval")
    assert "3 videos: no interval" in row["no_interval"]
    assert read_scores(store, "videossr")[0].low is None


class _Overtaken(Store):
    """Another run ends between the moment when this one has looked and that when it writes."""

    def __init__(self, root: str, other: Callable[[], object]) -> None:
        super().__init__(root)
        self._others = [other]

    def write_bytes(self, key: str, data: bytes) -> None:
        if key.endswith("scores.json") and self._others:
            self._others.pop()()
        super().write_bytes(key, data)


def test_of_two_runs_that_end_at_once_none_is_lost(store: Store, tmp_path: Path) -> None:
    first, second = version_score(store, "3", FIRST), version_score(store, "5", SECOND)
    overtaken = _Overtaken(
        str(tmp_path / "root"), lambda: keep_scores(store, "videossr", "b", [second])
    )
    keep_scores(overtaken, "videossr", "a", [first])
    kept = json.loads(store.read_bytes("scores/videossr/scores.json"))
    assert [row["version"] for row in kept["scores"]] == ["3", "5"]


def test_of_many_runs_that_end_at_once_none_is_lost(store: Store) -> None:
    rows = [version_score(store, str(number), FIRST) for number in range(1, 9)]
    with ThreadPoolExecutor(8) as runs:
        list(runs.map(lambda row: keep(store, row), rows))
    kept = json.loads(store.read_bytes("scores/videossr/scores.json"))
    assert [row["version"] for row in kept["scores"]] == [row.version for row in rows]


def test_a_damaged_file_of_a_run_is_named(store: Store) -> None:
    keep(store, version_score(store, "3", FIRST))
    store.write_bytes("scores/videossr/runs/run3.json", b'{"scores": [')
    with pytest.raises(InputError, match=r"runs/run3\.json is damaged .* delete it"):
        compare(store, "videossr", "", "", nobody)
