"""LongVideoBench, validation: 1,337 questions on videos of up to an hour
(longvideobench/LongVideoBench).

Questions that quote subtitles stay in, though none are shown: that is the paper's setting, and a
ceiling.

Forms that are read: the authors' `lvb_val.json`, the hub's `validation-*.parquet` (option0 to
option4), and `LongVideoBench.tsv`, which VLMEvalKit writes from the first. Videos lie in `videos/`
(longvideobench/LongVideoBench longvideobench/longvideobench_dataset.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import Where, find_parts, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts
from tasks.core.types import Sample

_FILES = ("lvb_val.json", "data/validation-*.parquet", "validation-*.parquet", "LongVideoBench.tsv")
# The hub's table has five columns of options, whatever their number, and fills up with this.
_PADDING = "N/A"


@dataclass(frozen=True, kw_only=True)
class _Row:
    id: str
    video_path: str
    """Not `video_id`: some of those start with @user."""
    question: str
    correct_choice: int
    """From 0."""
    candidates: list[str] | str | None = None
    option0: str | None = None
    option1: str | None = None
    option2: str | None = None
    option3: str | None = None
    option4: str | None = None
    duration_group: int | None = None
    question_category: str = ""
    level: str = ""


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    for where, row in read_rows_of(find_parts(source.root, *_FILES), _Row):
        options = _options(where, row)
        if not 0 <= row.correct_choice < len(options):
            raise where.error(
                "correct_choice", f"got {row.correct_choice}, expected 0 to {len(options) - 1}"
            )
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


def _options(where: Where, row: _Row) -> list[str]:
    if row.candidates is not None:
        return where.texts("candidates", row.candidates, least=2)
    columns = (row.option0, row.option1, row.option2, row.option3, row.option4)
    return [option for option in columns if option is not None and option != _PADDING]


LONGVIDEOBENCH = Adapter(name="longvideobench", load=_load, num_items=1337)
