"""The report's charts: data in, PNG bytes out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tasks.core.measurement import Measurement
from tasks.core.scores import AFTER, BEFORE, CHAMPION
from tasks.core.statistics import Estimate
from tasks.core.training import TrainStep
from tasks.core.types import Cell
from tasks.report.figure import AMBER, BLUE, GREEN, GREY, RED, VIOLET, WIDTH_INCHES, make_plain, panels, png_bytes

_COLORS = {BEFORE: GREY, AFTER: BLUE, CHAMPION: AMBER}
_PART_COLORS = (BLUE, AMBER, GREEN, VIOLET, RED)


def calibration_heatmaps(cells: Sequence[Cell]) -> bytes:
    """Mean reward and spread of each kind (rows) at each level (columns)."""
    kinds = sorted({(cell.pretext, cell.kind) for cell in cells})
    levels = sorted({cell.level for cell in cells})
    figure = Figure(figsize=(WIDTH_INCHES, 1.4 + 0.45 * len(kinds)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, title, color_map, top, field in (
        (left, "mean reward", "Blues", 1.0, "mean_reward"),
        (right, "spread within groups", "Oranges", 0.5, "spread"),
    ):
        grid = np.full((len(kinds), len(levels)), np.nan)
        for cell in cells:
            grid[kinds.index((cell.pretext, cell.kind)), levels.index(cell.level)] = getattr(cell, field)
        _heatmap(axes, grid, color_map, top)
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
        axes.set_xlabel("level")
    left.set_yticks(range(len(kinds)), [f"{pretext} · {kind}" for pretext, kind in kinds])
    return png_bytes(figure)


def group_histogram(measurements: Sequence[Measurement]) -> bytes:
    """Mean reward of the measured groups: those kept, and those without spread."""
    figure, (axes,) = panels(1)
    parts = [[m.mean_reward for m in measurements if m.kept is kept] for kept in (True, False)]
    bins = np.linspace(0, 1, 21).tolist()
    axes.hist(parts, bins=bins, stacked=True, color=[_COLORS[AFTER], _COLORS[BEFORE]], label=["kept", "dropped"])
    axes.set(xlabel="mean reward of the group", ylabel="groups")
    axes.legend(frameon=False, fontsize=9)
    return png_bytes(figure)


def training_curves(steps: Sequence[TrainStep]) -> bytes:
    """Reward, share of groups with spread, KL and gradient norm by step; lines are running means."""
    figure, (reward, spread, kl, norm) = panels(2, 2)
    numbers = [step.step for step in steps]
    for number, pretext in enumerate(sorted({name for step in steps for name in step.reward_by_pretext})):
        values = [step.reward_by_pretext.get(pretext, np.nan) for step in steps]
        color = _PART_COLORS[(number + 1) % len(_PART_COLORS)]
        reward.plot(numbers, _running_mean(values), color=color, linewidth=1, label=pretext)
    for axes, title, values in (
        (reward, "reward", [step.reward_mean for step in steps]),
        (spread, "share of groups with spread", [step.spread_share for step in steps]),
        (kl, "KL to the start model", [step.kl for step in steps]),
        (norm, "gradient norm", [step.grad_norm for step in steps]),
    ):
        axes.plot(numbers, values, color=_COLORS[AFTER], alpha=0.25, linewidth=1)
        axes.plot(numbers, _running_mean(values), color=_COLORS[AFTER], linewidth=2, label="all")
        axes.set_title(title, loc="left", fontsize=10)
    reward.legend(frameon=False, fontsize=8)
    kl.set_xlabel("step")
    norm.set_xlabel("step")
    return png_bytes(figure)


def score_bars(parts_by_model: Mapping[str, Mapping[str, Estimate]]) -> bytes:
    """One group of bars for each part, one bar for each model; error bars are standard errors."""
    parts = sorted({part for parts in parts_by_model.values() for part in parts})
    figure = Figure(figsize=(WIDTH_INCHES, 1.1 + 0.22 * len(parts) * (len(parts_by_model) + 1)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(parts_by_model)
    for number, (model, estimates) in enumerate(parts_by_model.items()):
        found = [estimates[part] for part in parts]
        axes.barh(
            [row + (number - (len(parts_by_model) - 1) / 2) * height for row in range(len(parts))],
            [part.mean for part in found],
            height,
            xerr=[part.se if np.isfinite(part.se) else 0.0 for part in found],
            color=_COLORS.get(model, _PART_COLORS[-1]),
            error_kw={"elinewidth": 1, "ecolor": "#374151"},
            label=model,
        )
    axes.set_yticks(range(len(parts)), [part.replace("_", " ") for part in parts])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.legend(frameon=False, fontsize=9)
    make_plain(axes)
    return png_bytes(figure)


def _heatmap(axes: Axes, grid: NDArray[np.float64], color_map: str, top: float) -> None:
    axes.imshow(grid, cmap=color_map, vmin=0, vmax=top, aspect="auto")
    for (row, column), value in np.ndenumerate(grid):
        if np.isfinite(value):
            color = "white" if value > 0.6 * top else "#1f2937"
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=9, color=color)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _running_mean(values: Sequence[float]) -> list[float]:
    """Mean of each value and those before it, over a twentieth of all; missing ones are left out."""
    width = max(1, len(values) // 20)
    windows = [np.asarray(values[max(0, end - width) : end]) for end in range(1, len(values) + 1)]
    return [float(np.nanmean(part)) if np.isfinite(part).any() else np.nan for part in windows]
