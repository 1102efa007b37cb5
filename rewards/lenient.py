"""Text -> answer as a person would read it: the answer may stand in a sentence. Reported apart, never trained on.

What the official format accepts is read the same way here. Else thoughts are left out, Unicode digits and dashes become
ASCII, and the last statement that looks like the answer counts, because models conclude at the end; of letters the one
that is chosen. Reading is linear in the text's length: patterns have bounded repeats, and of a long text only the end is
read.
"""

import re
import string
import unicodedata

from rewards.answers import Answer, AnswerKind, Choice, Counts, Number, Text
from rewards.letters import find_letter
from rewards.parse import DECIMAL, MAX_CHARS, interval, parse_answer, permutation
from rewards.spoken import spoken

_MAX_READ_CHARS = 4096
"""Of a longer text, this many characters at the end are read."""
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u301c~"), "-")
_SECOND = r"(?:\s{0,2}s(?:ec(?:onds?)?)?\b)?"
_INTERVAL = re.compile(
    rf"(?<![0-9.])({DECIMAL})\.?{_SECOND}\s{{0,9}}(?:-|to|and|until)\s{{0,9}}({DECIMAL})(?![0-9]|\.[0-9])"
)
_COUNTS = re.compile(r"(?<![0-9.,-])[0-9]{1,9}(?: ?, ?[0-9]{1,9}){0,31}(?![0-9]|[.,][0-9])")
_PERMUTATION = re.compile(r"(?<![0-9.])[1-9](?:[ ,>-]{0,4}[1-9]){0,8}(?![0-9]|\.[0-9])")
_NUMBER = re.compile(rf"(?<![0-9.])-?{DECIMAL}(?![0-9]|\.[0-9])")


def parse_leniently(text: str, kind: AnswerKind) -> Answer | None:
    """The answer that `text` states in whatever words, or None if none is found. Never raises."""
    official = parse_answer(text, kind)
    if official is not None:
        return official
    said = spoken(text)
    plain = unicodedata.normalize("NFKC", said[-_MAX_READ_CHARS:]).translate(_DASHES)
    match kind:
        case AnswerKind.INTERVAL:
            found = _last(_INTERVAL, plain)
            return interval(found[1], found[2]) if found else None
        case AnswerKind.COUNTS:
            found = _last(_COUNTS, plain)
            return Counts(tuple(int(part) for part in found[0].split(","))) if found else None
        case AnswerKind.PERMUTATION:
            found = _last(_PERMUTATION, plain)
            return permutation(re.sub("[^1-9]", "", found[0])) if found else None
        case AnswerKind.CHOICE:
            letter = find_letter(said, string.ascii_uppercase)
            return Choice(letter) if letter else None
        case AnswerKind.NUMBER:
            found = _last(_NUMBER, plain)
            return Number(float(found[0])) if found else None
        case AnswerKind.TEXT:
            words = plain.strip()[:MAX_CHARS].strip()
            return Text(words) if words else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    match = None
    for match in pattern.finditer(text):  # noqa: B007
        pass
    return match
