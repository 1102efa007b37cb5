import math

import pytest

from tasks.report.text import (
    aligned_table,
    as_json,
    labelled_lines,
    markdown_table,
    number,
    percent,
    points,
    signed,
    with_se,
)


@pytest.mark.parametrize("unknown", [None, math.nan, math.inf])
def test_what_is_not_known_is_a_dash(unknown: float | None) -> None:
    assert {show(unknown) for show in (percent, points, number, signed)} == {"–"}
    assert with_se(unknown, 0.1) == "–"
    assert with_se(0.5, unknown) == "0.500"


def test_numbers_have_the_places_that_are_asked_for() -> None:
    assert (percent(0.754), percent(0.754, 1), points(0.519)) == ("75%", "75.4%", "51.9")
    assert (number(0.5), number(0.5, 1), signed(0.0664), with_se(0.165, 0.007)) == (
        "0.500", "0.5", "+0.066", "0.165 ± 0.007",
    )  # fmt: skip


def test_json_has_null_for_what_is_not_finite_at_whatever_depth() -> None:
    assert as_json({"a": [math.nan, 1.0, {"b": -math.inf}], "c": (2, "x")}) == {
        "a": [None, 1.0, {"b": None}],
        "c": [2, "x"],
    }


def test_tables_stand_in_columns() -> None:
    rows = [["a|b", "1"], ["c", "10"]]
    assert (
        aligned_table(["", "items"], rows) == "      items\n───────────\na|b       1\nc        10\n"
    )
    assert (
        markdown_table(["part", "of"], rows)
        == "| part | of |\n| ---- | -- |\n| a\\|b | 1  |\n| c    | 10 |\n"
    )
    assert (
        labelled_lines([("videos", "3 found"), ("", "1 x static")])
        == f"{'videos':20}3 found\n{'':20}1 x static\n"
    )
