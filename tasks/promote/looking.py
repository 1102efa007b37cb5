"""What looking gives: controls beside every score, read from the summary for table and report."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.score_config import OVERALL
from tasks.core.types import Split
from tasks.promote.rules import BLIND_WORDS
from tasks.promote.summary import Summary
from tasks.report.text import UNKNOWN, aligned_table, is_known, labelled_lines, number, signed

_PLACES = {str(Split.HELDOUT): "held-out reward", str(Split.VIUBENCH): "VIUBench"}
_GAP = 2
"""Blanks between columns: there are many."""


@dataclass(frozen=True)
class ControlRow:
    """One line of the table."""

    label: str
    part: Summary
    is_place: bool = False
    is_own: bool = False
    """Of the held-out samples or VIUBench."""


def control_rows(summary: Summary) -> Iterator[ControlRow]:
    """Every place that has controls, each before its parts; the held-out samples first, as in the
    scores."""
    # A mean of places has no answers of its own.
    places = [place for place in summary["controls"] if place != OVERALL]
    for place in sorted(places, key=lambda place: place != Split.HELDOUT):
        found = summary["controls"][place]
        if not _is_controlled(found):
            continue
        yield ControlRow(_PLACES.get(place, place), found, is_place=True)
        yield from (
            ControlRow(part, of, is_own=place in _PLACES) for part, of in found["by_part"].items()
        )


def cell_rows(summary: Summary) -> list[ControlRow]:
    """The cells of the held-out samples."""
    cells = summary["controls"].get(Split.HELDOUT, {}).get("by_cell", {})
    return [ControlRow(cell.replace("/", " · "), part) for cell, part in cells.items()]


def blind_conditions(summary: Summary) -> list[str]:
    """How the challenger was asked without its pictures."""
    return list(next(iter(summary["controls"].values()))["blind"])


def looking_table(summary: Summary) -> str:
    """For a terminal, without the parts of benchmarks: there can be seventeen of these."""
    conditions = blind_conditions(summary)
    head = ["", "before", "after", "greedy", *conditions, "constant", "chance", "gain by seeing"]
    rows = [
        [
            row.label if row.is_place else f"  {row.label}",
            number(row.part["before"]["score"]["mean"]),
            number(row.part["score"]["mean"]),
            _mean(row.part["greedy"]),
            *(_mean(row.part["blind"][condition]) for condition in conditions),
            _mean(row.part["constant"]),
            number(row.part["chance"]),
            _least_gain(row.part),
        ]
        for row in control_rows(summary)
        if row.is_place or row.is_own
    ]
    table = aligned_table(head, rows, _GAP)
    return f"what looking gives\n\n{table}\n{labelled_lines(_remarks(conditions))}"


def must_see_line(summary: Summary) -> str:
    """What is to be said of a promotion that did not demand it; else nothing."""
    if summary["decision"]["must_see"]:
        return ""
    return "promote.must_see is off: this promotion did not demand that the model looks"


def _is_controlled(found: Summary) -> bool:
    """An anchor that no rule names is not asked without its pictures."""
    estimates = [found["constant"], *found["blind"].values()]
    return found["chance"] is not None or any(one["num_items"] for one in estimates)


def _remarks(conditions: list[str]) -> Iterator[tuple[str, str]]:
    yield "greedy", "answers without sampling (on VIUBench and benchmarks all are)"
    if conditions:
        words = ", ".join(f"{BLIND_WORDS[condition]} ({condition})" for condition in conditions)
        yield "blind", f"the same model without its pictures: {words}"
        yield "gain by seeing", "over the blind score that comes nearest (95 % interval)"
    yield "constant", "best answer that is the same for all such items, chosen on others"


def _least_gain(part: Summary) -> str:
    """Over the blind answers that are hardest to beat."""
    asked = [gain for gain in part["gain_by_seeing"].values() if gain["num_items"]]
    if not asked:
        return UNKNOWN
    gain = min(asked, key=lambda gain: (gain["mean"], gain["low"] or 0))
    if not is_known(gain["low"]):
        return f"{signed(gain['mean'])} (no interval)"
    return f"{signed(gain['mean'])} ({signed(gain['low'])} to {signed(gain['high'])})"


def _mean(estimate: Summary | None) -> str:
    return number(estimate["mean"]) if estimate else UNKNOWN
