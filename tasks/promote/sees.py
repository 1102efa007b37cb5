"""Whether the model of a run sees: held-out reward against what answers without looking score,
from `summary.json` alone."""

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tasks.core.errors import InputError
from tasks.report.text import UNKNOWN, aligned_table, is_known, number, percent, signed

_SUMMARY = "summary.json"
_MOST_BY_BASE = 0.5
"""Of the final distance from the constant: GRPO is to do at least the other half."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean difference by items; NaN where it is not known."""

    mean: float
    se: float
    """Standard error over videos."""

    @property
    def z(self) -> float:
        """In standard errors; NaN where there are none."""
        return self.mean / self.se if self.se else math.nan


@dataclass(frozen=True, kw_only=True)
class TaskSight:
    """One pretext task on the held-out samples."""

    task: str
    seen: float
    constant: float
    over_constant: Difference
    before_over_constant: Difference
    gain_by_seeing: dict[str, Difference]
    """By condition."""
    gain: Difference
    """Of GRPO: after minus before."""

    @property
    def share_of_base(self) -> float:
        """Of the final distance from the constant, what the start model covers; it may lie below 0.
        NaN if nothing lies between."""
        distance = self.over_constant.mean
        return self.before_over_constant.mean / distance if distance > 0 else math.nan


def read_sights(path: Path, tasks: Sequence[str] = ()) -> list[TaskSight]:
    """The named pretext tasks, or all, of a summary or of the one in a folder.

    Raises:
        InputError: there is none, it has no controls, or none of such a task.
    """
    file = path / _SUMMARY if path.is_dir() else path
    try:
        summary = json.loads(file.read_text())
        parts, gains = (
            summary["controls"]["heldout"]["by_part"],
            summary["heldout"]["gain"]["by_pretext"],
        )
        if unknown := [task for task in tasks if task not in parts]:
            raise InputError(
                f"{file}: no held-out samples of {', '.join(unknown)}; there are "
                f"{', '.join(parts) or 'none'}"
            )
        return [_sight(task, parts[task], gains[task]) for task in tasks or parts]
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); give a {_SUMMARY}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is no JSON; give the {_SUMMARY} that a run wrote") from error
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{file}: has no controls of held-out samples ({error}); give the {_SUMMARY} of a "
            "retrain that asked for them (evaluate.blind)"
        ) from error


def sees(sight: TaskSight, errors: float) -> bool:
    """Whether it ends above its best constant answer by more than so many standard errors."""
    return sight.over_constant.z > errors


def is_gained(sights: Sequence[TaskSight], errors: float, at_least: int) -> bool:
    """Whether training raised every task, so many of them clearly, and did at least half of the way
    from the constant."""
    return (
        all(one.gain.mean > 0 and one.share_of_base <= _MOST_BY_BASE for one in sights)
        and sum(one.gain.z > errors for one in sights) >= at_least
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m tasks.promote.sees FOLDER_OR_SUMMARY`; 0 if everything that was asked holds, 1 if
    not, 2 for wrong input."""
    parser = argparse.ArgumentParser(
        description="Say whether each pretext task ends clearly above its best constant answer."
    )
    parser.add_argument("summary", type=Path, help="summary.json, or the folder that holds it")
    parser.add_argument(
        "--errors", type=float, default=3.0, help="standard errors over videos (default 3)"
    )
    parser.add_argument("--tasks", default="", help="pretext tasks, with commas (default all)")
    parser.add_argument(
        "--gain",
        type=int,
        default=0,
        help="ask too that training raised each task, at least so many by as many standard errors, "
        "and that the start model covers at most half of the way from the constant",
    )
    given = parser.parse_args(arguments)
    try:
        sights = read_sights(given.summary, [name for name in given.tasks.split(",") if name])
    except InputError as error:
        parser.exit(2, f"{error}\n")
    click.echo(_table(sights))
    seen = [one.task for one in sights if sees(one, given.errors)]
    click.echo(
        f"{len(seen)} of {len(sights)} end above the best constant answer by more than "
        f"{given.errors:g} standard errors: {', '.join(seen) or 'none'}"
    )
    holds = bool(sights) and len(seen) == len(sights)
    if given.gain:
        click.echo(_gain_line(sights, given.errors))
        holds = holds and is_gained(sights, given.errors, given.gain)
    return 0 if holds else 1


def _gain_line(sights: Sequence[TaskSight], errors: float) -> str:
    raised = sum(one.gain.mean > 0 for one in sights)
    clearly = sum(one.gain.z > errors for one in sights)
    by_half = sum(one.share_of_base <= _MOST_BY_BASE for one in sights)
    return (
        f"training raised {raised} of {len(sights)}, {clearly} by more than {errors:g} standard "
        f"errors; in {by_half} the start model covers at most half of the way from the constant"
    )


def _table(sights: Sequence[TaskSight]) -> str:
    conditions = list(sights[0].gain_by_seeing) if sights else []
    head = ["task", "seen", "constant", "difference", "standard error", "z"]
    head += [*(f"seeing ({name})" for name in conditions), "training's gain", "start model's share"]
    rows = [
        [
            one.task,
            number(one.seen),
            number(one.constant),
            signed(one.over_constant.mean),
            number(one.over_constant.se),
            number(one.over_constant.z, 1),
            *(_with_error(one.gain_by_seeing[name]) for name in conditions),
            _with_error(one.gain),
            percent(one.share_of_base),
        ]
        for one in sights
    ]
    return aligned_table(head, rows, gap=2)


def _with_error(gain: Difference) -> str:
    if not is_known(gain.mean):
        return UNKNOWN
    return f"{signed(gain.mean)} ± {number(gain.se)}" if is_known(gain.se) else signed(gain.mean)


def _sight(task: str, part: dict[str, Any], gain: dict[str, Any]) -> TaskSight:
    return TaskSight(
        task=task,
        seen=_number(part["score"]["mean"]),
        constant=_number(part["constant"]["mean"]),
        over_constant=_difference(part["over_constant"]),
        before_over_constant=_difference(part["before"]["over_constant"]),
        gain_by_seeing={
            condition: _difference(found) for condition, found in part["gain_by_seeing"].items()
        },
        gain=_difference(gain),
    )


def _difference(estimate: dict[str, Any]) -> Difference:
    return Difference(mean=_number(estimate["mean"]), se=_number(estimate["se"]))


def _number(value: float | None) -> float:
    # What is not known is null there, and compares as false here.
    return math.nan if value is None else value


if __name__ == "__main__":
    raise SystemExit(main())
