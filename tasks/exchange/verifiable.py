"""Questions of the data sets for reasoning models -> questions whose answers a rule can check.

Their rows say of what type a question is (`problem_type`), and their authors reward each type otherwise:

    type                   their reward                            here
    multiple choice        same letter                             choice
    numerical              same number (SpaceR: relative error)    number
    regression             1 - relative error                      number
    temporal grounding     overlap in time                         interval
    OCR                    1 - error rate of words                 none
    free-form, open-ended  ROUGE, or a judge                       none
    any other              exact match, or none at all             what the answer shows: letter, number, yes or no

The last two groups measure how alike texts are; which text is right no rule says, so those rows are refused, except
where the answer is yes or no. Their prompts ask for thoughts and marks around the answer; ours asks for the answer.

Sources: tulerfeng/Video-R1, src/r1-v/src/open_r1/grpo.py (`accuracy_reward`, `make_conversation_image_and_video`);
OuyangKun10/SpaceR, SpaceR-SG-RLVR/src/r1-v/src/open_r1/SG-RLVR.py; NVlabs/Long-RL, examples/reward_function/r1v.py.
"""

import json
import re
import string
from collections.abc import Sequence
from typing import NamedTuple

from rewards.answers import AnswerKind
from tasks.exchange.row import RowError, check_question, check_text, short

PICTURE = "picture instead of a video"
NO_RULE = "answer without a rule"
"""Names of metrics too."""

_ANSWER_CHARS = 4096
_MARKED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_LETTERED = re.compile(r"\s*\(?([A-Z])[.):]")
_OPTION_LINE = re.compile(r"^[ \t]*\(?([A-Z])[.):]", re.MULTILINE)
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?")
_TIMES = re.compile(r"\[?\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*s?\s*(?:-|to|,)\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*s?\s*\]?")
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


class Verifiable(NamedTuple):
    """A question with an answer that can be checked."""

    question: str
    answer: str
    answer_kind: str
    kind: str
    """The type of question, as a name."""


def verifiable(
    problem: str, answer: str, problem_type: str, options: Sequence[str] | None, data_type: str, field: str
) -> Verifiable:
    """`field` is what the layout calls the answer, which may stand between `<answer>` marks.

    Raises:
        RowError: it is about a picture, the answer is not of its type, or no rule can check it; or a text is too long.
    """
    check_question(problem)
    check_text(field, answer, _ANSWER_CHARS)
    if data_type != "video":
        reason = PICTURE if data_type == "image" else ""
        raise RowError("data_type", f"got {short(data_type)}, expected 'video'", reason=reason)
    asked = re.sub(r"[\s_-]+", " ", problem_type.lower()).strip()
    marked = _MARKED.search(answer)
    said = (marked[1] if marked else answer).strip()
    listed = lettered(options or ())
    letters = [found[1] for found in map(_LETTERED.match, listed) if found] or _OPTION_LINE.findall(problem)
    kind = _KIND_OF_TYPE.get(asked) or _shown(said, is_text=asked in _WORDS)
    written = _written(said, kind, letters) if kind else None
    if kind is None:
        detail = f"{short(said)} to a question of the type {short(problem_type)}: no rule says what else is right"
        raise RowError(field, detail, reason=NO_RULE)
    if written is None:
        among = f" among {', '.join(letters) or 'no options'}" if kind is AnswerKind.CHOICE else ""
        raise RowError(field, f"got {short(said)}, expected an answer of kind {kind}{among}")
    question = f"{problem}Options:\n" + "\n".join(listed) if listed and kind is AnswerKind.CHOICE else problem
    return Verifiable(f"{question.rstrip()}\n{_HOW[kind]}", written, kind, re.sub(r"\W+", "_", asked).strip("_"))


def lettered(options: Sequence[str]) -> list[str]:
    """Options as the question lists them: with their own letters, or with ours if they have none."""
    if all(_LETTERED.match(option) for option in options):
        return list(options)
    return [f"{letter}. {option}" for letter, option in zip(string.ascii_uppercase, options, strict=False)]


def _shown(said: str, *, is_text: bool) -> AnswerKind | None:
    """The kind of an answer whose type does not tell."""
    if said.lower() in ("yes", "no"):
        return AnswerKind.TEXT
    if is_text:
        return None
    if len(said) == 1 and said in string.ascii_uppercase:
        return AnswerKind.CHOICE
    return AnswerKind.NUMBER if _number(said) else None


def _written(said: str, kind: AnswerKind, letters: Sequence[str]) -> str | None:
    match kind:
        case AnswerKind.CHOICE:
            return said if said in letters else None
        case AnswerKind.NUMBER:
            return _number(said)
        case AnswerKind.INTERVAL:
            return _interval(said)
    return said.lower()


def _number(said: str) -> str | None:
    plain = said.replace(",", "")
    return plain if _NUMBER.fullmatch(plain) else None


def _interval(said: str) -> str | None:
    """`a-b`, `a to b`, `[a, b]`, or an object with those as `time`, as later projects write it."""
    if said.startswith("{") and len(said) < 1000:
        try:
            said = str(json.loads(said)["time"])
        except (ValueError, KeyError, RecursionError):
            return None
    times = _TIMES.fullmatch(said)
    return f"{times[1]}-{times[2]}" if times and float(times[1]) <= float(times[2]) else None
