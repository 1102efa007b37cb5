"""The report: one HTML file that needs nothing else, pictures included."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tasks.core.score_config import ANCHOR
from tasks.core.scores import AFTER, BASE, BEFORE, CHAMPION
from tasks.core.types import Split
from tasks.promote.charts import (
    benchmark_scores,
    calibration_heatmaps,
    control_bars,
    group_histograms,
    level_curves,
    plan_heatmaps,
    score_bars,
    training_curves,
)
from tasks.promote.evidence import Evidence
from tasks.promote.looking import blind_conditions, cell_rows, control_rows, must_see_line
from tasks.promote.summary import Summary
from tasks.promote.table import ordered_checks, stand_ins, verdict
from tasks.report.page import render_page

_MOST_REJECTIONS = 100
_GAINS = {f"{AFTER} over {BEFORE}": "gain", f"{AFTER} over {CHAMPION}": "gain_over_champion"}


def draw_charts(evidence: Evidence) -> dict[str, bytes]:
    """PNG bytes by file name; a chart without data is left out."""
    scores = {
        "charts/heldout.png": {name: s.heldout_by_pretext for name, s in evidence.scores.items()},
        "charts/viubench.png": {name: s.viubench_by_type for name, s in evidence.scores.items()},
    }
    charts = {name: score_bars(by_model) for name, by_model in scores.items() if by_model[AFTER]}
    if evidence.benchmarks:
        charts["charts/benchmarks.png"] = benchmark_scores(
            {name: evidence.on_benchmark(name) for name in evidence.benchmarks}
        )
    if evidence.controls and (parts := evidence.controls[Split.HELDOUT].by_part):
        charts["charts/controls.png"] = control_bars(parts)
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
        benchmarks=_benchmark_table(summary),
        breakdowns=_breakdown_rows(evidence),
        verdict=verdict(summary["decision"]),
        checks=ordered_checks(summary["decision"]),
        stand_ins=stand_ins(summary),
        must_see=must_see_line(summary),
        controls=[*control_rows(summary)],
        cells=cell_rows(summary),
        conditions=blind_conditions(summary) if summary["controls"] else [],
        rejections=evidence.rejections[:_MOST_REJECTIONS],
        warned=[clip for clip in evidence.clips if clip.warnings],
        lineage={name: value for name, value in lineage.items() if name != "config"},
        config=json.dumps(json.loads(lineage["config"]), indent=2),
        charts=images,
        pictures={name: png for name, png in images.items() if name.startswith("samples/")},
        jigsaws={name: png for name, png in images.items() if name.startswith("jigsaws/")},
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
    gains = {label: name for label, name in _GAINS.items() if name in scores}

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


def _benchmark_table(summary: Summary) -> _ScoreTable:
    """A row for each benchmark; the base model was asked the anchor alone."""
    found, overall = summary["benchmarks"], summary["overall"]
    names = [BASE, BEFORE, *_rounds(summary), AFTER, CHAMPION]
    models = [name for name in names if any(name in one for one in found.values())]
    gains = {label: name for label, name in _GAINS.items() if name in overall}
    rows = [
        {
            "label": f"{name} (anchor)" if one["is_anchor"] and name != ANCHOR else name,
            "scores": [one.get(model) for model in models],
            "gains": [one[gain] for gain in gains.values()],
            **one,
        }
        for name, one in found.items()
    ]
    return _ScoreTable(models=models, gains=list(gains), rows=rows)


def _rounds(summary: Summary) -> list[str]:
    """The policies between the first and the last, which only runs of several rounds have."""
    return [name for name in summary["heldout"] if name.startswith("round ")]


def _breakdown_rows(evidence: Evidence) -> list[Summary]:
    """By benchmark, its own types: a score for each model."""
    return [
        {
            "benchmark": name,
            "tag": tag,
            "part": part,
            "scores": {model: parts[tag][part] for model, parts in by_model.items()},
            "num_items": one["num_items"],
        }
        for name, by_model in evidence.breakdowns.items()
        for tag, values in by_model[AFTER].items()
        for part, one in values.items()
    ]
