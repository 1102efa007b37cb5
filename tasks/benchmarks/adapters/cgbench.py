"""CG-Bench mini: 3,000 questions of five to eight options, asked about the whole video
(CG-Bench/CG-Bench).

The long-video accuracy, which is the paper's. The clue metrics of the official suite are left out.

Forms that are read: the authors' `cgbench_mini.json`, and the same rows as Parquet. Videos lie in
`cg_videos_720p/` (CG-Bench/CG-Bench run/extract_frames.py); `cg_clue_videos/`, cut by question, are
others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import find_parts, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, right_letter
from tasks.core.types import Sample

_FILES = ("cgbench_mini.json", "cg-bench-mini/t*-*.parquet", "cgbench_mini.parquet")


@dataclass(frozen=True, kw_only=True)
class _Row:
    qid: int | str
    video_uid: str
    question: str
    choices: list[str]
    right_answer: str
    domain: str = ""
    sub_category: str = ""


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_parts(source.root, *_FILES), _Row):
        # Letters follow from the options: 44 % of the right answers are E to H.
        facts = choice_facts(row.choices)
        yield make_sample(
            "cgbench",
            row.qid,
            kind=row.sub_category,
            files=[
                (row.video_uid, source.videos.find(row.video_uid, ("cg_videos_720p", "videos")))
            ],
            question=ask_choice(row.question, row.choices, source.conditions),
            answer=right_letter(where, "right_answer", row.right_answer, facts),
            facts=facts,
            tags={"domain": row.domain, "sub_category": row.sub_category},
        )


CGBENCH = Adapter(name="cgbench", load=_load, num_items=3000)
