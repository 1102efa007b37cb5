"""The controls of one benchmark as text: columns of the table, one line, metrics, and JSON."""

import math
from dataclasses import asdict
from typing import Any

from tasks.core.controls import BLIND_CONDITIONS, GREY, SWAPPED, Control
from tasks.core.statistics import Estimate
from tasks.report.text import UNKNOWN, points, signed

CONTROL_HEAD = (
    "best constant",
    *(f"blind, {condition}" for condition in BLIND_CONDITIONS),
    *(f"gain by seeing, {condition}" for condition in BLIND_CONDITIONS),
)
"""Columns of `control_cells`."""
CONTROL_NOTE = (
    "Best constant: the answer that is best for all questions of a kind, chosen on others; blind: "
    "the same model with grey frames, or with those of another question (swapped); gain by seeing: "
    "score minus blind, question by question."
)
_SHOWN = {GREY: "with grey frames", SWAPPED: "with the video of another question"}


def control_cells(control: Control | None) -> tuple[str, ...]:
    """Points of 100; dashes for what was not asked."""
    if control is None:
        return (UNKNOWN,) * len(CONTROL_HEAD)
    return (
        points(control.constant.mean),
        *(points(_mean(control.blind.get(condition))) for condition in BLIND_CONDITIONS),
        *(_gain(control.gain_by_seeing.get(condition)) for condition in BLIND_CONDITIONS),
    )


def control_line(control: Control) -> str:
    """How far the questions can be answered without looking."""
    asked = {name: found for name, found in control.blind.items() if found.num_items}
    blind = ", ".join(
        f"{points(found.mean)} {_SHOWN[name]}{_of(found, control.score)}"
        for name, found in asked.items()
    )
    return (
        f"answered blind: {blind or 'nothing was asked'}, of {points(control.score.mean)} points "
        f"with its pictures (chance {points(control.chance)}, best constant answer "
        f"{points(control.constant.mean)})"
    )


def control_metrics(control: Control) -> dict[str, float]:
    """For the tracker; numbers that are not finite mean that there is none."""
    return {
        "controls/chance": control.chance,
        "controls/constant": control.constant.mean,
        **_with_interval("controls/over_constant", control.over_constant),
        **{f"controls/blind_{name}": found.mean for name, found in control.blind.items()},
        **{
            metric: value
            for name, gain in control.gain_by_seeing.items()
            for metric, value in _with_interval(f"controls/gain_by_seeing_{name}", gain).items()
        },
    }


def control_json(control: Control) -> dict[str, Any]:
    """All but the score, which the result has already."""
    return {name: value for name, value in asdict(control).items() if name != "score"}


def _of(blind: Estimate, score: Estimate) -> str:
    """How many were asked, if it were not all."""
    if blind.num_items == score.num_items:
        return ""
    return f" ({blind.num_items} of {score.num_items} asked)"


def _mean(found: Estimate | None) -> float:
    return found.mean if found else math.nan


def _gain(gain: Estimate | None) -> str:
    if gain is None or not gain.num_items:
        return UNKNOWN
    interval = gain.no_interval or f"{_signed_points(gain.low)} to {_signed_points(gain.high)}"
    return f"{_signed_points(gain.mean)} ({interval})"


def _signed_points(share: float) -> str:
    return signed(100 * share, 1)


def _with_interval(name: str, found: Estimate) -> dict[str, float]:
    return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
