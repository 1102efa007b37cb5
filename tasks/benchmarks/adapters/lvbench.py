"""LVBench: 1,549 questions on 103 videos of about an hour (zai-org/LVBench).

Their `time_reference` would give the place away and is not used. A question counts in each of its
abilities.

Forms that are read: the authors' `video_info.meta.jsonl`, whose `key` is the YouTube id, and one
row a question, as the hub's `data/*.parquet` (lmms-eval/LVBench, whose split is `train`) or JSON.
Videos are found by that name in `all_videos/` or `videos/`, and as the authors' scripts/download.sh
leaves them: video2dataset's `videos/00000/000000000.mp4`, beside a .json with the link.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import Where, find_parts, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.benchmarks.lookup import stem_of
from tasks.core.types import Sample

_NESTED = "video_info.meta.jsonl"
_FLAT = ("data/test-*.parquet", "data/train-*.parquet", "lvbench.jsonl", "lvbench.json")
"""Of the mirror, one row a question."""
_FOLDERS = ("all_videos", "videos")


@dataclass(frozen=True, kw_only=True)
class _Question:
    question: str
    answer: str
    uid: int | str = ""
    question_type: list[str] | str = ""
    options: list[str] | None = None
    """Only in the mirror, where it may be empty."""


@dataclass(frozen=True, kw_only=True)
class _Video:
    key: str
    type: str = ""
    qa: list[_Question]


@dataclass(frozen=True, kw_only=True)
class _Flat(_Question):
    video_path: str


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    paths = find_parts(source.root, _NESTED, *_FLAT)
    if paths[0].name == _NESTED:
        for where, video in read_rows_of(paths, _Video):
            for number, question in enumerate(video.qa):
                inner = Where(where.file, f"{where.row}, qa {number}")
                yield _sample(
                    source, inner, video.key, question, question.uid or f"{video.key}-{number}"
                )
        return
    for where, row in read_rows_of(paths, _Flat):
        yield _sample(source, where, row.video_path, row, row.uid or where.row)


def _sample(
    source: BenchmarkSource, where: Where, video: str, row: _Question, item_id: int | str
) -> Sample:
    inside = options_in(row.question)
    facts = choice_facts(inside or row.options or ())
    abilities = [row.question_type] if isinstance(row.question_type, str) else row.question_type
    return make_sample(
        "lvbench",
        item_id,
        kind=", ".join(abilities),
        files=[
            (video, source.videos.find(video, _FOLDERS, link_id=stem_of(PurePosixPath(video).name)))
        ],
        question=ask_choice(row.question, () if inside else row.options or (), source.conditions),
        answer=right_letter(where, "answer", row.answer, facts),
        facts=facts,
        tags={"ability": abilities},
    )


LVBENCH = Adapter(name="lvbench", load=_load, num_items=1549)
