"""TempCompass: 410 clips that differ in time only (llyx97/TempCompass). Three of its tasks; captioning needs a judge.

The paper does not say which task it reports; its script grades letters only, so the headline is multiple choice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.core.types import BenchmarkFacts, Sample, VideoFile
from tasks.evaluate.benchmarks.adapter import Adapter, Source, make_sample
from tasks.evaluate.benchmarks.annotations import Where, find_file, read_object
from tasks.evaluate.benchmarks.choices import ask_choice, choice_facts, options_in, right_letter
from tasks.evaluate.benchmarks.lookup import stem_of
from tasks.evaluate.benchmarks.reading import Reading

_DIMENSIONS = ("action", "direction", "speed", "order", "attribute_change")
_YES_NO_LINE = "Answer with yes or no."
_MATCHING_LINE = "Answer with the best option directly."
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


def _items(source: Source, file: str) -> Iterator[_Item]:
    path = find_file(source.root, f"questions/{file}", file)
    for key, dimensions in read_object(path).items():
        video = stem_of(key).removesuffix(".jpg")
        found = source.videos.find(f"{video}.mp4", ("videos",))
        if not isinstance(dimensions, dict) or not set(dimensions) <= set(_DIMENSIONS):
            raise Where(path, key).error("", f"expected an object with some of {', '.join(_DIMENSIONS)}")
        for dimension, records in dimensions.items():
            where = Where(path, f"{key}, {dimension}")
            if not isinstance(records, list):
                raise where.error("", f"expected a list of questions, got {records!r:.80}")
            for number, record in enumerate(records):
                inner = Where(path, f"{key}, {dimension} {number}")
                yield _Item(inner, f"{key}-{dimension}-{number}", video, found, dimension, inner.parse(_Row, record))


def _sample(name: str, item: _Item, question: str, answer: str, answer_kind: str, facts: BenchmarkFacts) -> Sample:
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


def _load_choices(source: Source) -> Iterator[Sample]:
    for item in _items(source, "multi-choice.json"):
        facts = choice_facts(options_in(item.row.question))
        answer = right_letter(item.where, "answer", item.row.answer, facts)
        question = ask_choice(item.row.question, (), source.conditions)
        yield _sample("tempcompass", item, question, answer, "choice", facts)


def _load_yes_no(source: Source) -> Iterator[Sample]:
    for item in _items(source, "yes_no.json"):
        answer = item.row.answer.strip().lower()
        if answer not in {"yes", "no"}:
            raise item.where.error("answer", f"got {item.row.answer!r:.80}, expected yes or no")
        question = f"{item.row.question.strip()}\n{source.conditions.wording or _YES_NO_LINE}"
        yield _sample("tempcompass_yes_no", item, question, answer, "text", BenchmarkFacts(options=("yes", "no")))


def _load_matching(source: Source) -> Iterator[Sample]:
    for item in _items(source, "caption_matching.json"):
        lines = tuple(line.strip() for line in item.row.question.strip().splitlines()[1:3])
        answer = item.row.answer.strip()
        if len(lines) < 2 or not all(map(_LABEL.fullmatch, lines)):
            raise item.where.error("question", "expected two options in its second and third line")
        if not any(answer.rstrip(".") in _forms(line) for line in lines):
            raise item.where.error("answer", f"got {answer!r:.80}, expected one of {lines}")
        question = f"{item.row.question.strip()}\n{source.conditions.wording or _MATCHING_LINE}"
        right = next(line for line in lines if answer.rstrip(".") in _forms(line))
        yield _sample("tempcompass_caption_matching", item, question, right, "text", BenchmarkFacts(options=lines))


def _read_yes_no(sample: Sample, text: str) -> Reading:
    """The official rule, which reads how the answer starts."""
    found = re.match(r"yes|no", text.strip().lower())
    is_right = bool(found) and found is not None and found[0] == sample.answer
    return _same_in_both(is_right, found[0] if found else "")


def _read_matching(sample: Sample, text: str) -> Reading:
    """Official: the whole line, its sentence, its label or its bare number. Robust: also what starts with a label."""
    facts, said = sample.benchmark, text.strip().rstrip(".")
    assert facts is not None
    exact = next((line for line in facts.options if said in _forms(line)), "")
    starts = (line for line in facts.options if said.lower().startswith(_forms(line)[2].lower()))
    robust = exact or next(starts, "")
    return Reading(
        paper=float(exact == sample.answer),
        robust=float(robust == sample.answer),
        paper_parsed=bool(exact),
        robust_parsed=bool(robust),
        answer=robust,
    )


def _forms(line: str) -> tuple[str, str, str, str]:
    """How an option may be answered: line, sentence, label, bare number; without a final dot."""
    match = _LABEL.fullmatch(line)
    assert match is not None
    return line.rstrip("."), match[3].rstrip("."), match[1], match[2]


def _same_in_both(is_right: bool, answer: str) -> Reading:
    return Reading(
        paper=float(is_right),
        robust=float(is_right),
        paper_parsed=bool(answer),
        robust_parsed=bool(answer),
        answer=answer,
    )


TEMPCOMPASS = Adapter(
    name="tempcompass",
    load=_load_choices,
    num_items=1580,
    choices=("task: multiple choice (the paper does not say which)",),
)
TEMPCOMPASS_YES_NO = Adapter(name="tempcompass_yes_no", load=_load_yes_no, read=_read_yes_no, num_items=2453)
TEMPCOMPASS_CAPTION_MATCHING = Adapter(
    name="tempcompass_caption_matching", load=_load_matching, read=_read_matching, num_items=1503
)
