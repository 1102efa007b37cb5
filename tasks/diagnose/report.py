"""The report: one HTML file with the numbers, the charts, the suspects and some rows to look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.core.types import Rejection
from tasks.diagnose.charts import correct_counts, outcome_bars, spreads
from tasks.diagnose.judge import Outcome, RowDiagnosis
from tasks.diagnose.pictures import Picture
from tasks.diagnose.summary import Summary
from tasks.report.page import render_page

_MOST_LISTED = 200


def draw_charts(summary: Summary, rows: Sequence[RowDiagnosis]) -> dict[str, bytes]:
    """PNG bytes by file name."""
    return {
        "charts/right_answers.png": correct_counts(summary),
        "charts/kinds.png": outcome_bars(summary.by_kind),
        "charts/spreads.png": spreads(rows),
    }


def render_report(
    summary: Summary,
    rows: Sequence[RowDiagnosis],
    suspects: Sequence[RowDiagnosis],
    unusable: Sequence[Rejection],
    charts: Mapping[str, bytes],
    sheets: Sequence[Picture],
    examples: Mapping[str, Sequence[Picture]],
) -> str:
    """HTML text; tables show their first rows and say so."""
    return render_page(
        Path(__file__).with_name("report.html.j2"),
        summary=summary,
        suspects=suspects[:_MOST_LISTED],
        unusable=unusable[:_MOST_LISTED],
        not_shown=[row for row in rows if row.outcome is Outcome.NOT_SHOWN][:_MOST_LISTED],
        charts=charts,
        sheets=sheets,
        examples=examples,
    )
