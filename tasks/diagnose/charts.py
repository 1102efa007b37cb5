"""The report's charts: a summary in, PNG bytes out."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from tasks.diagnose.judge import RowDiagnosis, RowOutcome
from tasks.diagnose.summary import RowsSummary, Summary
from tasks.report.figure import AMBER, BLUE, GREY, WIDTH_INCHES, make_plain, panels, png_bytes

_COLORS = {RowOutcome.ALL_WRONG: GREY, RowOutcome.MIXED: BLUE, RowOutcome.ALL_RIGHT: AMBER}
_NUM_BINS = 25


def correct_counts(summary: Summary) -> bytes:
    """Rows by their number of exactly right rollouts."""
    figure, (axes,) = panels(1)
    counts = summary.rows_by_num_correct
    last = len(counts) - 1
    outcomes = [RowOutcome.ALL_WRONG, *[RowOutcome.MIXED] * (last - 1), RowOutcome.ALL_RIGHT]
    bars = axes.bar(range(len(counts)), counts, color=[_COLORS[outcome] for outcome in outcomes])
    axes.bar_label(bars, fontsize=9)
    axes.set_xticks(range(len(counts)))
    axes.set(xlabel=f"right answers of {last}", ylabel="rows")
    handles = dict(zip(outcomes, bars, strict=True))
    axes.legend(handles.values(), [outcome.value for outcome in handles], frameon=False, fontsize=9)
    return png_bytes(figure)


def spreads(rows: Sequence[RowDiagnosis]) -> bytes:
    """Rows by the spread of their rewards."""
    figure, (axes,) = panels(1)
    answered = [row for row in rows if row.outcome is not RowOutcome.NOT_SHOWN]
    parts = [[row.spread for row in answered if row.outcome is outcome] for outcome in _COLORS]
    axes.hist(
        parts,
        # Rewards lie between 0 and 1, so their standard deviation is at most a half.
        bins=[0.5 * number / _NUM_BINS for number in range(_NUM_BINS + 1)],
        stacked=True,
        color=list(_COLORS.values()),
        label=[outcome.value for outcome in _COLORS],
    )
    axes.set(xlabel="standard deviation of reward within the group", ylabel="rows")
    axes.legend(frameon=False, fontsize=9)
    return png_bytes(figure)


def outcome_bars(by_kind: dict[str, RowsSummary]) -> bytes:
    """One bar for each kind: the shares all wrong, mixed and all right."""
    figure = Figure(figsize=(WIDTH_INCHES, 1.0 + 0.35 * len(by_kind)), layout="constrained")
    axes = figure.subplots()
    lefts = [0.0] * len(by_kind)
    for outcome, color in _COLORS.items():
        shares = [
            getattr(part, f"{outcome.value.replace(' ', '_')}_share") for part in by_kind.values()
        ]
        axes.barh(range(len(by_kind)), shares, left=lefts, color=color, label=outcome.value)
        lefts = [left + share for left, share in zip(lefts, shares, strict=True)]
    axes.set_yticks(
        range(len(by_kind)), [f"{name}  ({part.num_rows})" for name, part in by_kind.items()]
    )
    # matplotlib counts upwards: the first kind belongs at the top.
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of rows")
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    make_plain(axes)
    return png_bytes(figure)
