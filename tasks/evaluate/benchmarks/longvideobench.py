"""LongVideoBench, validation: 1,337 questions on videos of up to an hour (longvideobench/LongVideoBench).

Questions that quote subtitles stay in, though none are shown: that is the paper's setting, and a ceiling.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.types import Sample
from tasks.evaluate.benchmarks.adapter import Adapter, Source, make_sample
from tasks.evaluate.benchmarks.annotations import find_file, read_rows_of
from tasks.evaluate.benchmarks.choices import ask_choice, choice_facts

_FILES = ("lvb_val.json", "data/validation-00000-of-00001.parquet", "validation-00000-of-00001.parquet")
_PADDING = "N/A"


@dataclass(frozen=True, kw_only=True)
class _Row:
    id: str
    video_path: str
    """Not `video_id`: some of those start with @user."""
    question: str
    correct_choice: int
    """From 0."""
    candidates: list[str] | None = None
    option0: str | None = None
    option1: str | None = None
    option2: str | None = None
    option3: str | None = None
    option4: str | None = None
    duration_group: int | None = None
    question_category: str = ""
    level: str = ""


def _load(source: Source) -> Iterator[Sample]:
    for where, row in read_rows_of(find_file(source.root, *_FILES), _Row):
        options = _options(row)
        if not 0 <= row.correct_choice < len(options):
            raise where.error("correct_choice", f"got {row.correct_choice}, expected 0 to {len(options) - 1}")
        facts = choice_facts(options)
        yield make_sample(
            "longvideobench",
            row.id,
            kind=row.question_category,
            files=[(row.video_path, source.videos.find(row.video_path, ("videos",)))],
            question=ask_choice(row.question, options, source.conditions),
            answer=facts.letters[row.correct_choice],
            facts=facts,
            tags={
                "duration_group": str(row.duration_group),
                "question_category": row.question_category,
                "level": row.level,
            },
        )


def _options(row: _Row) -> list[str]:
    if row.candidates is not None:
        return row.candidates
    columns = (row.option0, row.option1, row.option2, row.option3, row.option4)
    return [option for option in columns if option is not None and option != _PADDING]


LONGVIDEOBENCH = Adapter(name="longvideobench", load=_load, num_items=1337)
