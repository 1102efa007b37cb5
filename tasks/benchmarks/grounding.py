"""Temporal grounding: how a sentence is asked about, how an answer is read, and how well it
overlaps."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.protocol import AnswerScore
from tasks.benchmarks.reading import Reading
from tasks.benchmarks.spans import Window, find_interval, window_of
from tasks.benchmarks.wording import Words, worded
from tasks.core.types import BenchmarkFacts, Sample, VideoFile

GROUNDING_WORDS = Words(
    usual="Find the part of the video that shows the event described below, and say when it starts "
    "and ends.\n"
    'Answer in the form "The event happens in the START - END seconds", counted from the beginning '
    "of the video with one decimal, for example: The event happens in the 24.3 - 30.4 seconds.\n"
    "The event: {query}\n"
    "When does it start and end?",
    source="PROMPT_TEMPLATE in eval/vtg.py of github.com/lcqysl/VideoSSR",
    digest="05b85ba54957f5f7",
)
EXAMPLE = (24.3, 30.4)
"""Stands in the question, and a weak model may copy it: `metrics` counts that."""
THRESHOLDS = (0.3, 0.5, 0.7)

_NUMBER = r"\d++\.?+\d*+"
OFFICIAL_INTERVAL = re.compile(rf"(?<!\d)({_NUMBER})\s*+-\s*+({_NUMBER})")
"""Finds first what `(\\d+\\.?\\d*)\\s*-\\s*(\\d+\\.?\\d*)` of eval/vtg.py
(github.com/lcqysl/VideoSSR) finds first, without going back over digits and blanks, which makes
that one slow on long runs of them."""


def ask_when(query: str, conditions: Conditions) -> str:
    """The question about one sentence; its final dot stays as in the data."""
    return worded(conditions.wording or GROUNDING_WORDS.usual, query.strip())


def grounding_sample(
    name: str,
    item_id: str | int,
    *,
    file: tuple[str, VideoFile],
    query: str,
    windows: Sequence[Window],
    conditions: Conditions,
    tags: Mapping[str, str] | None = None,
) -> Sample:
    """One sentence about a video; `file` is (video's name, its file), `windows` are the right
    answers, the first one stands as the answer.
    """
    return make_sample(
        name,
        item_id,
        kind="grounding",
        files=[file],
        question=ask_when(query, conditions),
        answer=written(windows[0]),
        answer_kind="interval",
        facts=BenchmarkFacts(windows=tuple(windows)),
        tags=tags,
    )


def written(window: Window) -> str:
    """As the model should write it: one decimal, as the question asks."""
    return f"{window[0]:.1f}-{window[1]:.1f}"


def read_interval(sample: Sample, text: str) -> Reading:
    """The best overlap with any window of the question, by the paper's regular expression and by
    what a person would read.
    """
    facts = sample.benchmark
    assert facts is not None
    return read_window(text, facts.windows)


def read_window(text: str, windows: Sequence[Window]) -> Reading:
    """The same for right answers that are given."""
    paper, robust = paper_interval(text), find_interval(text)
    # The paper's script reads one window a question; the first is kept for that reading.
    first = iou(paper, windows[0]) if paper else 0.0
    return Reading(
        paper=best_iou(paper, windows),
        robust=best_iou(robust, windows),
        paper_parsed=paper is not None,
        robust_parsed=robust is not None,
        answer=written(robust) if robust else "",
        dropped=paper is None,
        values={"first": first, "num_windows": len(windows), "copied": float(robust == EXAMPLE)},
    )


def paper_interval(text: str) -> Window | None:
    """The first `number - number` with a plain hyphen, as the paper's script searches it; its ends
    may be infinite."""
    found = OFFICIAL_INTERVAL.search(text)
    return window_of(float(found[1]), float(found[2])) if found else None


def iou(one: Window, other: Window) -> float:
    """Shared time over time covered by either; 0 if both are empty."""
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = (one[1] - one[0]) + (other[1] - other[0]) - shared
    return shared / union if union > 0 else 0.0


def best_iou(found: Window | None, windows: Sequence[Window]) -> float:
    """With the window that fits best, as R1 is defined for moments with several windows; 0 for no
    answer."""
    return max((iou(found, window) for window in windows), default=0.0) if found else 0.0


def interval_metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    """Recall at fixed overlaps, and how often the example of the question was copied."""
    # An overlap that is just the limit counts, as in the paper's script.
    recalls = {f"R1@{limit}": fmean(row.paper >= limit for row in rows) for limit in THRESHOLDS}
    return recalls | {"example_copied": fmean(row.values.get("copied", 0.0) for row in rows)}


def grounding_adapter(
    name: str,
    load: Callable[[BenchmarkSource], Iterator[Sample]],
    num_items: int,
    *,
    metrics: Callable[[Sequence[AnswerScore]], dict[str, float]] = interval_metrics,
    choices: tuple[str, ...] = (),
) -> Adapter:
    """A benchmark of this kind."""
    return Adapter(
        name=name,
        load=load,
        num_items=num_items,
        read=read_interval,
        metrics=metrics,
        words=GROUNDING_WORDS,
        choices=choices,
    )
