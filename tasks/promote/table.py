"""The closing table: the summary as text for the terminal."""

import shlex
from collections.abc import Iterator

from tasks.core.score_config import OVERALL
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION
from tasks.promote.looking import looking_table, must_see_line
from tasks.promote.summary import Summary
from tasks.report.text import aligned_table, labelled_lines, number, percent, signed, with_se


def closing_table(summary: Summary) -> str:
    """What a person wants to know when the run has ended, as plain text."""
    blocks = [labelled_lines(_facts(summary)), _scores(summary)]
    if summary["benchmarks"]:
        blocks.append(_benchmarks(summary))
    if summary["controls"]:
        blocks.append(looking_table(summary))
    return "\n".join([*blocks, labelled_lines(_outcome(summary))])


def verdict(decision: Summary) -> str:
    """Of the decision, in one line that repeats no check."""
    failed = sum(_fails(check) for check in decision["checks"])
    # Without one the reason is another: the same weights, or a champion made meanwhile.
    if decision["promoted"] or not failed:
        return str(decision["reason"])
    return f"{failed} of {len(decision['checks'])} rules {'do' if failed > 1 else 'does'} not hold"


def ordered_checks(decision: Summary) -> list[str]:
    """What speaks against a promotion comes first."""
    return sorted(decision["checks"], key=lambda check: not _fails(check))


def stand_ins(summary: Summary) -> list[str]:
    """Who answered benchmarks in the place of which model: nobody may take it for the policy."""
    return [
        f"benchmarks were answered by {answerer} in the place of {model!r}"
        for model, answerer in summary["answered_by"].items()
    ]


def _facts(summary: Summary) -> Iterator[tuple[str, str]]:
    clips, samples, calibration = summary["clips"], summary["samples"], summary["calibration"]
    yield (
        "videos",
        f"{clips['found']} found, {clips['accepted']} accepted, {clips['rejected']} rejected",
    )
    for reason, how_many in clips["rejected_by_reason"].items():
        yield "", f"{how_many} x {reason}"
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


def _benchmarks(summary: Summary) -> str:
    """Gains are over the model that the decision compared with."""
    champion = summary["decision"]["compared_with"] == CHAMPION
    gain = "gain_over_champion" if champion else "gain"
    names = [name for name in (BEFORE, AFTER, CHAMPION) if name in summary["heldout"]]
    rows = [
        [
            name,
            *(_estimate(found[model]) for model in names),
            *_gain(found[gain]),
            number(found["visible_loss"]),
            number(found["chance"]),
        ]
        for name, found in summary["benchmarks"].items()
    ]
    overall = summary["overall"][gain]
    rows.append([OVERALL, *("" for _ in names), *_gain(overall), "", ""])
    head = ["", *names, gain.replace("_", " "), "95 % interval", "items", "visible loss", "chance"]
    table = aligned_table(head, rows)
    return f"benchmarks (mean ± standard error)\n\n{table}\n{labelled_lines(_remarks(summary))}"


def _remarks(summary: Summary) -> Iterator[tuple[str, str]]:
    yield from (("attention", line) for line in stand_ins(summary))
    yield "visible loss", "least true loss that so many items would have shown 4 times out of 5"
    yield OVERALL, f"mean of {', '.join(summary['overall']['places'])}, each counting the same"
    for name, found in summary["benchmarks"].items():
        if found["num_questions"] < found["num_available"]:
            yield (
                "",
                f"{name}: {found['num_questions']} of {found['num_available']} questions (limit)",
            )
        for model in (BEFORE, AFTER, CHAMPION):
            if model in found and found[model]["coverage"] < 1:
                shown = percent(found[model]["coverage"], 1)
                yield "", f"{name}: {shown} of the questions could be shown to {model!r}"
        if found["paper"]:
            scores = ", ".join(f"{number(found['paper'][m])} ({m})" for m in found["paper"])
            yield "", f"{name}: in the paper: {scores}"
        if BASE in found:
            yield "", f"{name}: {BASE} model {_estimate(found[BASE])}"
    if summary["anchor"]:
        yield "anchor", f"{summary['anchor']}: every run is asked these questions"


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
    yield "promoted", f"{'yes' if decision['promoted'] else 'no'}: {verdict(decision)}"
    yield from (("", check) for check in ordered_checks(decision))
    if line := must_see_line(summary):
        yield "attention", line
    version, is_champion = decision["version"], decision["version"] == decision["champion"]
    yield "model", f"version {version}{', champion' if is_champion else ''}"
    yield "report", summary["report"]
    run = summary["run"]
    yield "MLflow", run["tracking_uri"] or f"make ui DATA_ROOT={shlex.quote(run['data_root'])}"


def _fails(check: str) -> bool:
    return check.startswith("no: ")


def _listed(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


def _estimate(estimate: Summary) -> str:
    return with_se(estimate["mean"], estimate["se"])


def _gain(gain: Summary) -> tuple[str, str, str]:
    """Gain, interval, items."""
    interval = "none" if gain["no_interval"] else f"{signed(gain['low'])} to {signed(gain['high'])}"
    return signed(gain["mean"]), interval, str(gain["num_items"])
