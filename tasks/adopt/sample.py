"""One row of a foreign data set -> a sample: what the row does not say is found out or named as unknown."""

import re
from collections.abc import Sequence

from rewards.answers import AnswerKind
from rewards.schema import Schema, canonical_answer, read_schema
from tasks.core.types import Clip, Sample, Split, View
from tasks.core.viubench import EASY_LEVEL, HARD_LEVEL
from tasks.exchange.row import Row, RowError, short

_KIND_OF_PRETEXT = {
    "grounding": AnswerKind.INTERVAL,
    "counting": AnswerKind.COUNTS,
    "jigsaw": AnswerKind.PERMUTATION,
}
_TRIED = (AnswerKind.CHOICE, AnswerKind.INTERVAL, AnswerKind.PERMUTATION, AnswerKind.NUMBER, AnswerKind.COUNTS)
"""In this order if neither row nor pretext task tells the kind; words are what is left."""
_OPENING, _CLOSING = "<answer>", "</answer>"
_LETTER = re.compile(r"\(?([A-Z])\)?[.:]?")
_UNKNOWN_PRETEXT = "imported"
_HARD_CLIPS = 8


def sample_of(row: Row, clips: Sequence[Clip], sample_id: str, split: Split) -> Sample:
    """`clips`: of the row's videos, in order.

    Raises:
        RowError: the answer cannot be read.
    """
    answer_kind, answer = read_answer(row)
    pretext = row.pretext or _UNKNOWN_PRETEXT
    return Sample(
        sample_id=sample_id,
        split=split,
        pretext=pretext,
        kind=row.kind or ("clips" if pretext == "jigsaw" else pretext),
        level=row.level if row.level is not None else _level(row),
        views=tuple(View(clip_id=c.clip_id, start_frame=0, stop_frame=len(c.timestamps_seconds)) for c in clips),
        question=row.question,
        answer=answer,
        answer_kind=answer_kind,
        seed=0,
    )


def read_answer(row: Row) -> tuple[str, str]:
    """Its kind, and the answer as it should be written.

    Raises:
        RowError: there is no question, or the answer cannot be read.
    """
    if not row.question:
        raise RowError("question", "empty")
    known = row.answer_kind or _KIND_OF_PRETEXT.get(row.pretext)
    written = _bare(row.answer)
    for kind in [known] if known else [*_tried(row, written), AnswerKind.TEXT]:
        answer = canonical_answer(written, _schema(kind))
        if answer is not None:
            return kind, answer
    expected = f"an answer of kind {known}" if known else "an answer"
    raise RowError("answer", f"got {short(row.answer)}, expected {expected}")


def _level(row: Row) -> float:
    """The release has two points of difficulty; only a jigsaw's number of clips tells them apart."""
    return HARD_LEVEL if row.pretext == "jigsaw" and len(row.videos) >= _HARD_CLIPS else EASY_LEVEL


def _tried(row: Row, answer: str) -> list[AnswerKind]:
    """Digits state an order only if as many videos are shown, else a number: 12 or 321 might be both."""
    has_as_many = len(row.videos) == len(answer) > 1
    return [kind for kind in _TRIED if kind is not AnswerKind.PERMUTATION or has_as_many]


def _bare(answer: str) -> str:
    """Without what some data sets write around an answer: `<answer>` marks, and (B) or B. for B."""
    is_marked = answer.startswith(_OPENING) and answer.endswith(_CLOSING)
    bare = answer.removeprefix(_OPENING).removesuffix(_CLOSING).strip() if is_marked else answer
    letter = _LETTER.fullmatch(bare)
    return letter[1] if letter else bare


def _schema(answer_kind: str) -> Schema:
    try:
        return read_schema(answer_kind)
    except ValueError as error:
        raise RowError("answer_kind", str(error)) from error
