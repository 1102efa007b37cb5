"""The best constant answer to each item, chosen on others: it must not profit from its own choice.
Pure."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from rewards.schema import Schema
from tasks.benchmarks.constants import ConstantAnswer, RightAnswer, best_constant
from tasks.core.choose import shuffled

LEAST_CHOSEN_ON = 8
"""Right answers of a cell that a constant is chosen on alone. Measured on planned samples of levels
0 and 0.5: chosen on 8 of a cell it scores up to 0.07 less than the best there is, on 4 up to 0.09,
on 64 up to 0.02; chosen on two levels together, 0.02 to 0.17 less."""


@dataclass(frozen=True, kw_only=True)
class ConstantItem:
    """An item as far as a constant answer to it is concerned."""

    name: str
    cell: Hashable
    """Items with the same one get the same constant, but for which half it is chosen on."""
    pool: Hashable
    """Whose items stand in for those of a cell with too few; their answers are of one form."""
    truth: RightAnswer
    schema: Schema
    """Of its answer; the same in a pool."""
    bound_to: frozenset[str]
    """Its videos, its group: items that share one are in one half."""


def constants_on_others(
    items: Sequence[ConstantItem],
    training: Mapping[Hashable, Sequence[RightAnswer]],
    seed: int,
    *,
    is_smooth: bool,
) -> dict[str, ConstantAnswer]:
    """By name; items that have none, because there are no others or because they ask for words, are
    left out.

    Args:
        items: in any order, which decides nothing.
        training: right answers of training samples by cell.
        seed: of the halves, and of candidates where there are too many.
        is_smooth: see `best_constant`.
    """
    schemas = {item.pool: item.schema for item in items}
    halves: dict[str, int] = {}
    for pool in schemas:
        bound = {item.name: item.bound_to for item in items if item.pool == pool}
        halves |= halves_of(bound, seed)
    in_cell: defaultdict[tuple[Hashable, int], list[RightAnswer]] = defaultdict(list)
    in_pool: defaultdict[tuple[Hashable, int], list[RightAnswer]] = defaultdict(list)
    for item in items:
        in_cell[item.cell, halves[item.name]].append(item.truth)
        in_pool[item.pool, halves[item.name]].append(item.truth)

    @cache
    def best_for(cell: Hashable, pool: Hashable, other: int) -> ConstantAnswer | None:
        """Chosen on as much as is needed: training samples of the cell, those and the other half of
        its items, the other half of the pool."""
        nearest = [*training.get(cell, ())]
        wider = [*nearest, *in_cell[cell, other]]
        widest = [*nearest, *in_pool[pool, other]]
        enough = (found for found in (nearest, wider) if len(found) >= LEAST_CHOSEN_ON)
        truths = next(enough, widest)
        if not truths:
            return None
        best = best_constant(truths, schemas[pool], is_smooth=is_smooth, seed=seed)
        return best.answer if best else None

    found = {item.name: best_for(item.cell, item.pool, 1 - halves[item.name]) for item in items}
    return {name: answer for name, answer in found.items() if answer is not None}


def halves_of(bound_to: Mapping[str, Collection[str]], seed: int) -> dict[str, int]:
    """0 or 1 for each item: items that share a name are in the same half, and of what is not bound
    to each other half in either.

    Args:
        bound_to: by item, at least one name each.
        seed: of the draw, which hangs on these names and not on the order of items.
    """
    leader: dict[str, str] = {}

    def first_of(name: str) -> str:
        """The first by name of all that are joined with `name`, directly or through others."""
        while (ahead := leader.setdefault(name, name)) != name:
            leader[name] = leader[ahead]  # half the way for whoever asks next
            name = ahead
        return name

    for names in bound_to.values():
        firsts = {first_of(name) for name in names}
        for name in firsts:
            leader[name] = min(firsts)
    parts = {item: first_of(min(names)) for item, names in bound_to.items()}
    # In turn, and not each by a throw of its own: of four videos no half should be empty.
    order = shuffled(set(parts.values()), str, "halves", seed)
    half_of = {part: rank % 2 for rank, part in enumerate(order)}
    return {item: half_of[part] for item, part in parts.items()}
