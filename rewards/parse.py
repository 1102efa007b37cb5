"""Text -> answer and back, by the official formats: the whole text must be the answer, nothing around it but blanks.

    interval      a-b       seconds, a <= b          2.0-4.5
    counts        a,b,c     non-negative integers    2,1,3
    permutation   digits    each of 1..n once        3124

Any text is allowed and none raises: only ASCII digits count, and their number is capped before conversion.
"""

import re

from rewards.answers import Answer, AnswerKind, Counts, Interval, Permutation

_MAX_CHARS = 256
_SECONDS = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_INTERVAL = re.compile(rf"{_SECONDS} ?- ?{_SECONDS}")
_COUNTS = re.compile(r"[0-9]{1,9}(?: ?, ?[0-9]{1,9})*")
_PERMUTATION = re.compile(r"[1-9]{1,9}")


def parse_answer(text: str, kind: AnswerKind) -> Answer | None:
    """The answer that `text` states, or None if it misses the format. Never raises."""
    text = text.strip()
    if len(text) > _MAX_CHARS:
        return None
    match kind:
        case AnswerKind.INTERVAL:
            return _interval(text)
        case AnswerKind.COUNTS:
            return Counts(tuple(int(part) for part in text.split(","))) if _COUNTS.fullmatch(text) else None
        case AnswerKind.PERMUTATION:
            return _permutation(text)


def format_answer(answer: Answer) -> str:
    """The canonical text of an answer; intervals are rounded to one decimal, as the questions ask for."""
    match answer:
        case Interval():
            return f"{answer.start_seconds:.1f}-{answer.end_seconds:.1f}"
        case Counts():
            return ",".join(map(str, answer.values))
        case Permutation():
            return "".join(map(str, answer.positions))


def _interval(text: str) -> Interval | None:
    match = _INTERVAL.fullmatch(text)
    if match is None:
        return None
    start, end = float(match[1]), float(match[2])
    return Interval(start, end) if start <= end else None


def _permutation(text: str) -> Permutation | None:
    if not _PERMUTATION.fullmatch(text):
        return None
    positions = tuple(int(digit) for digit in text)
    return Permutation(positions) if sorted(positions) == list(range(1, len(positions) + 1)) else None
