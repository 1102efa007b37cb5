"""Which part of a video a text names, as a careful person would read it; in seconds.

    two times and what joins them   3.0 - 8.0, from 3 to 8 seconds, 0:03 – 0:08, 1 min 30 s until 2
                                    minutes
    a pair in brackets              [3.0, 8.0], {"timestamps": [3.0, 8.0]}
    two times after a keyword       starts at 3 s and ends at 8 s; starts at 3 s and lasts 5 s
    two times and no others         At 3 seconds it begins, and at 8 seconds it is over. (3.0, 8.0)

The first that is found counts. These are the forms of the paper's script and of three others
(timelens/utils.py of github.com/TencentARC/TimeLens, evaluate.py of github.com/www-Ye/Time-R1,
lmms_eval/tasks/charades_sta/utils.py of github.com/EvolvingLMMs-Lab/lmms-eval), and their like in a
few languages; in time linear in the text's length.
"""

import math
import re
from itertools import islice

from rewards.spoken import spoken

Window = tuple[float, float]
"""Start and end."""

_MARKUP = re.compile(r"\\(?:text|math)[a-z]*|[*_`$\\{}\"]")
# Possessive quantifiers (`++`, `*+`) give nothing back, so no answer, however long or odd, takes
# more than linear time.
_CLOCK = r"(?<![\d:.])(?:\d{1,3}:)?\d{1,3}:\d{2}(?:\.\d++|,\d{3}(?!\d))?+(?!\d|:\d)"
_PLAIN = r"\d++\.?+\d*+"
_NUMBER = r"(?<!\d)\d++(?:,\d{1,3}(?![\d,.])|\.)?+\d*+(?:e[+-]?\d{1,3}(?!\w))?+"
"""A comma stands for a dot before one or two digits, and for nothing before three."""
_SECONDS = r"(?:(?:seconds?|secs?|sekunden?|segundos?|secondes?|s)(?![^\W\d_])\.?|秒钟?|초)"
_MINUTES = r"(?:(?:minutes?|mins?|minuten|minutos?)(?![^\W\d_])\.?|分钟?|분)"
_UNIT = rf"(?:\s*+({_SECONDS}|{_MINUTES}))?+"
_TO = (
    r"(?:-{1,3}+>?|[‐‑‒–—―−]>?|[－~～〜→⇒至到]|から|에서|부터|"
    r"(?:to|and|until|till|through|thru|bis|und|à|a|e|y|et|hasta|até|до)\b)"
)
_CLOCK_RANGE = re.compile(rf"({_CLOCK})[)\]]?\s*+{_TO}\s*+[(\[]?({_CLOCK})", re.IGNORECASE)
_RANGE = re.compile(
    rf"({_NUMBER}){_UNIT}[)\]]?\s*+{_TO}\s*+[(\[]?(?:第\s?)?({_NUMBER}){_UNIT}",
    re.IGNORECASE,
)
_PAIR = re.compile(
    rf"\[\s*+({_CLOCK}|{_PLAIN})\s?s?\s*+,\s*+({_CLOCK}|{_PLAIN})\s?s?\s*+\]", re.IGNORECASE
)
_BARE_PAIR = re.compile(
    rf"\W*+({_CLOCK}|{_PLAIN})\s?s?[\s,;]++({_CLOCK}|{_PLAIN})\s?s?\W*+", re.IGNORECASE
)
_MIXED = re.compile(
    r"(?<![\w.])(?:(\d{1,3})\s?h(?:ours?|rs?)?[\s,]*+)?(\d{1,4})\s?(?:m|mins?|minutes?|分钟?|分)[\s,]*+(?:and\s++)?"
    rf"(\d{{1,2}}(?:\.\d++)?+)\s?{_SECONDS}",
    re.IGNORECASE,
)
"""`1 min 30 s`."""
_TIME = re.compile(rf"({_CLOCK})|({_NUMBER}){_UNIT}", re.IGNORECASE)
_NAMED_TIME = re.compile(rf"({_CLOCK})|({_NUMBER})\s*+({_SECONDS}|{_MINUTES})", re.IGNORECASE)
_LEAD = re.compile(r"happens in|\bfrom\b", re.IGNORECASE)
_KEYWORD = re.compile(r"\b(?:start|begin|from|end)", re.IGNORECASE)
_LASTS = re.compile(
    r"\b(?:lasts?|lasting|continues for|goes on for|duration)\b(?!\s+(?:until|till|to)\b)",
    re.IGNORECASE,
)


def find_interval(text: str) -> Window | None:
    """The interval that `text` states, or None."""
    plain = _MIXED.sub(_in_seconds, _MARKUP.sub(" ", spoken(text)))
    lead = _LEAD.search(plain)
    # The sentence asked about may be echoed, with numbers of its own ("2-3 eggs"), before the
    # answer.
    for part in [plain[lead.end() :], plain] if lead else [plain]:
        found = _range(part)
        if found:
            return _finite(*found)
    found = _after_keyword(plain) or _only_two(plain)
    return _finite(*found) if found else None


def window_of(start: float, end: float) -> Window:
    """A window in seconds; annotations and answers hold a few that are the wrong way round."""
    return min(start, end), max(start, end)


def _range(text: str) -> Window | None:
    for pattern in (_PAIR, _CLOCK_RANGE):
        found = pattern.search(text)
        if found:
            return _value(found[1]), _value(found[2])
    found = _RANGE.search(text)
    if not found:
        return None
    # A unit said once, after the second number, is that of both: 1 to 2 minutes.
    return _value(found[1], found[2] or found[4]), _value(found[3], found[4])


def _after_keyword(text: str) -> Window | None:
    keyword = _KEYWORD.search(text)
    found = list(islice(_TIME.finditer(text, keyword.end()), 2)) if keyword else []
    if len(found) < 2:
        return None
    start, other = map(_time, found)
    lasts = _LASTS.search(text[found[0].end() : found[1].start()])
    return start, start + other if lasts else other


def _only_two(text: str) -> Window | None:
    bare = _BARE_PAIR.fullmatch(text)
    if bare:
        return _value(bare[1]), _value(bare[2])
    # Three are looked for: a third says that the two are not all.
    times = list(map(_time, islice(_NAMED_TIME.finditer(text), 3)))
    return (times[0], times[1]) if len(times) == 2 else None


def _time(found: re.Match[str]) -> float:
    return _value(found[1] or found[2], found[3])


def _in_seconds(found: re.Match[str]) -> str:
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return f"{hours * 3600 + minutes * 60 + seconds} s"


def _value(text: str, unit: str | None = None) -> float:
    """Of a clock time, or of a number of seconds or minutes."""
    whole, _, digits = text.partition(",")
    # Three digits after a comma are milliseconds in a clock time, thousands elsewhere.
    plain = whole + digits if len(digits) == 3 and ":" not in text else text.replace(",", ".")
    total = 0.0
    for part in plain.split(":"):
        total = total * 60 + float(part)
    return total * 60 if unit and unit[0] in "mM分분" else total


def _finite(start: float, end: float) -> Window | None:
    # Very long numbers become infinite, and an overlap with infinity is no number.
    return window_of(start, end) if math.isfinite(start) and math.isfinite(end) else None
