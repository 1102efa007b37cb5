"""Temporal grounding: how a sentence is asked about, how intervals are read, and how well they overlap."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from statistics import fmean

from rewards.spoken import spoken
from tasks.core.types import BenchmarkFacts, Sample
from tasks.evaluate.benchmarks.conditions import Conditions
from tasks.evaluate.benchmarks.protocol import Judged
from tasks.evaluate.benchmarks.reading import Reading
from tasks.evaluate.benchmarks.wording import Words, worded

GROUNDING_WORDS = Words(
    usual="Find the part of the video that shows the event described below, and say when it starts and ends.\n"
    'Answer in the form "The event happens in the START - END seconds", counted from the beginning of the video '
    "with one decimal, for example: The event happens in the 24.3 - 30.4 seconds.\n"
    "The event: {query}\n"
    "When does it start and end?",
    source="PROMPT_TEMPLATE in eval/vtg.py of github.com/lcqysl/VideoSSR",
    digest="05b85ba54957f5f7",
)
EXAMPLE = (24.3, 30.4)
"""Stands in the question, and a weak model may copy it: `metrics` counts that."""
THRESHOLDS = (0.3, 0.5, 0.7)
Window = tuple[float, float]

_NUMBER = r"\d++\.?+\d*+"
OFFICIAL_INTERVAL = re.compile(rf"(?<!\d)({_NUMBER})\s*+-\s*+({_NUMBER})")
"""Finds first what `(\\d+\\.?\\d*)\\s*-\\s*(\\d+\\.?\\d*)` of eval/vtg.py (github.com/lcqysl/VideoSSR) finds first,
without going back over digits and blanks, which makes that one slow on long runs of them.
"""
_CLOCK = r"(?<![\d:.])(?:\d{1,3}:)?\d{1,3}:\d{2}(?:\.\d++)?+(?!\d|:\d)"
_TIME = re.compile(rf"({_CLOCK})|(?<!\d)({_NUMBER})")
_SECONDS = r"(?:\s*+(?:seconds?|secs?|s)\b\.?)?+"
_TO = r"(?:[-‐‑‒–—―−－~～〜至到]|(?:to|and|until|till|through)\b)"
_CLOCK_RANGE = re.compile(rf"({_CLOCK})\s*+{_TO}\s*+({_CLOCK})", re.IGNORECASE)
_RANGE = re.compile(rf"(?<!\d)({_NUMBER}){_SECONDS}\s*+{_TO}\s*+({_NUMBER})", re.IGNORECASE)
_LEAD = re.compile(r"happens in|\bfrom\b", re.IGNORECASE)
_KEYWORD = re.compile(r"\b(?:start|begin|from|end)", re.IGNORECASE)


def ask_when(query: str, conditions: Conditions) -> str:
    """The question about one sentence; its final dot stays as in the data."""
    return worded(conditions.wording or GROUNDING_WORDS.usual, query.strip())


def window_facts(windows: Sequence[Window]) -> BenchmarkFacts:
    """Facts of a question with these right answers."""
    return BenchmarkFacts(windows=tuple(windows))


def window_of(start: float, end: float) -> Window:
    """A window in seconds; annotations hold a few that are the wrong way round."""
    return min(start, end), max(start, end)


def written(window: Window) -> str:
    """As the model should write it: one decimal, as the question asks."""
    return f"{window[0]:.1f}-{window[1]:.1f}"


def read_interval(sample: Sample, text: str) -> Reading:
    """The best overlap with any window, by the paper's regular expression and by what a person would read."""
    facts = sample.benchmark
    assert facts is not None
    paper, robust = paper_interval(text), find_interval(text)
    first = iou(paper, facts.windows[0]) if paper else 0.0
    return Reading(
        paper=best_iou(paper, facts.windows),
        robust=best_iou(robust, facts.windows),
        paper_parsed=paper is not None,
        robust_parsed=robust is not None,
        answer=written(robust) if robust else "",
        dropped=paper is None,
        values={"first": first, "num_windows": len(facts.windows), "copied": float(robust == EXAMPLE)},
    )


def paper_interval(text: str) -> Window | None:
    """The first `number - number` with a plain hyphen, as the paper's script searches it; its ends may be infinite."""
    found = OFFICIAL_INTERVAL.search(text)
    return window_of(float(found[1]), float(found[2])) if found else None


def find_interval(text: str) -> Window | None:
    """The interval that `text` states: clock times, else a range of numbers, else two times after a keyword.

    It takes the forms of the paper's script and of two others (timelens/utils.py of github.com/TencentARC/TimeLens,
    evaluate.py of github.com/www-Ye/Time-R1), but for two numbers that nothing calls times.
    """
    plain = spoken(text)
    lead = _LEAD.search(plain)
    # The sentence asked about may be echoed, with numbers of its own ("2-3 eggs"), before the answer.
    for part in [plain[lead.end() :], plain] if lead else [plain]:
        clock = _CLOCK_RANGE.search(part)
        if clock:
            return _finite(_seconds(clock[1]), _seconds(clock[2]))
        found = _RANGE.search(part)
        if found:
            return _finite(float(found[1]), float(found[2]))
    keyword = _KEYWORD.search(plain)
    times = list(islice(_times(plain[keyword.end() :]), 2)) if keyword else []
    return _finite(*times) if len(times) == 2 else None


def iou(one: Window, other: Window) -> float:
    """Shared time over time covered by either; 0 if both are empty."""
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    union = (one[1] - one[0]) + (other[1] - other[0]) - shared
    return shared / union if union > 0 else 0.0


def best_iou(found: Window | None, windows: Sequence[Window]) -> float:
    """With the window that fits best, as R1 is defined for moments with several windows; 0 for no answer."""
    return max((iou(found, window) for window in windows), default=0.0) if found else 0.0


def interval_metrics(rows: Sequence[Judged]) -> dict[str, float]:
    """Recall at fixed overlaps, and how often the example of the question was copied."""
    recalls = {f"R1@{limit}": fmean(row.paper >= limit for row in rows) for limit in THRESHOLDS}
    return recalls | {"example_copied": fmean(row.values.get("copied", 0.0) for row in rows)}


def _times(text: str) -> Iterator[float]:
    for found in _TIME.finditer(text):
        yield _seconds(found[1]) if found[1] else float(found[2])


def _finite(start: float, end: float) -> Window | None:
    return window_of(start, end) if math.isfinite(start) and math.isfinite(end) else None


def _seconds(clock: str) -> float:
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total
