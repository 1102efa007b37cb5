"""Video-TT, multiple choice: about 1,000 questions on YouTube Shorts (lmms-lab/video-tt). Not its robustness score."""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.types import Sample
from tasks.evaluate.benchmarks.adapter import Adapter, Source, make_sample
from tasks.evaluate.benchmarks.annotations import find_file, read_rows_of
from tasks.evaluate.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter

_FILES = ("data/test-00000-of-00001.parquet", "test-00000-of-00001.parquet", "video-tt.jsonl")
_FOLDERS = ("Benchmark-AllVideos-HQ-encoded", "Benchmark-AllVideos-LQ")


@dataclass(frozen=True, kw_only=True)
class _Row:
    video_id: str
    question: str
    """With its option lines; the column `question_prompt` is left out, as the paper's one line replaces it."""
    answer: str
    capability: str = ""
    options: str | None = None
    """Newer exports: the option lines once more, or only here."""


def _load(source: Source) -> Iterator[Sample]:
    for where, row in read_rows_of(find_file(source.root, *_FILES), _Row):
        question = row.question
        if not options_in(question) and row.options:
            question = f"{question.rstrip()}\n{row.options.strip()}"
        facts = choice_facts(options_in(question))
        yield make_sample(
            "videott",
            where.row,
            kind=row.capability,
            files=[(row.video_id, source.videos.find(row.video_id, _FOLDERS))],
            question=ask_choice(question, (), source.conditions),
            answer=right_letter(where, "answer", row.answer, facts),
            facts=facts,
            tags={"capability": row.capability},
        )


VIDEOTT = Adapter(name="videott", load=_load)
