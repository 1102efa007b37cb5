"""QVHighlights, moment retrieval on the validation set: 1,550 queries on cuts of 150 s
(jayleicn/moment_detr).

A third of the queries have several windows, and the paper does not say how it treats them. The
headline takes the best overlap; overlap with the first window, and the queries with a single one
alone, stand among the metrics.

Forms that are read: the authors' `highlight_val_release.jsonl` (data/README.md). A video's name is
its YouTube id with the start and end of the part; the authors' archive is called qvhilights_videos.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.benchmarks.adapter import BenchmarkSource
from tasks.benchmarks.annotations import find_file, read_rows_of
from tasks.benchmarks.grounding import grounding_adapter, grounding_sample, interval_metrics
from tasks.benchmarks.protocol import AnswerScore
from tasks.benchmarks.spans import window_of
from tasks.core.types import Sample

# Rounded, so that sums of floats are the limits as they are written.
_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


@dataclass(frozen=True, kw_only=True)
class _Row:
    qid: int | str
    query: str
    vid: str
    relevant_windows: list[tuple[float, float]]


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_file(source.root, "highlight_val_release.jsonl"), _Row):
        windows = [window_of(start, end) for start, end in row.relevant_windows]
        if not windows:
            raise where.error("relevant_windows", "empty, expected at least one window")
        yield grounding_sample(
            "qvhighlights",
            row.qid,
            file=(row.vid, source.videos.find(row.vid, ("videos", "qvhilights_videos"))),
            query=row.query,
            windows=windows,
            conditions=source.conditions,
            # 3 stands for all above too: together they are 252 of the 1,550 queries.
            tags={"windows": str(min(len(windows), 3))},
        )


def _metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    single = [row.paper for row in rows if row.tags["windows"] == ("1",)]
    return {
        **interval_metrics(rows),
        "mIoU with the first window": fmean(row.values.get("first", 0.0) for row in rows),
        **({"mIoU of single windows": fmean(single)} if single else {}),
        "MR-mAP": fmean(_average_precision(row) for row in rows),
    }


def _average_precision(row: AnswerScore) -> float:
    """Of one prediction, over the official thresholds: if it hits a window it ranks first, and
    finds one of them."""
    num_windows = row.values.get("num_windows", 0.0)
    hits = fmean(row.paper >= threshold for threshold in _THRESHOLDS)
    return hits / num_windows if num_windows else 0.0


QVHIGHLIGHTS = grounding_adapter(
    "qvhighlights",
    _load,
    1550,
    metrics=_metrics,
    choices=("several windows: the best overlap counts",),
)
