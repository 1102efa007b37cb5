"""The report: one HTML file that needs nothing else, pictures included."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.scores import AFTER, BEFORE, CHAMPION
from tasks.promote.charts import (
    calibration_heatmaps,
    group_histograms,
    level_curves,
    plan_heatmaps,
    score_bars,
    training_curves,
)
from tasks.promote.evidence import Evidence
from tasks.promote.summary import Summary
from tasks.report.page import render_page

_MOST_REJECTIONS = 100


def draw_charts(evidence: Evidence) -> dict[str, bytes]:
    """PNG bytes by file name; a chart without data is left out."""
    scores = {
        "charts/heldout.png": {name: s.heldout_by_pretext for name, s in evidence.scores.items()},
        "charts/viubench.png": {name: s.viubench_by_type for name, s in evidence.scores.items()},
    }
    charts = {name: score_bars(by_model) for name, by_model in scores.items() if by_model[AFTER]}
    if evidence.steps:
        charts["charts/training.png"] = training_curves(evidence.steps)
    *_, last = evidence.rounds
    if last.cells:
        charts["charts/calibration.png"] = calibration_heatmaps(last.cells)
    if last.plan:
        charts["charts/plan.png"] = plan_heatmaps(last.plan)
    if last.measurements:
        charts["charts/groups.png"] = group_histograms(last.measurements, evidence.predictions)
    if len(evidence.rounds) > 1:
        charts["charts/levels.png"] = level_curves([one.plan for one in evidence.rounds])
    return charts


def render_report(
    summary: Summary,
    evidence: Evidence,
    lineage: Mapping[str, str],
    images: Mapping[str, bytes],
) -> str:
    """The report as HTML text; `images` are charts, contact sheets and videos by file name."""
    return render_page(
        Path(__file__).with_name("report.html.j2"),
        summary=summary,
        heldout=_score_table(summary["heldout"], "by_pretext"),
        viubench=_score_table(summary["viubench"], "by_type"),
        rejections=evidence.rejections[:_MOST_REJECTIONS],
        warned=[clip for clip in evidence.clips if clip.warnings],
        lineage={name: value for name, value in lineage.items() if name != "config"},
        config=json.dumps(json.loads(lineage["config"]), indent=2),
        charts=images,
        pictures={name: png for name, png in images.items() if name.startswith("samples/")},
        videos={name: mp4 for name, mp4 in images.items() if name.startswith("previews/")},
    )


@dataclass(frozen=True)
class _ScoreTable:
    """Every model's score on all and on each part, then the challenger's gains."""

    models: list[str]
    gains: list[str]
    rows: list[Summary]


def _score_table(scores: Summary, parts: str) -> _ScoreTable:
    models = [name for name in (BEFORE, AFTER, CHAMPION) if name in scores]
    gains = {f"{AFTER} over {BEFORE}": "gain", f"{AFTER} over {CHAMPION}": "gain_over_champion"}
    gains = {label: name for label, name in gains.items() if name in scores}

    def row(part: str = "") -> Summary:
        """Of one part, or of the whole."""
        names = (*models, *gains.values())
        of = {name: scores[name][parts][part] if part else scores[name] for name in names}
        return {
            "label": part.replace("_", " ") or "all",
            "scores": [of[name] for name in models],
            "gains": [of[name] for name in gains.values()],
            "num_items": of[AFTER]["num_items"],
        }

    return _ScoreTable(
        models=models,
        gains=list(gains),
        rows=[row(), *map(row, scores[AFTER][parts])],
    )
