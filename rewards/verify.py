"""Answer -> reward in [0, 1]: smooth by closeness to the truth, and a strict twin for the ablation.

Interval, counts and permutation are the paper's: overlap, relative count error, normalised
displacement. A number is rewarded like one count. A choice is right or wrong. Words are compared as
bags (F1), after case, accents' encoding and punctuation are levelled.
"""

import math
import re
import unicodedata
from collections import Counter

from rewards.answers import Answer, Choice, Counts, Interval, Number, Permutation, Text

_EPSILON = 1e-9
"""Keeps the relative count error finite when nothing is to be counted (the paper's epsilon)."""


def verify(predicted: Answer | None, truth: Answer) -> float:
    """Smooth reward; 1 exactly for the truth itself, 0 for no answer or one of another type or
    length."""
    # First of all: an interval without length overlaps nothing, not even itself, and the formula
    # for orders would divide by 0 for an order of one.
    if _is_same(predicted, truth):
        return 1.0
    match predicted, truth:
        case Interval(), Interval():
            return _interval_overlap(predicted, truth)
        case Counts(), Counts():
            return _count_closeness(predicted, truth)
        case Permutation(), Permutation():
            return _order_closeness(predicted, truth)
        case Number(), Number():
            return _closeness(predicted.value, truth.value)
        case Text(), Text():
            return _word_overlap(predicted, truth)
        case Choice(), Choice():
            return 0.0
    return 0.0


def verify_strict(predicted: Answer | None, truth: Answer) -> float:
    """1 if exactly right (words: once levelled), else 0."""
    return float(_is_same(predicted, truth))


def _is_same(predicted: Answer | None, truth: Answer) -> bool:
    if isinstance(predicted, Text) and isinstance(truth, Text):
        return predicted == truth or _words(predicted) == _words(truth) != []
    return predicted == truth


def _interval_overlap(predicted: Interval, truth: Interval) -> float:
    """Intersection over union; intervals without length overlap nothing."""
    shared = min(predicted.end_seconds, truth.end_seconds) - max(
        predicted.start_seconds, truth.start_seconds
    )
    if not shared > 0:
        return 0.0
    hull = max(predicted.end_seconds, truth.end_seconds) - min(
        predicted.start_seconds, truth.start_seconds
    )
    return shared / hull


def _closeness(predicted: float, truth: float) -> float:
    """max(0, 1 - |predicted - true| / (|true| + epsilon)); 0 for what is not finite."""
    if not math.isfinite(predicted):
        return 0.0
    return max(0.0, 1.0 - abs(predicted - truth) / (abs(truth) + _EPSILON))


def _count_closeness(predicted: Counts, truth: Counts) -> float:
    """Mean closeness over the things counted."""
    if len(predicted.values) != len(truth.values):
        return 0.0
    return sum(_closeness(p, t) for p, t in zip(predicted.values, truth.values, strict=True)) / len(
        truth.values
    )


def _order_closeness(predicted: Permutation, truth: Permutation) -> float:
    """1 - (sum of every clip's displacement) / floor(n * n / 2), the most that any two orders can
    differ by."""
    count = len(truth.positions)
    if sorted(predicted.positions) != sorted(truth.positions):
        return 0.0
    displacement = sum(
        abs(place - truth.positions.index(number))
        for place, number in enumerate(predicted.positions)
    )
    return 1.0 - displacement / (count * count // 2)


def _word_overlap(predicted: Text, truth: Text) -> float:
    """F1 of the two bags of words; below 1, because the same words in another order are not the
    same text."""
    said, right = Counter(_words(predicted)), Counter(_words(truth))
    shared = (said & right).total()
    if not shared:
        return 0.0
    return min(2 * shared / (said.total() + right.total()), 1.0 - _EPSILON)


def _words(text: Text) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text.words).casefold())
