"""Answers that are an order of 1..n: how VCRBench's script reads them, and how a person would."""

import re

from tasks.core.types import Sample
from tasks.evaluate.benchmarks.reading import Reading

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_INTEGER = re.compile(r"\d{1,9}")
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_MOST_CHARS = 16384


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
    """The first sentence whose comma-separated fields start with the numbers 1 to `count`, each once."""
    for sentence in _SENTENCE_ENDS.split(text.replace("*", "")[:_MOST_CHARS]):
        fields = (_INTEGER.search(field) for field in sentence.split(","))
        found = _order([int(number[0]) for number in fields if number], count)
        if found:
            return found
    return None


def find_order(text: str, count: int) -> list[int] | None:
    """The last sentence that names the numbers 1 to `count`, each once, whatever stands between them."""
    plain = _THOUGHT.sub("", text[-_MOST_CHARS:]).replace("*", "")
    bare = _order([int(digit) for digit in plain.strip() if digit in "123456789"], count)
    if bare and len(plain.strip()) == count:
        return bare
    for sentence in reversed(_SENTENCE_ENDS.split(plain)):
        found = _order([int(number) for number in _INTEGER.findall(sentence)], count)
        if found:
            return found
    return official_order(text, count)


def _order(numbers: list[int], count: int) -> list[int] | None:
    return numbers if sorted(numbers) == list(range(1, count + 1)) else None
