"""One row of a foreign data set -> a sample: what it must be, and what it does not say found out or
named as unknown.

Its pretext task and kind become names of metrics and labels of charts, its texts go through a
tokenizer and into manifests, its times into clips. What `check_row` refuses costs one row, before
any of its videos is read; in a later stage it would end a run.
"""

import math
import posixpath
import re
from collections.abc import Sequence

from rewards.answers import AnswerKind
from rewards.schema import Schema, canonical_answer, read_schema
from tasks.core.types import Clip, Sample, Split, View
from tasks.core.viubench import EASY_LEVEL, HARD_LEVEL
from tasks.exchange.row import Row, RowError, check_question, check_text, short

_MOST_CHARS = {"answer": 4096, "sample_id": 200, "split": 200, "answer_kind": 4096}
_NAME = re.compile(r"[\w][\w .:/-]{0,99}")
"""As MLflow allows it in a metric's name (`mlflow.utils.validation`), short enough for three in
one."""
_KIND_OF_PRETEXT = {
    "grounding": AnswerKind.INTERVAL,
    "counting": AnswerKind.COUNTS,
    "jigsaw": AnswerKind.PERMUTATION,
}
_KINDS_TO_TRY = (
    *(AnswerKind.CHOICE, AnswerKind.INTERVAL, AnswerKind.PERMUTATION),
    *(AnswerKind.NUMBER, AnswerKind.COUNTS, AnswerKind.TEXT),
)
"""In this order if neither row nor pretext task tells the kind; words are what is left."""
_OPENING, _CLOSING = "<answer>", "</answer>"
_LETTER = re.compile(r"\(?([A-Z])\)?[.:]?")
_UNKNOWN_PRETEXT = "imported"
_HARD_CLIPS = 8


def check_row(row: Row) -> None:
    """Raises:
    RowError: a text is too long or cannot be written, a name cannot be one, or a number is out of
        its range.
    """
    check_question(row.question)
    for field, most in _MOST_CHARS.items():
        check_text(field, getattr(row, field), most)
    for field in ("pretext", "kind"):
        name = getattr(row, field)
        # MLflow also refuses names that are paths written otherwise than need be, as a//b or ./a.
        if name and not (_NAME.fullmatch(name) and posixpath.normpath(name) == name):
            raise RowError(
                field,
                f"got {short(name)}, expected a name of letters, digits, spaces and _ . : / -",
            )
    if not row.sample_id.isprintable():
        raise RowError(
            "sample_id", f"got {short(row.sample_id)}, expected text without control characters"
        )
    if row.level is not None and not 0 <= row.level <= 1:
        raise RowError("level", f"got {row.level}, expected a number from 0 to 1")
    for video in row.videos:
        if not 0 <= video.fps < math.inf:
            raise RowError("fps", f"got {video.fps}, expected a number from 0 on")
        if not all(0 <= second < math.inf for second in video.timestamps_seconds):
            raise RowError("timestamps_seconds", "expected finite numbers from 0 on")


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
        views=tuple(
            View(clip_id=c.clip_id, start_frame=0, stop_frame=len(c.timestamps_seconds))
            for c in clips
        ),
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
    for kind in [known] if known else _kinds_to_try(row, written):
        answer = canonical_answer(written, _schema(kind))
        if answer is not None:
            return kind, answer
    expected = f"an answer of kind {known}" if known else "an answer"
    raise RowError("answer", f"got {short(row.answer)}, expected {expected}")


def _level(row: Row) -> float:
    """The release has two levels of difficulty; a jigsaw's number of clips tells them apart."""
    return HARD_LEVEL if row.pretext == "jigsaw" and len(row.videos) >= _HARD_CLIPS else EASY_LEVEL


def _kinds_to_try(row: Row, answer: str) -> list[AnswerKind]:
    """Digits state an order only if as many videos are shown: 12 might be a number too."""
    has_as_many = len(row.videos) == len(answer) > 1
    return [kind for kind in _KINDS_TO_TRY if kind is not AnswerKind.PERMUTATION or has_as_many]


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
