"""Which samples to measure when there are more than the budget: all cells get the same share."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, zip_longest

from tasks.core.seeding import uniform_hash
from tasks.core.types import Sample


def choose_samples(samples: Sequence[Sample], max_samples: int, seed: int) -> list[Sample]:
    """At most `max_samples` of `samples`, taken from the cells in turn; random within a cell."""
    cells: defaultdict[tuple[str, str, float], list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: uniform_hash("calibrate", seed, s.sample_id)):
        cells[sample.cell].append(sample)
    in_turn = chain.from_iterable(zip_longest(*(cells[cell] for cell in sorted(cells))))
    return [sample for sample in in_turn if sample is not None][:max_samples]
