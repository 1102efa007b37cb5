"""Which samples to take when not all can be: every cell gets the same share."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest

from tasks.core.seeding import uniform_hash
from tasks.core.types import Sample


def choose_in_turn(samples: Sequence[Sample], limit: int, seed: int, purpose: str) -> list[Sample]:
    """At most `limit` of `samples`, taken from the cells in turn; random within a cell.

    `purpose` keeps the draws of different uses apart.
    """
    cells: defaultdict[tuple[str, str, float], list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: uniform_hash(purpose, seed, s.sample_id)):
        cells[sample.cell].append(sample)
    in_turn = chain.from_iterable(zip_longest(*(cells[cell] for cell in sorted(cells))))
    return [sample for sample in in_turn if sample is not None][:limit]
