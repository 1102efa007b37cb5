"""The closing table: the summary as text for the terminal."""

import shlex
from collections.abc import Iterable, Iterator
from io import StringIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tasks.core.scores import AFTER, BEFORE, CHAMPION
from tasks.promote.summary import Summary

_WIDTH = 100


def closing_table(summary: Summary) -> str:
    """What a person wants to know when the run has ended, as plain text."""
    blocks = (_lines(_facts(summary)), _scores(summary), _lines(_outcome(summary)))
    return "\n".join(blocks)


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    clips, samples, calibration = summary["clips"], summary["samples"], summary["calibration"]
    yield "videos", f"{clips['found']} found, {clips['accepted']} accepted, {clips['rejected']} rejected"
    for reason, number in clips["rejected_by_reason"].items():
        yield "", f"{number} x {reason}"
    yield "clips", _listed(clips["by_split"])
    yield "samples", _listed(samples["by_split"])
    pool = samples["by_split"].get("train", 0)
    yield "calibration", f"{calibration['groups']} of {pool} training samples measured, {samples['selected']} kept"
    before, after = calibration["share_with_spread_before"], calibration["share_with_spread_after"]
    yield "groups with spread", f"{_percent(before)} before calibration, {_percent(after)} after (as trained on)"
    seconds = summary["seconds"]
    yield "seconds", _listed({stage: round(value, 1) for stage, value in seconds.items()})
    yield "", f"{sum(seconds.values()):.1f} in all"


def _scores(summary: Summary) -> str:
    heldout, viubench = summary["heldout"], summary["viubench"]
    names = [name for name in (BEFORE, AFTER, CHAMPION) if name in heldout]
    table = Table("", box=SIMPLE_HEAD, title="scores (mean ± standard error)", title_justify="left")
    for name in (*names, "gain", "95 % interval", "items"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("held-out reward", *(_estimate(heldout[name]) for name in names), *_gain(heldout["gain"]))
    table.add_row("VIUBench", *(_estimate(viubench[name]) for name in names), *_gain(viubench["gain"]))
    strict = [_estimate(summary["viubench_strict"][name]) for name in names]
    table.add_row("VIUBench, strict format", *strict, "", "", "")
    for part, after in viubench[AFTER]["by_type"].items():
        estimates = [_estimate(viubench[name]["by_type"][part]) for name in names]
        gain = after["mean"] - viubench[BEFORE]["by_type"][part]["mean"]
        table.add_row(f"  {part}", *estimates, f"{gain:+.3f}", "", str(after["num_items"]))
    out = StringIO()
    Console(file=out, width=_WIDTH, color_system=None, markup=False, emoji=False).print(table)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    return "".join(f"{line}\n" for line in lines) + _lines(_intervals(summary))


def _intervals(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the gains' intervals rest on, or why there are none."""
    for place, label in (("heldout", "held-out reward"), ("viubench", "VIUBench")):
        gain = summary[place]["gain"]
        degrees = (
            gain["no_interval"] or f"{gain['num_videos']} videos, {gain['degrees_of_freedom']:.1f} degrees of freedom"
        )
        yield "" if place == "viubench" else "intervals", f"{label}: {degrees}"
    yield "", summary["intervals"]


def _outcome(summary: Summary) -> Iterator[tuple[str, str]]:
    decision = summary["decision"]
    yield "promoted", f"{'yes' if decision['promoted'] else 'no'}: {decision['reason']}"
    yield from (("", check) for check in decision["checks"])
    yield "model", f"version {decision['version']}{', champion' if decision['version'] == decision['champion'] else ''}"
    yield "report", summary["report"]
    run = summary["run"]
    yield "MLflow", run["tracking_uri"] or f"make ui DATA_ROOT={shlex.quote(run['data_root'])}"


def _lines(rows: Iterable[tuple[str, str]]) -> str:
    """Not a table of rich's: it would break paths."""
    return "".join(f"{name:<20}{value}\n" for name, value in rows)


def _listed(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _estimate(found: Summary) -> str:
    return "-" if found["mean"] is None else f"{found['mean']:.3f} ± {_number(found['se'])}"


def _gain(found: Summary) -> tuple[str, str, str]:
    """Gain, interval, items."""
    gain = "-" if found["mean"] is None else f"{found['mean']:+.3f}"
    interval = "none" if found["no_interval"] else f"{found['low']:+.3f} to {found['high']:+.3f}"
    return gain, interval, str(found["num_items"])


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f}"
