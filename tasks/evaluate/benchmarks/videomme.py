"""Video-MME: 2,700 questions on 900 videos, short to an hour long (MME-Benchmarks/Video-MME). No subtitles."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.types import Sample
from tasks.evaluate.benchmarks.adapter import Adapter, Source, make_sample
from tasks.evaluate.benchmarks.annotations import find_file, read_rows_of
from tasks.evaluate.benchmarks.choices import ask_choice, choice_facts, right_letter

_FILES = (
    "videomme/test-00000-of-00001.parquet", "videomme.parquet", "videomme.jsonl", "videomme.json", "Video-MME.tsv",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Row:
    videoID: str  # noqa: N815 - the file's name for it
    question_id: str
    question: str
    options: list[str] | str
    answer: str
    duration: str = ""
    domain: str = ""
    task_type: str = ""


def _load(source: Source) -> Iterator[Sample]:
    for where, row in read_rows_of(find_file(source.root, *_FILES), _Row):
        options = where.texts("options", row.options)
        facts = choice_facts(options)
        yield make_sample(
            "videomme",
            row.question_id,
            kind=row.task_type,
            files=[(row.videoID, source.videos.find(row.videoID, ("data", "videos")))],
            question=ask_choice(row.question, options, source.conditions),
            answer=right_letter(where, "answer", row.answer, facts),
            facts=facts,
            tags={"duration": row.duration, "domain": row.domain, "task_type": row.task_type},
        )


VIDEOMME = Adapter(name="videomme", load=_load, num_items=2700)
