"""TempCompass: 410 clips that differ in time only (llyx97/TempCompass). Three of its tasks;
captioning needs a judge.

The paper does not say which task it reports; its script grades letters only, so the headline is
multiple choice.

Forms that are read: the authors' `questions/<task>.json`, by video and dimension
(llyx97/TempCompass); and rows of `video_id`, `dim`, `question` and `answer`: the hub's
`<task>/test-*.parquet` (lmms-eval/TempCompass), and the `<task>.json` that VLMEvalKit makes of it
(vlmeval/dataset/tempcompass.py). Videos lie in `videos/`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewards.letters import find_letter, find_words
from tasks.benchmarks.adapter import Adapter, BenchmarkSource, make_sample
from tasks.benchmarks.annotations import Where, find_parts, is_list_file, read_object, read_rows_of
from tasks.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.benchmarks.lookup import stem_of
from tasks.benchmarks.reading import Reading
from tasks.benchmarks.wording import Words, worded
from tasks.core.types import BenchmarkFacts, Sample, VideoFile

_DIMENSIONS = ("action", "direction", "speed", "order", "attribute_change")
_YES_NO_WORDS = Words(usual="{question}\nAnswer with yes or no.")
_MATCHING_WORDS = Words(usual="{question}\nAnswer with the best option directly.")
_YES_NO = ("yes", "no")
_SPOKEN_LABEL = re.compile(r"\b(?:option|sentence|caption)\s+(\w)\b", re.IGNORECASE)
_LABEL = re.compile(r"((?:Option|Sentence|Caption) (\w))\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Row:
    question: str
    answer: str


@dataclass(frozen=True)
class _Item:
    """One question with its place in the file."""

    where: Where
    item_id: str
    video: str
    file: VideoFile
    dimension: str
    row: _Row


@dataclass(frozen=True, kw_only=True)
class _Flat(_Row):
    """A row of the hub's copy."""

    video_id: str
    dim: str


def _items(source: BenchmarkSource, task: str) -> Iterator[_Item]:
    paths = find_parts(
        source.root, f"questions/{task}.json", f"{task}/test-*.parquet", f"{task}.json"
    )
    yield from (
        _flat_items(source, paths) if is_list_file(paths[0]) else _nested_items(source, paths[0])
    )


def _flat_items(source: BenchmarkSource, paths: Sequence[Path]) -> Iterator[_Item]:
    counts: Counter[tuple[str, str]] = Counter()
    for where, row in read_rows_of(paths, _Flat):
        if row.dim not in _DIMENSIONS:
            raise where.error(
                "dim", f"got {row.dim!r:.80}, expected one of {', '.join(_DIMENSIONS)}"
            )
        video = stem_of(row.video_id).removesuffix(".jpg")
        number, counts[video, row.dim] = counts[video, row.dim], counts[video, row.dim] + 1
        found = source.videos.find(f"{video}.mp4", ("videos",))
        yield _Item(where, f"{row.video_id}-{row.dim}-{number}", video, found, row.dim, row)


def _nested_items(source: BenchmarkSource, path: Path) -> Iterator[_Item]:
    for key, dimensions in read_object(path).items():
        # Some keys end as a picture's name does, but name a video.
        video = stem_of(key).removesuffix(".jpg")
        found = source.videos.find(f"{video}.mp4", ("videos",))
        if not isinstance(dimensions, dict) or not set(dimensions) <= set(_DIMENSIONS):
            raise Where(path, key).error(
                "", f"expected an object with some of {', '.join(_DIMENSIONS)}"
            )
        for dimension, records in dimensions.items():
            where = Where(path, f"{key}, {dimension}")
            if not isinstance(records, list):
                raise where.error("", f"expected a list of questions, got {records!r:.80}")
            for number, record in enumerate(records):
                inner = Where(path, f"{key}, {dimension} {number}")
                yield _Item(
                    inner,
                    f"{key}-{dimension}-{number}",
                    video,
                    found,
                    dimension,
                    inner.parse(_Row, record),
                )


def _sample(
    name: str, item: _Item, question: str, answer: str, answer_kind: str, facts: BenchmarkFacts
) -> Sample:
    return make_sample(
        name,
        item.item_id,
        kind=item.dimension,
        files=[(item.video, item.file)],
        question=question,
        answer=answer,
        answer_kind=answer_kind,
        facts=facts,
        tags={"dimension": item.dimension},
    )


def _load_choices(source: BenchmarkSource) -> Iterator[Sample]:
    for item in _items(source, "multi-choice"):
        facts = choice_facts(options_in(item.row.question))
        answer = right_letter(item.where, "answer", item.row.answer, facts)
        question = ask_choice(item.row.question, (), source.conditions)
        yield _sample("tempcompass", item, question, answer, "choice", facts)


def _load_yes_no(source: BenchmarkSource) -> Iterator[Sample]:
    for item in _items(source, "yes_no"):
        answer = item.row.answer.strip().lower()
        if answer not in {"yes", "no"}:
            raise item.where.error("answer", f"got {item.row.answer!r:.80}, expected yes or no")
        question = worded(
            source.conditions.wording or _YES_NO_WORDS.usual, item.row.question.strip()
        )
        yield _sample(
            "tempcompass_yes_no", item, question, answer, "text", BenchmarkFacts(options=_YES_NO)
        )


def _load_matching(source: BenchmarkSource) -> Iterator[Sample]:
    for item in _items(source, "caption_matching"):
        lines = tuple(line.strip() for line in item.row.question.strip().splitlines()[1:3])
        answer = item.row.answer.strip()
        if len(lines) < 2 or not all(map(_LABEL.fullmatch, lines)):
            raise item.where.error("question", "expected two options in its second and third line")
        if not any(answer.rstrip(".") in _forms(line) for line in lines):
            raise item.where.error("answer", f"got {answer!r:.80}, expected one of {lines}")
        question = worded(
            source.conditions.wording or _MATCHING_WORDS.usual, item.row.question.strip()
        )
        right = next(line for line in lines if answer.rstrip(".") in _forms(line))
        yield _sample(
            "tempcompass_caption_matching",
            item,
            question,
            right,
            "text",
            BenchmarkFacts(options=lines),
        )


def _read_yes_no(sample: Sample, text: str) -> Reading:
    """Official: how the answer starts (`extract_pred` in eval_yes_no.py; the judge that it may ask
    is left out)."""
    start = text.replace("</s>", "").strip()[:3].lower()
    official = next((word for word in _YES_NO if start.startswith(word)), "")
    said = find_words(text, _YES_NO)
    return _reading(sample, official, "" if said is None else _YES_NO[said])


def _read_matching(sample: Sample, text: str) -> Reading:
    """Official: the whole line, its sentence, its label or its bare number (`eval_rule` in
    eval_caption_matching.py; a final dot, about which that script asks a judge, makes no
    difference). Robust: labels are read as letters.
    """
    facts = sample.benchmark
    assert facts is not None
    said = text.replace("</s>", "").strip()
    official = next((line for line in facts.options if _is_said(line, said)), "")
    letters = {
        _label(line)[1].lower(): letter for letter, line in zip("AB", facts.options, strict=True)
    }
    lettered = _SPOKEN_LABEL.sub(
        lambda match: f"option {letters.get(match[1].lower(), match[1])}", text
    )
    letter = letters.get(said.rstrip(".").lower()) or find_letter(
        lettered, "AB", [_label(line)[2] for line in facts.options]
    )
    return _reading(sample, official, facts.options["AB".index(letter)] if letter else official)


def _is_said(line: str, said: str) -> bool:
    label, number, sentence = _label(line)
    words = {part.rstrip(".") for part in (said, *said.split(") ", 2)[1:2])}
    return bool(
        words & {line.rstrip("."), sentence.rstrip(".")}
        or {said, said.replace(".", "")} & {label, number}
    )


def _label(line: str) -> tuple[str, str, str]:
    """Of an option its label, the label's number or letter, and its sentence."""
    match = _LABEL.fullmatch(line)
    assert match is not None
    return match[1], match[2], match[3]


def _forms(line: str) -> tuple[str, str, str, str]:
    """How the data may state the right option: line, sentence, label, bare number; without a final
    dot."""
    label, number, sentence = _label(line)
    return line.rstrip("."), sentence.rstrip("."), label, number


def _reading(sample: Sample, paper: str, robust: str) -> Reading:
    return Reading(
        paper=float(paper == sample.answer),
        robust=float(robust == sample.answer),
        paper_parsed=paper != "",
        robust_parsed=robust != "",
        answer=robust,
    )


TEMPCOMPASS = Adapter(
    name="tempcompass",
    load=_load_choices,
    num_items=1580,
    choices=("task: multiple choice (the paper does not say which)",),
)
TEMPCOMPASS_YES_NO = Adapter(
    name="tempcompass_yes_no",
    load=_load_yes_no,
    read=_read_yes_no,
    num_items=2453,
    words=_YES_NO_WORDS,
)
TEMPCOMPASS_CAPTION_MATCHING = Adapter(
    name="tempcompass_caption_matching",
    load=_load_matching,
    read=_read_matching,
    num_items=1503,
    words=_MATCHING_WORDS,
)
