"""The layout `{video, question, answer}` that the paper's scripts read: any question in it can be a
benchmark.

`video` is a name or a list of names, `answer` a letter, `start-end` in seconds, or an order such as
2,1,3. Optional are `options`, `id` and `tags` (name -> text or texts).

The rows are anybody's: one that cannot be used is a question that could not be shown, with its
reason, so it stays in the denominator and is named in the result.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path

from rewards.answers import Answer, Permutation
from rewards.parse import format_answer
from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import Where
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, read_choice, right_letter
from tasks.benchmarks.grounding import (
    OFFICIAL_INTERVAL,
    ask_when,
    paper_interval,
    read_interval,
    written,
)
from tasks.benchmarks.lookup import stem_of
from tasks.benchmarks.orders import read_order, written_order
from tasks.benchmarks.reading import Reader, Reading
from tasks.benchmarks.wording import Words, worded
from tasks.core.errors import InputError
from tasks.core.types import BenchmarkFacts, Sample, VideoFile
from tasks.exchange.files import read_records
from tasks.exchange.row import RowError, check_question, check_text, short, why

_ENDINGS = {".json", ".jsonl", ".parquet"}
_ORDER = re.compile(r"\s*[1-9](?:(?:\s*,\s*|)[1-9])+\s*")
_MOST_CHARS = {"video": 4096, "answer": 4096, "id": 200, "tags": 200}
_READERS: dict[str, Reader] = {
    "choice": read_choice,
    "interval": read_interval,
    "permutation": read_order,
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    video: str | list[str]
    question: str
    answer: str
    options: list[str] = field(default_factory=list)
    id: str | int = ""
    tags: dict[str, str | list[str]] = field(default_factory=dict)


def _load(source: BenchmarkSource) -> Iterator[Sample]:
    file = _file(source.root)
    used: set[str] = set()
    kinds: set[str] = set()
    errors: list[str] = []
    for number, record in read_records(file):
        # Its name alone: a reason becomes a part of the question, which must not depend on where
        # the benchmark lies.
        where = Where(Path(file.name), number)
        try:
            sample = _sample(source, where, where.parse(_Row, record), used)
        except (InputError, OSError, ValueError) as error:
            errors.append(_reason(where, error))
            sample = _unusable(where, errors[-1], used)
        else:
            kinds.add(sample.kind)
        if source.conditions.wording and len(kinds) > 1:
            raise where.error(
                "answer",
                f"one wording for questions of the kinds {' and '.join(sorted(kinds))}; part them",
            )
        used.add(sample.sample_id)
        yield sample
    if used and len(errors) == len(used):
        raise InputError(f"{file}: none of the {len(used)} rows can be used, e.g. {errors[0]}")


def _sample(source: BenchmarkSource, where: Where, row: _Row, used: Set[str]) -> Sample:
    names = [row.video] if isinstance(row.video, str) else row.video
    if not names:
        raise where.error("video", "empty, expected a name or a list of names")
    if not row.question.strip():
        raise where.error("question", "empty")
    found = {"video": names, "answer": [row.answer], "id": [str(row.id)], "tags": _words(row.tags)}
    for field_name, texts in found.items():
        for text in texts:
            check_text(field_name, text, _MOST_CHARS[field_name])
    question, answer, kind, facts = _asked(source, where, row)
    check_question(question)
    sample = make_sample(
        "universal",
        row.id if row.id != "" else where.row,
        kind=kind,
        files=[(name, source.videos.find(name, ("videos",))) for name in names],
        question=question,
        answer=answer,
        answer_kind=kind,
        facts=facts,
        tags=row.tags,
    )
    if sample.sample_id in used:
        raise where.error("id", f"{short(row.id)} was used by an earlier row")
    return sample


def _unusable(where: Where, reason: str, used: Set[str]) -> Sample:
    # The rows' own ids are anybody's, so one may be called just as a row would be here.
    names = (
        f"row {where.row}{mark}" for mark in itertools.accumulate(itertools.repeat("'"), initial="")
    )
    name = next(name for name in names if f"universal/{name}" not in used)
    return make_sample(
        "universal",
        name,
        kind="choice",
        files=[(name, VideoFile(paths=(), missing=reason))],
        question="",
        answer="",
        facts=choice_facts(()),
    )


def _reason(where: Where, error: Exception) -> str:
    if isinstance(error, InputError):
        return error.message
    if isinstance(error, RowError):
        return f"{where.file}, row {where.row}, {error}"
    return where.error("video", why(error)).message


def _words(tags: Mapping[str, str | list[str]]) -> list[str]:
    return [
        *tags,
        *(
            word
            for found in tags.values()
            for word in ([found] if isinstance(found, str) else found)
        ),
    ]


def _file(root: Path) -> Path:
    listed = sorted(root.iterdir()) if root.is_dir() else []
    videos = {stem_of(path.name) for path in listed} - {path.name for path in listed}
    # What a downloader writes beside a video is called as the video is.
    found = [
        p
        for p in listed
        if p.suffix.lower() in _ENDINGS and p.stem.removesuffix(".info") not in videos
    ]
    if len(found) != 1:
        raise InputError(
            f"{len(found)} files with questions in {str(root)!r}; expected one .json, .jsonl or "
            ".parquet file with the fields video, question and answer, beside the videos"
        )
    return found[0]


def _asked(
    source: BenchmarkSource, where: Where, row: _Row
) -> tuple[str, str, str, BenchmarkFacts]:
    """Question, answer, its kind, and what else there is to know."""
    if OFFICIAL_INTERVAL.fullmatch(row.answer.strip()):
        window = paper_interval(row.answer)
        if window is None or not all(map(math.isfinite, window)):
            raise where.error("answer", f"got {short(row.answer)}, expected start-end in seconds")
        return (
            ask_when(row.question, source.conditions),
            written(window),
            "interval",
            BenchmarkFacts(windows=(window,)),
        )
    if _ORDER.fullmatch(row.answer):
        digits = "".join(filter(str.isdigit, row.answer))
        if sorted(map(int, digits)) != list(range(1, len(digits) + 1)):
            raise where.error(
                "answer",
                f"got {row.answer!r}, expected an order in which each of 1 to n stands once",
            )
        question = worded(source.conditions.wording or "{question}", row.question.strip())
        return question, digits, "permutation", BenchmarkFacts()
    facts = choice_facts(row.options or options_in(row.question))
    question = ask_choice(row.question, row.options, source.conditions)
    return question, right_letter(where, "answer", row.answer, facts), "choice", facts


def _read(sample: Sample, text: str) -> Reading:
    return _READERS[sample.answer_kind](sample, text)


def _write(answer: Answer) -> str:
    return written_order(answer) if isinstance(answer, Permutation) else format_answer(answer)


def _type_of(sample: Sample) -> str:
    """What the row's tags say; of one without, how it is answered."""
    tags = sample.benchmark.tags if sample.benchmark else {}
    said = [f"{name} {'/'.join(found)}" for name, found in sorted(tags.items())]
    return ", ".join(said) or sample.kind


UNIVERSAL = Adapter(
    name="universal",
    load=_load,
    read=_read,
    type_of=_type_of,
    words=Words(usual=""),
    write=_write,
)
