"""Answers that are an order of 1..n: how VCRBench's script reads them, and how a person would."""

import re

from rewards.answers import Answer, Permutation
from rewards.spoken import spoken
from tasks.benchmarks.reading import Reading
from tasks.core.types import Sample

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_CLIP = r"(?:the\s)?(?:(?:clip|video|segment)\s?)?#?"
# Possessive quantifiers (`++`, `*+`) give nothing back, so no answer, however long or odd, takes
# more than linear time.
_COUNTER = re.compile(rf"\bstep\s*+#?\d++\s*+[:=.)-]++\s*+(?={_CLIP}\d)", re.IGNORECASE)
"""`Step 1: Clip 2`: what counts the places, not the clips."""
_LISTED = re.compile(rf"\W*+(?:(\d++)\s?[.):]\s*+)?+{_CLIP}(\d++)(\W*+$)?", re.IGNORECASE)
"""A line of a list: its counter, its clip, and whether that is all."""
_STATED = re.compile(r"\b(?:order|sequence|answer)\b", re.IGNORECASE)
_INTEGER = re.compile(r"\d+")
_MOST_DIGITS = 9
"""A longer integer is no clip's number; Python refuses to convert very long ones."""


def written_order(answer: Answer) -> str:
    """As the official prompt asks for it: `2, 1, 3`."""
    assert isinstance(answer, Permutation)
    return ", ".join(map(str, answer.positions))


def read_order(sample: Sample, text: str) -> Reading:
    """Right only as a whole; the number of right places stands in `values`."""
    truth = [int(digit) for digit in sample.answer]
    paper, robust = official_order(text, len(truth)), find_order(text, len(truth))
    places = sum(said == right for said, right in zip(paper or [], truth, strict=False))
    return Reading(
        paper=float(paper == truth),
        robust=float(robust == truth),
        paper_parsed=paper is not None,
        robust_parsed=robust is not None,
        answer=",".join(map(str, robust or [])),
        values={"places_right": places},
    )


def official_order(text: str, count: int) -> list[int] | None:
    """The first sentence whose comma-separated fields start with the numbers 1 to `count`, each
    once.

    Source: process.py of github.com/pritamqu/VCRBench. Its list of phrases begins with an empty
    one, which always fits.
    """
    for sentence in _SENTENCE_ENDS.split(text.replace("*", "")):
        if sentence.count(",") < count - 1:
            continue
        fields = (_INTEGER.search(field) for field in sentence.split(","))
        found = _order([integer(number[0]) for number in fields if number], count)
        if found:
            return found
    return None


def find_order(text: str, count: int) -> list[int] | None:
    """The numbers 1 to `count`, each once, whatever stands between them, of the last sentence that
    calls itself an order, else of the last with such numbers; else of lines that name a clip each.
    """
    plain = _COUNTER.sub("", spoken(text).replace("*", ""))
    bare = plain.strip()
    if len(bare) == count and (
        found := _order([int(digit) for digit in bare if digit in "123456789"], count)
    ):
        return found
    sentences = _SENTENCE_ENDS.split(plain)
    orders = [(sentence, found) for sentence in sentences if (found := _order_in(sentence, count))]
    if orders:
        return next(
            (found for sentence, found in reversed(orders) if _STATED.search(sentence)),
            orders[-1][1],
        )
    return _listed_order(plain, count) or official_order(plain, count)


def _order_in(sentence: str, count: int) -> list[int] | None:
    numbers = _INTEGER.findall(sentence)
    digits = list(numbers[0]) if len(numbers) == 1 and len(numbers[0]) == count else numbers
    return _order([integer(number) for number in digits], count)


def _listed_order(text: str, count: int) -> list[int] | None:
    """Of lines that are counted (`1. Clip 2: she pours`), or that hold a clip's number and no
    more."""
    lines = [found for found in map(_LISTED.match, text.split("\n")) if found]
    counted = [line for line in lines if line[1]]
    bare = [line for line in lines if not line[1] and line[3] is not None]
    if [integer(line[1]) for line in counted] != list(range(1, count + 1)):
        counted = []
    return _order([integer(line[2]) for line in counted or bare], count)


def integer(digits: str) -> int:
    """Of any digits; -1 for more than anything is counted with."""
    digits = digits.lstrip("0")
    return int(digits or 0) if len(digits) <= _MOST_DIGITS else -1


def _order(numbers: list[int], count: int) -> list[int] | None:
    return numbers if len(numbers) == count and set(numbers) == set(range(1, count + 1)) else None
