"""VCRBench: 365 videos of shuffled steps to be put in order (pritamqu/VCRBench; not the VCR-Bench
with a judge).

The paper asks with 128 tokens, the authors with 512, which changes much for models that explain
first. Random orders score 7.15 % on average (the authors print 7.95 % for one draw), so a score
near that says that nothing was read.

Forms that are read: the authors' `data.json`. Videos lie in `videos/` (pritamqu/VCRBench
data/dataset.py).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import find_file, read_rows_of
from tasks.benchmarks.orders import read_order, written_order
from tasks.benchmarks.protocol import AnswerScore
from tasks.benchmarks.wording import Words, worded
from tasks.core.types import BenchmarkFacts, Sample

_WORDS = Words(
    usual="The video shows the clips that are needed to {query}, but in shuffled order. The "
    "number of each clip is shown at its beginning. Find out what is done in each clip, "
    "then put the clips into the order needed to {query}.\nEnd with one line in the "
    "form\nCorrect order: <clip numbers separated by commas>",
    source="PROMPT in data/dataset.py of github.com/pritamqu/VCRBench",
    digest="e380f058e812089b",
)
"""The last line is what the official parser reads."""
_MOST_STEPS = 9


@dataclass(frozen=True, kw_only=True)
class _Row:
    qid: str | int
    goal: str
    ground_truth: list[int]
    """From 0: the k-th entry is the clip that comes k-th."""
    video_file: str


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_file(source.root, "data.json"), _Row):
        count = len(row.ground_truth)
        if sorted(row.ground_truth) != list(range(count)) or not 1 < count <= _MOST_STEPS:
            raise where.error(
                "ground_truth", f"got {row.ground_truth}, expected each of 0 to {count - 1} once"
            )
        yield make_sample(
            "vcrbench",
            row.qid,
            kind=f"{count} steps",
            files=[(row.video_file, source.videos.find(row.video_file, ("videos",)))],
            question=worded(source.conditions.wording or _WORDS.usual, row.goal.strip()),
            answer="".join(str(clip + 1) for clip in row.ground_truth),
            answer_kind="permutation",
            facts=BenchmarkFacts(),
            tags={"steps": str(count), "goal": row.goal},
        )


def _metrics(rows: Sequence[AnswerScore]) -> dict[str, float]:
    goals: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        goals[row.tags["goal"][0]].append(row.paper)
    num_steps = sum(int(row.tags["steps"][0]) for row in rows)
    return {
        "step accuracy": sum(row.values.get("places_right", 0.0) for row in rows) / num_steps,
        "mean of goals": fmean(map(fmean, goals.values())),
    }


VCRBENCH = Adapter(
    name="vcrbench",
    load=_load,
    num_items=365,
    read=read_order,
    metrics=_metrics,
    words=_WORDS,
    write=written_order,
)
