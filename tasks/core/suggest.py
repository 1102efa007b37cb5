"""What somebody may have meant by a name that does not exist: names are compared word by word.

A forgotten name is seldom misspelt. Its words come in another order, one is plural, the unit is
left out (`videos_per_shard` for `shard_size_videos`), or it stands in another section.
"""

from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

_SAME_WORD = 0.7
"""Least likeness of two words that are one with a slip of the pen."""
_LIKELY = 0.5
"""Least likeness of two names of which one may stand for the other."""
_SAME_SECTION = 0.15
"""What a name counts more for standing where the unknown one was written."""


def suggest(unknown: str, known: Iterable[str]) -> str:
    """The path of `known` that `unknown` most likely stands for; empty if none is likely. Paths are
    joined by dots."""
    section, _, name = unknown.rpartition(".")

    def likeness(path: str) -> tuple[float, float]:
        own_section, _, own_name = path.rpartition(".")
        alike = _alike(name, own_name) + (_SAME_SECTION if own_section == section else 0.0)
        return alike, SequenceMatcher(None, unknown, path).ratio()

    best = max(known, key=likeness, default="")
    return best if best and likeness(best)[0] >= _LIKELY else ""


def _alike(first: str, second: str) -> float:
    """From 0 to 1: which part of the words of two names are the same, whatever their order; or how
    alike they look."""
    left, right = _words(first), _words(second)
    rows = sorted(
        ((_word(a, b), i, j) for i, a in enumerate(left) for j, b in enumerate(right)), reverse=True
    )
    taken_left, taken_right, shared = set[int](), set[int](), 0.0
    for score, i, j in rows:
        if score >= _SAME_WORD and i not in taken_left and j not in taken_right:
            taken_left.add(i)
            taken_right.add(j)
            shared += score
    by_words = 2 * shared / (len(left) + len(right)) if left and right else 0.0
    return max(by_words, SequenceMatcher(None, first, second).ratio() - 0.2)


def _words(name: str) -> list[str]:
    return [
        # `loss` is no plural.
        word if word.endswith("ss") else word.removesuffix("s")
        for word in name.lower().split("_")
        if word
    ]


@lru_cache(maxsize=4096)
def _word(first: str, second: str) -> float:
    return SequenceMatcher(None, first, second).ratio()
