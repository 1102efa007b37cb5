"""What a diagnosis leaves: the report, its tables and the rows that teach, as files and in the run's record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tasks.core.digest import digest_of
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample
from tasks.diagnose.judge import RowDiagnosis, likely_wrong_labels
from tasks.diagnose.outputs import Diagnosis
from tasks.diagnose.pictures import draw_examples, draw_suspects
from tasks.diagnose.report import draw_charts, render_report
from tasks.diagnose.summary import Summary
from tasks.exchange.files import subset
from tasks.tracking.tracker import Tracker


@dataclass(frozen=True, kw_only=True)
class Found:
    """Everything there is to say."""

    file: Path
    summary: Summary
    rows: Sequence[RowDiagnosis]
    unusable: Sequence[Rejection]
    samples: Mapping[str, Sample]
    """By sample id."""
    clips: Mapping[str, Clip]
    """By clip id."""


def publish(store: Store, found: Found, out: str, tracker: Tracker) -> Diagnosis:
    """Write it to the folder `out`, or below `diagnosed/` in the store if that is empty."""
    suspects = likely_wrong_labels(found.rows)
    charts = draw_charts(found.summary, found.rows)
    report = render_report(
        found.summary,
        found.rows,
        suspects,
        found.unusable,
        charts,
        draw_suspects(store, suspects, found.samples, found.clips),
        draw_examples(store, found.rows, found.samples, found.clips),
    )
    key = f"diagnosed/{digest_of(found.summary, [asdict(row) for row in found.rows])}"
    table = write_rows(store, f"{key}/rows.parquet", RowDiagnosis, found.rows)
    teaching = f"{found.file.stem}.teaching{found.file.suffix}"
    files = {
        "report.html": report.encode(),
        "summary.json": json.dumps(asdict(found.summary), indent=1, ensure_ascii=False).encode(),
        "rows.jsonl": _json_lines(found.rows),
        "likely_wrong_labels.jsonl": _json_lines(suspects),
        "unusable_rows.jsonl": _json_lines(found.unusable),
        teaching: subset(found.file, {row.row for row in found.rows if row.teaches}),
    }
    target, folder = (Store(out), "") if out else (store, f"{key}/")
    for name, data in files.items():
        target.write_bytes(f"{folder}{name}", data)
    for name, data in {f"report/{name}": files[name] for name in ("report.html", "summary.json")}.items():
        tracker.log_bytes(name, data)
    for name, chart in charts.items():
        tracker.log_bytes(name, chart)
    tracker.log_metrics(found.summary.metrics())
    tracker.log_dataset("diagnosed rows", table, "diagnose")
    return Diagnosis(
        rows=table,
        teaching=target.path(f"{folder}{teaching}"),
        report=target.path(f"{folder}report.html"),
        num_teaching=found.summary.num_teaching,
    )


def _json_lines(rows: Sequence[RowDiagnosis] | Sequence[Rejection]) -> bytes:
    return "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows).encode()
