"""CVBench, cross-video: 1,000 questions about two to four videos at once (Hokhim2/CVBench; not the
CV-Bench of images).

The frames count for each video. Yes-or-no rows are asked with the letters A and B; how the paper
does it is not known.

Forms that are read: the authors' `CVBench.json`, the hub's `data/test-*.parquet`
(Dongyh35/CVBench), and a repack of `videos` and `category`. A video's name holds its folder
(`159/a.mp4`, in `CVBench/` beside the JSON by the authors' README): seven names occur in two
folders with different videos.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import find_parts, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.benchmarks.protocol import AnswerScore
from tasks.core.types import Sample

_FILES = ("CVBench.json", "data/test-*.parquet", "CVBench.parquet", "all_data.json")
_GROUPS = {
    "Object Association": (
        "Cross-video Object Recognition",
        "Multi-video Attribute Recognition",
        "Joint-video Counting",
        "Cross-video Entity Matching",
    ),
    "Event Association": (
        "Cross-video Anomaly Detection",
        "Cross-video Scene Recognition",
        "Multi-video Key-Action Recognition",
        "Cross-video Event Retrieval",
    ),
    "Complex Reasoning": (
        "Multi-view Scene Understanding",
        "Multi-video Temporal Reasoning",
        "Joint-video Spatial Navigating",
        "Video Difference Caption",
        "Cross-video Counterfactual Reasoning",
        "Joint-video Summarization",
        "Cross-video Procedural Transfer",
    ),
}
_GROUP_OF = {task: group for group, tasks in _GROUPS.items() for task in tasks}
_YES_NO = ["Yes", "No"]
_JOINED = re.compile(r", (?=[B-Z]\. )")
"""One row holds all its options in a single text."""


@dataclass(frozen=True, kw_only=True)
class _Row:
    question: str
    answer: str
    id: int | str = ""
    task_type: str = ""
    category: str = ""
    """The repack's name for `task_type`."""
    options: list[str] | None = None
    """None in the repack, whose questions hold them."""
    video_1: str | None = None
    video_2: str | None = None
    video_3: str | None = None
    video_4: str | None = None
    videos: list[str] | None = None
    """Of the repack."""


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_parts(source.root, *_FILES), _Row):
        videos = row.videos or [
            v for v in (row.video_1, row.video_2, row.video_3, row.video_4) if v
        ]
        if len(videos) < 2:
            raise where.error("video_1", f"got {len(videos)} videos, expected two to four")
        options, answer = _options(row), row.answer
        is_yes_no = options == _YES_NO
        # The paper's script compares a single character, so Yes or No could never be right.
        if is_yes_no and answer.strip().lower().rstrip(".") in {"yes", "no"}:
            answer = "A" if answer.strip().lower().startswith("yes") else "B"
        facts = choice_facts(options or options_in(row.question))
        task = row.task_type or row.category
        yield make_sample(
            "cvbench",
            row.id or where.row,
            kind=task,
            files=[(video, source.videos.find(video, ("videos", "CVBench"))) for video in videos],
            question=ask_choice(row.question, options, source.conditions),
            answer=right_letter(where, "answer", answer, facts),
            facts=facts,
            tags={
                "task_type": task,
                "task_group": _GROUP_OF.get(task, "other"),
                "form": "yes or no" if is_yes_no else "letters",
            },
        )


def _options(row: _Row) -> list[str]:
    options = [option.strip() for option in row.options or []]
    split = _JOINED.split(options[0]) if len(options) == 1 else options
    return _YES_NO if [option.lower().rstrip(". ") for option in split] == ["yes", "no"] else split


def _metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    lettered = [row.paper for row in rows if row.tags["form"] == ("letters",)]
    return {"accuracy without yes-or-no rows": fmean(lettered)} if lettered else {}


CVBENCH = Adapter(
    name="cvbench",
    load=_load,
    num_items=1000,
    metrics=_metrics,
    choices=("yes-or-no rows: asked as A. Yes, B. No", "videos: each as one of its own, numbered"),
)
