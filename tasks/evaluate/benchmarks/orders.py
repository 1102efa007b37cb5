"""Answers that are an order of 1..n: how VCRBench's script reads them, and how a person would."""

import re

from rewards.answers import Answer, Permutation
from rewards.spoken import spoken
from tasks.core.types import Sample
from tasks.evaluate.benchmarks.reading import Reading

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
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
    """The first sentence whose comma-separated fields start with the numbers 1 to `count`, each once.

    Source: process.py of github.com/pritamqu/VCRBench. Its list of phrases begins with an empty one, which always fits.
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
    """The last sentence that names the numbers 1 to `count`, each once, whatever stands between them."""
    plain = spoken(text).replace("*", "")
    bare = plain.strip()
    if len(bare) == count and (found := _order([int(digit) for digit in bare if digit in "123456789"], count)):
        return found
    for sentence in reversed(_SENTENCE_ENDS.split(plain)):
        found = _order([integer(number) for number in _INTEGER.findall(sentence)], count)
        if found:
            return found
    return official_order(plain, count)


def integer(digits: str) -> int:
    """Of any digits; -1 for more than anything is counted with."""
    digits = digits.lstrip("0")
    return int(digits or 0) if len(digits) <= _MOST_DIGITS else -1


def _order(numbers: list[int], count: int) -> list[int] | None:
    return numbers if len(numbers) == count and set(numbers) == set(range(1, count + 1)) else None
