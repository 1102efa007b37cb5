"""Video-MME: 2,700 questions on 900 videos, short to an hour long (MME-Benchmarks/Video-MME). No
subtitles.

Forms that are read: the hub's `videomme/test-*.parquet` (lmms-lab/Video-MME and
lmms-eval/Video-MME), the same rows as JSON, and `Video-MME.tsv`, which VLMEvalKit writes from it
with `video` and `candidates` for two columns and without `question_id` (open-compass/VLMEvalKit
vlmeval/dataset/videomme.py). Videos lie in `data/` as the archives unpack and lmms-eval looks
(lmms_eval/tasks/videomme/utils.py), or in VLMEvalKit's `video/`; a YouTube id names them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import find_parts, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, right_letter
from tasks.core.types import Sample

_FILES = (
    "videomme/test-*.parquet",
    "videomme.parquet",
    "videomme.jsonl",
    "videomme.json",
    "Video-MME.tsv",
)
_FOLDERS = ("data", "video", "videos")
_TSV = {"video": "videoID", "candidates": "options", "index": "question_id"}


@dataclass(frozen=True, kw_only=True)
class _Row:
    videoID: str  # noqa: N815 - the file's name for it
    question_id: str | int
    question: str
    options: list[str] | str
    answer: str
    duration: str = ""
    domain: str = ""
    task_type: str = ""


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_parts(source.root, *_FILES), _Row, _TSV):
        options = where.texts("options", row.options, least=2)
        facts = choice_facts(options)
        yield make_sample(
            "videomme",
            row.question_id,
            kind=row.task_type,
            files=[(row.videoID, source.videos.find(row.videoID, _FOLDERS, link_id=row.videoID))],
            question=ask_choice(row.question, options, source.conditions),
            answer=right_letter(where, "answer", row.answer, facts),
            facts=facts,
            tags={"duration": row.duration, "domain": row.domain, "task_type": row.task_type},
        )


VIDEOMME = Adapter(name="videomme", load=_load, num_items=2700)
