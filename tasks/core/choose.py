"""Which items to take when not all can be: at random by their names, or every cell in turn."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, zip_longest
from typing import TypeVar

from tasks.core.seeding import uniform_hash
from tasks.core.types import Sample

ItemT = TypeVar("ItemT")


def shuffled(
    items: Iterable[ItemT], name_of: Callable[[ItemT], str | int], *purpose: str | int
) -> list[ItemT]:
    """`items` in an order that hangs on each one's name and the purpose, not on who else comes."""
    return sorted(items, key=lambda item: uniform_hash(*purpose, name_of(item)))


def choose_at_random(
    items: Sequence[ItemT], limit: int, name_of: Callable[[ItemT], str | int], *purpose: str | int
) -> list[ItemT]:
    """At most `limit` of `items` (0: all), the first when `shuffled`, in their own order."""
    if not 0 < limit < len(items):
        return list(items)
    order = shuffled(range(len(items)), lambda index: name_of(items[index]), *purpose)
    return [items[index] for index in sorted(order[:limit])]


def choose_in_turn(samples: Iterable[Sample], limit: int, seed: int, purpose: str) -> list[Sample]:
    """At most `limit` of `samples`, taken from the cells in turn; random within a cell.

    Holds a few times `limit` samples a cell, however many come by. `purpose` keeps the draws of
    different uses apart.
    """
    cells: defaultdict[tuple[str, str, float], list[tuple[float, Sample]]] = defaultdict(list)
    for sample in samples:
        members = cells[sample.cell]
        members.append((uniform_hash(purpose, seed, sample.sample_id), sample))
        # Sorting at twice the limit, not at each sample, keeps the cost of a sample small.
        if len(members) > 2 * limit:
            _keep_first(members, limit)
    for members in cells.values():
        _keep_first(members, limit)
    # Neighbouring cells belong to different pretext tasks, so that the last, incomplete turn
    # reaches all of them.
    cells_by_pretext = [
        list(found) for _, found in groupby(sorted(cells), key=lambda cell: cell[0])
    ]
    in_turn = _in_turn(cells[cell] for cell in _in_turn(cells_by_pretext))
    return [sample for _, sample in in_turn[:limit]]


def _keep_first(members: list[tuple[float, Sample]], limit: int) -> None:
    members.sort(key=lambda member: member[0])
    del members[limit:]


def _in_turn(groups: Iterable[Sequence[ItemT]]) -> list[ItemT]:
    """The first of each group, then the second of each, ..."""
    return [item for turn in zip_longest(*groups) for item in turn if item is not None]
