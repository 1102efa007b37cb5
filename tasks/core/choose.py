"""Which samples to take when not all can be: every cell gets the same share."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby, zip_longest
from typing import TypeVar

from tasks.core.seeding import uniform_hash
from tasks.core.types import Sample

ItemT = TypeVar("ItemT")


def choose_in_turn(samples: Sequence[Sample], limit: int, seed: int, purpose: str) -> list[Sample]:
    """At most `limit` of `samples`, taken from the cells in turn; random within a cell.

    `purpose` keeps the draws of different uses apart.
    """
    cells: defaultdict[tuple[str, str, float], list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: uniform_hash(purpose, seed, s.sample_id)):
        cells[sample.cell].append(sample)
    # Neighbouring cells belong to different pretext tasks, so that the last, incomplete turn reaches all of them.
    cells_by_pretext = [list(found) for _, found in groupby(sorted(cells), key=lambda cell: cell[0])]
    return _in_turn(cells[cell] for cell in _in_turn(cells_by_pretext))[:limit]


def _in_turn(groups: Iterable[Sequence[ItemT]]) -> list[ItemT]:
    """The first of each group, then the second of each, ..."""
    return [item for turn in zip_longest(*groups) for item in turn if item is not None]
