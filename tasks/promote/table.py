"""The closing table: the summary as text for the terminal."""

import shlex
from collections.abc import Iterator

from tasks.core.scores import AFTER, BEFORE, CHAMPION
from tasks.promote.summary import Summary
from tasks.report.text import aligned_table, labelled_lines, percent, signed, with_se


def closing_table(summary: Summary) -> str:
    """What a person wants to know when the run has ended, as plain text."""
    blocks = (labelled_lines(_facts(summary)), _scores(summary), labelled_lines(_outcome(summary)))
    return "\n".join(blocks)


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    clips, samples, calibration = summary["clips"], summary["samples"], summary["calibration"]
    yield (
        "videos",
        f"{clips['found']} found, {clips['accepted']} accepted, {clips['rejected']} rejected",
    )
    for reason, number in clips["rejected_by_reason"].items():
        yield "", f"{number} x {reason}"
    yield "clips", _listed(clips["by_split"])
    yield "samples", _listed(samples["by_split"])
    pool = samples["by_split"].get("train", 0)
    yield (
        "calibration",
        f"{calibration['groups']} of {pool} training samples measured, {samples['selected']} kept",
    )
    before, after = calibration["share_with_spread_before"], calibration["share_with_spread_after"]
    yield (
        "groups with spread",
        f"{percent(before)} before calibration, {percent(after)} after (as trained on)",
    )
    seconds = summary["seconds"]
    yield "seconds", _listed({stage: round(value, 1) for stage, value in seconds.items()})
    yield "", f"{sum(seconds.values()):.1f} in all"


def _scores(summary: Summary) -> str:
    heldout, viubench = summary["heldout"], summary["viubench"]
    names = [name for name in (BEFORE, AFTER, CHAMPION) if name in heldout]
    rows = [
        ["held-out reward", *(_estimate(heldout[name]) for name in names), *_gain(heldout["gain"])],
        ["VIUBench", *(_estimate(viubench[name]) for name in names), *_gain(viubench["gain"])],
        [
            "VIUBench, strict format",
            *(_estimate(summary["viubench_strict"][name]) for name in names),
            *("", "", ""),
        ],
    ]
    for part, after in viubench[AFTER]["by_type"].items():
        estimates = [_estimate(viubench[name]["by_type"][part]) for name in names]
        gain = after["mean"] - viubench[BEFORE]["by_type"][part]["mean"]
        rows.append([f"  {part}", *estimates, signed(gain), "", str(after["num_items"])])
    table = aligned_table(["", *names, "gain", "95 % interval", "items"], rows)
    return f"scores (mean ± standard error)\n\n{table}\n{labelled_lines(_intervals(summary))}"


def _intervals(summary: Summary) -> Iterator[tuple[str, str]]:
    """What the gains' intervals rest on, or why there are none."""
    for place, label in (("heldout", "held-out reward"), ("viubench", "VIUBench")):
        gain = summary[place]["gain"]
        degrees = (
            gain["no_interval"]
            or f"{gain['num_videos']} videos, {gain['degrees_of_freedom']:.1f} degrees of freedom"
        )
        yield "" if place == "viubench" else "intervals", f"{label}: {degrees}"
    yield "", summary["intervals"]


def _outcome(summary: Summary) -> Iterator[tuple[str, str]]:
    decision = summary["decision"]
    yield "promoted", f"{'yes' if decision['promoted'] else 'no'}: {decision['reason']}"
    yield from (("", check) for check in decision["checks"])
    version, is_champion = decision["version"], decision["version"] == decision["champion"]
    yield "model", f"version {version}{', champion' if is_champion else ''}"
    yield "report", summary["report"]
    run = summary["run"]
    yield "MLflow", run["tracking_uri"] or f"make ui DATA_ROOT={shlex.quote(run['data_root'])}"


def _listed(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def _estimate(estimate: Summary) -> str:
    return with_se(estimate["mean"], estimate["se"])


def _gain(gain: Summary) -> tuple[str, str, str]:
    """Gain, interval, items."""
    interval = "none" if gain["no_interval"] else f"{signed(gain['low'])} to {signed(gain['high'])}"
    return signed(gain["mean"]), interval, str(gain["num_items"])
