"""Text -> answer and back, by the official formats: the whole text must be the answer, nothing
around it but blanks.

    interval      a-b       seconds, a <= b          2.0-4.5
    counts        a,b,c     non-negative integers    2,1,3
    permutation   digits    each of 1..n once        3124
    choice        letter    one capital              B
    number        decimal   no exponent              -2.5
    text          words     not empty                a red car

Any text is allowed and none raises: only ASCII digits count, and their number is capped before
conversion.
"""

import re

from rewards.answers import Answer, AnswerKind, Choice, Counts, Interval, Number, Permutation, Text

MAX_CHARS = 256
"""A longer text is no answer."""
DECIMAL = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_INTERVAL = re.compile(rf"({DECIMAL}) ?- ?({DECIMAL})")
_COUNTS = re.compile(r"[0-9]{1,9}(?: ?, ?[0-9]{1,9})*")
# One digit for each part, so an order has at most nine parts, as many as the hardest jigsaw.
_PERMUTATION = re.compile(r"[1-9]{1,9}")
_CHOICE = re.compile(r"[A-Z]")
_NUMBER = re.compile(rf"-?{DECIMAL}")


def parse_answer(text: str, kind: AnswerKind) -> Answer | None:
    """The answer that `text` states, or None if it misses the format. Never raises."""
    text = text.strip()
    if not text or len(text) > MAX_CHARS:
        return None
    match kind:
        case AnswerKind.INTERVAL:
            match = _INTERVAL.fullmatch(text)
            return interval(match[1], match[2]) if match else None
        case AnswerKind.COUNTS:
            return (
                Counts(tuple(int(part) for part in text.split(",")))
                if _COUNTS.fullmatch(text)
                else None
            )
        case AnswerKind.PERMUTATION:
            return permutation(text) if _PERMUTATION.fullmatch(text) else None
        case AnswerKind.CHOICE:
            return Choice(text) if _CHOICE.fullmatch(text) else None
        case AnswerKind.NUMBER:
            return Number(float(text)) if _NUMBER.fullmatch(text) else None
        case AnswerKind.TEXT:
            return Text(text)


def format_answer(answer: Answer) -> str:
    """The canonical text of an answer; intervals are rounded to one decimal, as the questions ask
    for."""
    match answer:
        case Interval():
            return f"{answer.start_seconds:.1f}-{answer.end_seconds:.1f}"
        case Counts():
            return ",".join(map(str, answer.values))
        case Permutation():
            return "".join(map(str, answer.positions))
        case Choice():
            return answer.letter
        case Number():
            # As many decimals as the format takes, and never an exponent, which it does not take.
            return f"{answer.value:.9f}".rstrip("0").rstrip(".")
        case Text():
            return answer.words.strip()


def interval(start: str, end: str) -> Interval | None:
    """From two decimals; None if they are the wrong way round."""
    start_seconds, end_seconds = float(start), float(end)
    return Interval(start_seconds, end_seconds) if start_seconds <= end_seconds else None


def permutation(digits: str) -> Permutation | None:
    """From ASCII digits; None unless each of 1..n stands once."""
    positions = tuple(int(digit) for digit in digits)
    return (
        Permutation(positions) if sorted(positions) == list(range(1, len(positions) + 1)) else None
    )
