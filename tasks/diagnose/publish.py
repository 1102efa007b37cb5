"""What a diagnosis leaves: the report, its tables and the rows that teach, as files and in the
run's record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.core.digest import digest_of
from tasks.core.manifest import write_rows
from tasks.core.records import Diagnosis
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample
from tasks.diagnose.charts import correct_counts, outcome_bars, spreads
from tasks.diagnose.judge import RowDiagnosis, RowOutcome, likely_wrong_labels
from tasks.diagnose.pictures import draw_examples, draw_suspects
from tasks.diagnose.summary import Summary
from tasks.exchange.files import subset
from tasks.report.page import render_page
from tasks.tracking.tracker import Tracker

_MOST_LISTED = 200
"""Rows of a table in the report; it says how many more there are."""


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """Everything there is to say."""

    file: Path
    summary: Summary
    rows: Sequence[RowDiagnosis]
    unusable: Sequence[Rejection]
    samples: Mapping[str, Sample]
    """By sample id."""
    clips: Mapping[str, Clip]
    """By clip id."""


def publish(store: Store, content: ReportContent, out: str, tracker: Tracker) -> Diagnosis:
    """Write it to the folder `out`, or below `diagnosed/` in the store if that is empty."""
    suspects = likely_wrong_labels(content.rows)
    charts = _charts(content.summary, content.rows)
    report = _report(store, content, suspects, charts)
    key = f"diagnosed/{digest_of(content.summary, [asdict(row) for row in content.rows])}"
    table = write_rows(store, f"{key}/rows.parquet", RowDiagnosis, content.rows)
    teaching = f"{content.file.stem}.teaching{content.file.suffix}"
    files = {
        "report.html": report.encode(),
        # Data sets are in any language: escaped characters could not be read by a person.
        "summary.json": json.dumps(asdict(content.summary), indent=1, ensure_ascii=False).encode(),
        "rows.jsonl": _json_lines(content.rows),
        "likely_wrong_labels.jsonl": _json_lines(suspects),
        "unusable_rows.jsonl": _json_lines(content.unusable),
        # The rows as they stand in the file, so whatever reads the whole data set reads this part
        # of it.
        teaching: subset(content.file, {row.row for row in content.rows if row.teaches}),
    }
    target, folder = (Store(out), "") if out else (store, f"{key}/")
    for name, data in files.items():
        target.write_bytes(f"{folder}{name}", data)
    for name, data in {
        f"report/{name}": files[name] for name in ("report.html", "summary.json")
    }.items():
        tracker.log_bytes(name, data)
    for name, chart in charts.items():
        tracker.log_bytes(name, chart)
    tracker.log_metrics(content.summary.metrics())
    tracker.log_dataset("diagnosed rows", table, "diagnose")
    return Diagnosis(
        rows=table,
        teaching=target.path(f"{folder}{teaching}"),
        report=target.path(f"{folder}report.html"),
        num_teaching=content.summary.num_teaching,
    )


def _charts(summary: Summary, rows: Sequence[RowDiagnosis]) -> dict[str, bytes]:
    """PNG bytes by file name."""
    return {
        "charts/right_answers.png": correct_counts(summary),
        "charts/kinds.png": outcome_bars(summary.by_kind),
        "charts/spreads.png": spreads(rows),
    }


def _report(
    store: Store,
    content: ReportContent,
    suspects: Sequence[RowDiagnosis],
    charts: Mapping[str, bytes],
) -> str:
    """One HTML file with the numbers, the charts, the suspects and some rows to look at; tables
    show their first rows and say so.
    """
    not_shown = [row for row in content.rows if row.outcome is RowOutcome.NOT_SHOWN]
    return render_page(
        Path(__file__).with_name("report.html.j2"),
        summary=content.summary,
        suspects=suspects[:_MOST_LISTED],
        unusable=content.unusable[:_MOST_LISTED],
        not_shown=not_shown[:_MOST_LISTED],
        charts=charts,
        sheets=draw_suspects(store, suspects, content.samples, content.clips),
        examples=draw_examples(store, content.rows, content.samples, content.clips),
    )


def _json_lines(rows: Sequence[RowDiagnosis] | Sequence[Rejection]) -> bytes:
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows).encode()
