"""The report's charts: data in, PNG bytes out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.core.controls import GREY as GREY_FRAMES
from tasks.core.controls import SWAPPED
from tasks.core.measurement import CellEvidence, CellKey, Measurement, PlannedCell
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION, BenchmarkScore, SampleScore
from tasks.core.statistics import Estimate
from tasks.core.training import TrainStep
from tasks.core.types import Split
from tasks.promote.controls import PartControl
from tasks.report.figure import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    PALE_GREY,
    PALE_VIOLET,
    RED,
    VIOLET,
    WIDTH_INCHES,
    make_plain,
    panels,
    png_bytes,
)

_CONSTANT, _CHANCE = "best constant answer", "chance"
_COLORS = {BEFORE: GREY, AFTER: BLUE, CHAMPION: AMBER, BASE: GREEN}
_COLORS |= {f"blind ({GREY_FRAMES})": VIOLET, f"blind ({SWAPPED})": PALE_VIOLET}
_COLORS |= {_CONSTANT: AMBER, _CHANCE: PALE_GREY}
_PART_COLORS = (BLUE, AMBER, GREEN, VIOLET, RED)
_BenchmarkScores = Mapping[str, Mapping[str, BenchmarkScore]]
"""By benchmark, then by model."""


def calibration_heatmaps(cells: Sequence[CellEvidence]) -> bytes:
    """Mean reward, spread and share of groups with spread of each kind (rows) at each level
    (columns), as measured."""
    return _heatmaps(
        [cell.cell for cell in cells],
        {
            "mean reward": ("Blues", 1.0, [cell.mean_reward for cell in cells]),
            # No standard deviation of numbers in [0, 1] is above 0.5.
            "spread within groups": ("Oranges", 0.5, [cell.spread for cell in cells]),
            "groups with spread": ("Greens", 1.0, [cell.share_with_spread for cell in cells]),
        },
    )


def plan_heatmaps(plan: Sequence[PlannedCell]) -> bytes:
    """What the plan believes of each cell, and how often it draws it."""
    top = max(cell.probability for cell in plan)
    return _heatmaps(
        [cell.cell for cell in plan],
        {
            "expected spread": ("Oranges", 0.5, [cell.spread for cell in plan]),
            "its uncertainty": ("Purples", 0.15, [cell.spread_se for cell in plan]),
            "share of the next samples": ("Greens", top, [cell.probability for cell in plan]),
        },
    )


def level_curves(plans: Sequence[Sequence[PlannedCell]]) -> bytes:
    """Mean level of each pretext task in the plan after each round."""
    figure, (axes,) = panels(1)
    rounds = range(1, len(plans) + 1)
    for number, pretext in enumerate(sorted({cell.pretext for plan in plans for cell in plan})):
        levels = []
        for plan in plans:
            own = [cell for cell in plan if cell.pretext == pretext]
            total = sum(cell.probability for cell in own)
            levels.append(
                sum(cell.probability * cell.level for cell in own) / total if total else np.nan
            )
        axes.plot(
            rounds,
            levels,
            marker="o",
            color=_PART_COLORS[number % len(_PART_COLORS)],
            label=pretext,
        )
    axes.set(xlabel="round", ylabel="mean level of the plan", ylim=(0, 1), xticks=list(rounds))
    axes.legend(frameon=False, fontsize=9)
    return png_bytes(figure)


def group_histograms(
    measurements: Sequence[Measurement], predictions: Mapping[str, Sequence[SampleScore]]
) -> bytes:
    """Mean reward of groups: as calibration measured them, and of held-out samples before and after
    training."""
    figure, (measured, heldout) = panels(1, 2)
    bins = np.linspace(0, 1, 21).tolist()
    parts = [[m.mean_reward for m in measurements if m.kept is kept] for kept in (True, False)]
    measured.hist(
        parts,
        bins=bins,
        stacked=True,
        color=[_COLORS[AFTER], _COLORS[BEFORE]],
        label=["spread", "none"],
    )
    measured.set(xlabel="mean reward of a measured group", ylabel="groups")
    for name in (BEFORE, AFTER):
        scores = [row.score for row in predictions.get(name, ()) if row.split == Split.HELDOUT]
        heldout.hist(
            scores, bins=bins, histtype="step", linewidth=2, color=_COLORS[name], label=name
        )
    heldout.set(xlabel="mean reward of a held-out sample", ylabel="samples")
    for axes in (measured, heldout):
        axes.legend(frameon=False, fontsize=9)
    return png_bytes(figure)


def training_curves(steps: Sequence[TrainStep]) -> bytes:
    """Reward, share of groups with spread, KL and gradient norm by step; lines are running means.
    Below them, where it was measured, whether answers vary."""
    measured = any(step.most_frequent_shares for step in steps)
    figure, (reward, spread, kl, norm, *varied) = panels(3 if measured else 2, 2)
    numbers = [step.step for step in steps]
    _plot_by_pretext(reward, steps, [step.reward_by_pretext for step in steps], is_window=False)
    for axes, title, values in (
        (reward, "reward", [step.reward_mean for step in steps]),
        (spread, "share of groups with spread", [step.spread_share for step in steps]),
        (kl, "KL to the start model", [step.kl for step in steps]),
        (norm, "gradient norm", [step.grad_norm for step in steps]),
    ):
        axes.plot(numbers, values, color=_COLORS[AFTER], alpha=0.25, linewidth=1)
        axes.plot(numbers, _running_mean(values), color=_COLORS[AFTER], linewidth=2, label="all")
        axes.set_title(title, loc="left", fontsize=10)
    if varied:
        share, over = varied
        _plot_by_pretext(share, steps, [step.most_frequent_shares for step in steps])
        share.set_title("share of the most frequent answer", loc="left", fontsize=10)
        share.set_ylim(0, 1.02)
        over.axhline(0, color=_COLORS[BEFORE], linewidth=1)
        _plot_by_pretext(over, steps, [step.rewards_over_constant for step in steps])
        over.set_title("reward over the best constant answer", loc="left", fontsize=10)
    reward.legend(frameon=False, fontsize=8)
    for axes in varied or (kl, norm):
        axes.set_xlabel("step")
    return png_bytes(figure)


def _plot_by_pretext(
    axes: Axes,
    steps: Sequence[TrainStep],
    values: Sequence[Mapping[str, float]],
    *,
    is_window: bool = True,
) -> None:
    """A line for each pretext task, in the same colour whatever is plotted; what is of a window of
    steps is a running mean already."""
    numbers = [step.step for step in steps]
    for place, pretext in enumerate(
        sorted({name for step in steps for name in step.reward_by_pretext}), 1
    ):
        line = [value.get(pretext, np.nan) for value in values]
        line = line if is_window else _running_mean(line)
        color = _PART_COLORS[place % len(_PART_COLORS)]
        axes.plot(numbers, line, color=color, linewidth=1, label=pretext)


def score_bars(parts_by_model: Mapping[str, Mapping[str, Estimate]]) -> bytes:
    """One group of bars for each part, one bar for each model; error bars are 95 % intervals."""
    parts = sorted({part for parts in parts_by_model.values() for part in parts})
    figure = Figure(
        figsize=(WIDTH_INCHES, 1.1 + 0.22 * len(parts) * (len(parts_by_model) + 1)),
        layout="constrained",
    )
    axes = figure.subplots()
    height = 0.8 / len(parts_by_model)
    for number, (model, estimates) in enumerate(parts_by_model.items()):
        own = [estimates[part] for part in parts]
        axes.barh(
            [row + (number - (len(parts_by_model) - 1) / 2) * height for row in range(len(parts))],
            [part.mean for part in own],
            height,
            # (2, parts), as Matplotlib wants it: a row of reaches below and one of reaches above.
            # As lists: it takes an array of one part for a number, which NumPy will refuse.
            xerr=np.array([_reach(part) for part in own]).T.tolist(),
            color=_COLORS.get(model, _PART_COLORS[-1]),
            error_kw={"elinewidth": 1, "ecolor": "#374151"},
            label=model,
        )
    axes.set_yticks(range(len(parts)), [part.replace("_", " ") for part in parts])
    # Bars begin at the bottom, and a list is read from the top.
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    # Outside, because bars can be of any length.
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    make_plain(axes)
    return png_bytes(figure)


def control_bars(parts: Mapping[str, PartControl]) -> bytes:
    """What the challenger scores on each part, beside the start model and what answers without
    looking score."""
    conditions = next(iter(parts.values())).after.blind
    return score_bars(
        {
            BEFORE: {name: part.before.score for name, part in parts.items()},
            AFTER: {name: part.after.score for name, part in parts.items()},
            **{
                f"blind ({condition})": {
                    name: part.after.blind[condition] for name, part in parts.items()
                }
                for condition in conditions
            },
            _CONSTANT: {name: part.after.constant for name, part in parts.items()},
            _CHANCE: {name: _exact(part.after.chance) for name, part in parts.items()},
        }
    )


def benchmark_scores(scores: _BenchmarkScores) -> bytes:
    """A point with its 95 % interval for each model on each benchmark, beside a mark for each of
    the paper's models and a line at chance."""
    num_models = max(map(len, scores.values()))
    figure = Figure(
        figsize=(WIDTH_INCHES, 1.1 + 0.2 * len(scores) * (num_models + 1)), layout="constrained"
    )
    axes = figure.subplots()
    _draw_models(axes, scores)
    _draw_paper(axes, scores)
    _draw_chance(axes, scores)
    axes.set_yticks(range(len(scores)), list(scores))
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    # Outside, because points can lie anywhere.
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    make_plain(axes)
    return png_bytes(figure)


def _draw_models(axes: Axes, scores: _BenchmarkScores) -> None:
    asked = dict.fromkeys(model for found in scores.values() for model in found)
    # What all nights began with stands above what became of it.
    models = sorted(asked, key=lambda model: model != BASE)
    for number, model in enumerate(models):
        # The base model was asked the anchor alone.
        rows = [row for row, found in enumerate(scores.values()) if model in found]
        own = [found[model].headline for found in scores.values() if model in found]
        offset = 0.7 * ((number + 0.5) / len(models) - 0.5)
        axes.errorbar(
            [one.mean for one in own],
            [row + offset for row in rows],
            xerr=np.array([_reach(one) for one in own]).T.tolist(),
            fmt="o",
            color=_COLORS.get(model, _PART_COLORS[-1]),
            elinewidth=2,
            label=model,
        )


def _draw_paper(axes: Axes, scores: _BenchmarkScores) -> None:
    models = dict.fromkeys(model for found in scores.values() for model in found[AFTER].paper)
    for marker, model in zip("Dv^s", models, strict=False):
        marks = [
            (found[AFTER].paper[model], row)
            for row, found in enumerate(scores.values())
            if model in found[AFTER].paper
        ]
        axes.scatter(
            [score for score, _ in marks],
            [row for _, row in marks],
            marker=marker,
            s=48,
            facecolors="none",
            edgecolors=VIOLET,
            label=f"{model} (paper)",
        )


def _draw_chance(axes: Axes, scores: _BenchmarkScores) -> None:
    label = "chance"
    for row, found in enumerate(scores.values()):
        chance = found[AFTER].chance
        if chance is not None:
            axes.plot([chance, chance], [row - 0.42, row + 0.42], ":", color=RED, label=label)
            label = ""  # one line of the legend is for all


def _reach(estimate: Estimate) -> tuple[float, float]:
    """How far the interval reaches below and above the mean; nothing is drawn of one that is not
    known."""
    if not np.isfinite(estimate.se):
        return 0.0, 0.0
    # Matplotlib refuses a negative reach, and rounding can make one.
    return max(0.0, estimate.mean - estimate.low), max(0.0, estimate.high - estimate.mean)


def _exact(mean: float) -> Estimate:
    """A number that no items were asked for, and so without an interval."""
    return Estimate(mean=mean, num_items=0, num_videos=0)


def _heatmaps(
    cells: Sequence[CellKey], values_by_title: Mapping[str, tuple[str, float, Sequence[float]]]
) -> bytes:
    """Side by side; `values_by_title` has the colour map, the value of full colour, and one value
    for each cell."""
    kinds = sorted({(pretext, kind) for pretext, kind, _ in cells})
    levels = sorted({level for _, _, level in cells})
    figure = Figure(figsize=(WIDTH_INCHES, 1.4 + 0.45 * len(kinds)), layout="constrained")
    row = figure.subplots(1, len(values_by_title), sharey=True)
    for axes, (title, (color_map, top, values)) in zip(row, values_by_title.items(), strict=True):
        grid = np.full((len(kinds), len(levels)), np.nan)
        for (pretext, kind, level), value in zip(cells, values, strict=True):
            grid[kinds.index((pretext, kind)), levels.index(level)] = value
        _heatmap(axes, grid, color_map, top)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
        axes.set_xlabel("level")
    row[0].set_yticks(range(len(kinds)), [f"{pretext} · {kind}" for pretext, kind in kinds])
    return png_bytes(figure)


def _heatmap(axes: Axes, grid: NDArray[np.float64], color_map: str, top: float) -> None:
    axes.imshow(grid, cmap=color_map, vmin=0, vmax=top, aspect="auto")
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            color = "white" if value > 0.6 * top else "#1f2937"
            axes.text(
                column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color=color
            )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _running_mean(values: Sequence[float]) -> list[float]:
    """Mean of each value and those before it, over a twentieth of all; missing ones are left
    out."""
    width = max(1, len(values) // 20)
    windows = [np.asarray(values[max(0, end - width) : end]) for end in range(1, len(values) + 1)]
    # `nanmean` warns where all is missing.
    return [float(np.nanmean(part)) if np.isfinite(part).any() else np.nan for part in windows]
