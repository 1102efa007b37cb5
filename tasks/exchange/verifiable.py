"""Questions of the data sets for reasoning models -> questions whose answers a rule can check.

Their rows say of what type a question is (`problem_type`), and their authors reward each type
otherwise:

    type                   their reward                            here
    multiple choice        same letter                             choice
    numerical              same number (SpaceR: relative error)    number
    regression             1 - relative error                      number
    temporal grounding     overlap in time                         interval
    OCR                    1 - error rate of words                 none
    free-form, open-ended  ROUGE, or a judge                       none
    any other              exact match, or none at all             what the answer shows: letter,
                           number, yes or no

The last two groups measure how alike texts are; which text is right no rule says, so those rows are
refused, except where the answer is yes or no. Their prompts ask for thoughts and marks around the
answer; ours asks for the answer.

Sources: tulerfeng/Video-R1, src/r1-v/src/open_r1/grpo.py (`accuracy_reward`,
`make_conversation_image_and_video`); OuyangKun10/SpaceR,
SpaceR-SG-RLVR/src/r1-v/src/open_r1/SG-RLVR.py; NVlabs/Long-RL, examples/reward_function/r1v.py.
"""

import json
import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from rewards.answers import AnswerKind
from tasks.exchange.row import JsonAnswer, RowError, check_question, check_text, short

PICTURE = "picture instead of a video"
NO_RULE = "answer without a rule"
"""Names of metrics too."""

_ANSWER_CHARS = 4096
_MARKED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_LETTERED = re.compile(r"\s*\(?([A-Z])[.):]")
_OPTION_LINE = re.compile(r"^[ \t]*\(?([A-Z])[.):]", re.MULTILINE)
_NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3}){1,2}|[0-9]{1,9})(?:\.[0-9]{1,9})?")
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
_TIMES = re.compile(
    r"\[?\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*s?\s*(?:-|to|,)\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*s?\s*\]?"
)
_KIND_OF_TYPE = {
    "multiple choice": AnswerKind.CHOICE,
    "numerical": AnswerKind.NUMBER,
    "regression": AnswerKind.NUMBER,
    "temporal grounding": AnswerKind.INTERVAL,
}
_WORDS = {"ocr", "free form", "open ended"}
_HOW = {
    AnswerKind.CHOICE: "Answer with the letter of the right option only.",
    AnswerKind.NUMBER: "Answer with a number only.",
    AnswerKind.INTERVAL: "Answer with the start and the end in seconds only, e.g. 2.0-4.5.",
    AnswerKind.TEXT: "Answer yes or no only.",
}


Options = list[str] | dict[str, str | None]
"""Texts, or texts by letter; a table has null for the letters that another row has."""


class Verifiable(NamedTuple):
    """A question with an answer that can be checked."""

    question: str
    answer: str
    answer_kind: str
    kind: str
    """The type of question, as a name."""


def check_is_video(data_type: str, names: Sequence[str]) -> None:
    """Raises:
    RowError: the row is about something else.
    """
    pictures = [name for name in names if name.lower().endswith(_PICTURES)]
    if data_type.lower() == "image" or pictures:
        raise RowError(
            "data_type", f"got {short(pictures[0] if pictures else data_type)}", reason=PICTURE
        )
    if data_type.lower() != "video":
        raise RowError("data_type", f"got {short(data_type)}, expected 'video'")


def verifiable(
    problem: str, answer: JsonAnswer, problem_type: str, options: Options, field: str
) -> Verifiable:
    """`field` is what the layout calls the answer, which may stand between `<answer>` marks.

    Raises:
        RowError: the answer is not of its type or says two things, or no rule can check it; options
            that share a letter, or a text that is empty or too long.
    """
    check_question(problem)
    if not problem.strip():
        raise RowError("question", "empty")
    bare = _in_marks(str(answer), field)
    listed = lettered(options)
    letters = [line[1] for line in map(_LETTERED.match, listed) if line] or _OPTION_LINE.findall(
        problem
    )
    type_name = re.sub(r"[\s_-]+", " ", problem_type.lower()).strip()
    # Some layouts have the options in the question itself, each on a line of its own.
    letter = _letter(bare, letters, listed or problem.split("\n"))
    kind = _KIND_OF_TYPE.get(type_name) or _kind_of(bare, letter, is_text=type_name in _WORDS)
    written = letter if kind is AnswerKind.CHOICE else _canonical(bare, kind) if kind else None
    if kind is None:
        detail = (
            f"{short(bare)} to a question of the type {short(problem_type)}: no rule says "
            "what else is right"
        )
        raise RowError(field, detail, reason=NO_RULE)
    if written is None:
        among = f" among {', '.join(letters) or 'no options'}" if kind is AnswerKind.CHOICE else ""
        raise RowError(field, f"got {short(bare)}, expected an answer of kind {kind}{among}")
    question = (
        f"{problem}Options:\n" + "\n".join(listed)
        if listed and kind is AnswerKind.CHOICE
        else problem
    )
    return Verifiable(
        f"{question.rstrip()}\n{_HOW[kind]}",
        written,
        kind,
        re.sub(r"\W+", "_", type_name).strip("_"),
    )


def lettered(options: Options) -> list[str]:
    """Options as the question lists them: with their own letters, or with ours if they have none.

    Raises:
        RowError: two have one letter, or there are more than letters.
    """
    if isinstance(options, dict):
        options = [f"{letter}. {text}" for letter, text in options.items() if text is not None]
    num_given = len(options)
    if not all(map(_LETTERED.match, options)):
        # zip ends with Z: options that got no letter are missed in the count below.
        options = [
            f"{letter}. {option}"
            for letter, option in zip(string.ascii_uppercase, options, strict=False)
        ]
    own = {line[1] for line in map(_LETTERED.match, options) if line}
    if len(own) < num_given:
        raise RowError(
            "options", f"got {short(options)}, expected options with a letter of A to Z each"
        )
    return options


def _in_marks(answer: str, field: str) -> str:
    """
    Raises:
        RowError: there are several marks, which say different things, or the text is too long.
    """
    check_text(field, answer, _ANSWER_CHARS)
    bare: list[str] = [inside.strip() for inside in _MARKED.findall(answer)] or [answer.strip()]
    if len(set(bare)) > 1:
        raise RowError(field, f"got {short(answer)}, expected a single answer")
    return bare[0]


def _letter(bare: str, letters: Sequence[str], lines: Sequence[str]) -> str | None:
    """`B`, `b`, `(B)`, `B.`, and the whole option with its letter or without."""
    plain = bare.strip("(). ").upper()
    if plain in letters:
        return plain
    stated = {
        start[1]
        for line in lines
        if (start := _LETTERED.match(line)) and _same(bare, line, start.end())
    }
    # A text that two options share names neither.
    return stated.pop() if len(stated) == 1 else None


def _same(bare: str, line: str, start: int) -> bool:
    whole, text, own = (
        " ".join(part.lower().split()).rstrip(".") for part in (line, line[start:], bare)
    )
    return bool(text) and own in (whole, text)


def _kind_of(bare: str, letter: str | None, *, is_text: bool) -> AnswerKind | None:
    """The kind of an answer whose type does not tell; None if no rule can check it."""
    if letter is None and bare.lower() in ("yes", "no"):
        return AnswerKind.TEXT
    if is_text:
        return None
    if letter or (len(bare) == 1 and bare in string.ascii_uppercase):
        return AnswerKind.CHOICE
    return AnswerKind.NUMBER if _number(bare) else None


def _canonical(bare: str, kind: AnswerKind) -> str | None:
    match kind:
        case AnswerKind.NUMBER:
            return _number(bare)
        case AnswerKind.INTERVAL:
            return _interval(bare)
    return bare.lower()


def _number(bare: str) -> str | None:
    return bare.replace(",", "") if _NUMBER.fullmatch(bare) else None


def _interval(bare: str) -> str | None:
    """`a-b`, `a to b`, `[a, b]`, or an object with those as `time`, as later projects write it."""
    if bare.startswith("{") and len(bare) < 1000:
        try:
            bare = str(json.loads(bare)["time"])
        except (ValueError, KeyError, RecursionError):
            return None
    times = _TIMES.fullmatch(bare)
    return f"{times[1]}-{times[2]}" if times and float(times[1]) <= float(times[2]) else None
