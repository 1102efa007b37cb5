"""At most so many questions of a benchmark: drawn by seed, in proportion to its own types."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tasks.benchmarks.records import BenchmarkFolder
from tasks.core.choose import shuffled
from tasks.core.seeding import uniform_hash
from tasks.core.types import Sample

_MOST_NAMED = 12
"""Types that a line names."""


def draw_limited(
    folder: BenchmarkFolder, samples: Sequence[Sample], type_of: Callable[[Sample], str]
) -> list[Sample]:
    """What the limit of `folder` leaves of `samples`: the same whatever their order, which stays.

    Questions that are scored together stay together, so they may be more than the limit. A larger
    one adds questions and drops none, so answers that are kept stay of use.
    """
    if not 0 < folder.limit < len(samples):
        return list(samples)
    chosen: set[str] = set()
    for unit in in_proportion(samples, type_of, folder.seed):
        if len(chosen) >= folder.limit:
            break
        chosen |= {sample.sample_id for sample in unit}
    return [sample for sample in samples if sample.sample_id in chosen]


def in_proportion(
    samples: Sequence[Sample], type_of: Callable[[Sample], str], seed: int
) -> Iterator[list[Sample]]:
    """The units of `samples` (a question, or those that are scored together), in an order of which
    every beginning has of each type its share: the same whatever the order of the rows."""
    members: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda sample: sample.sample_id):
        members[_unit(sample)].append(sample)
    # Of a group, what its questions are of: each half of a pair may be of another type.
    types = {unit: ", ".join(sorted(set(map(type_of, found)))) for unit, found in members.items()}
    return (members[unit] for unit in _in_proportion(types, seed))


def count_types(
    drawn: Sequence[Sample], samples: Sequence[Sample], type_of: Callable[[Sample], str]
) -> str:
    """How many of each type were drawn of all, the largest first."""
    every, found = Counter(map(type_of, samples)), Counter(map(type_of, drawn))
    named = [f"{kind} {found[kind]} of {num}" for kind, num in every.most_common(_MOST_NAMED)]
    more = len(every) - len(named)
    return "; ".join([*named, *([f"{more} more types"] if more else [])])


def _in_proportion(types: Mapping[str, str], seed: int) -> Iterator[str]:
    """Units in an order of which every beginning has of each type its share, rounded up or down.

    Of `whole` units, `size` are of a type. Its unit number r (from 0) may come once the type's
    share of a beginning is above r, and has to be there once it is r + 1: a window of places.
    There is an order that keeps all windows (R. Tijdeman, "The chairman assignment problem", 1980),
    so that of the earliest deadlines does.
    """
    whole = len(types)
    by_type: defaultdict[str, list[str]] = defaultdict(list)
    for unit in shuffled(types, str, "limit", seed):
        by_type[types[unit]].append(unit)
    windows = sorted(
        (
            rank * whole // len(units) + 1,  # first place: the share of a beginning exceeds rank
            -(-(rank + 1) * whole // len(units)),  # last place, rounded up
            # Ties are decided by a draw of its own: the first of many in an order has a low rank.
            uniform_hash("limit of types", seed, unit),
            unit,
        )
        for units in by_type.values()
        for rank, unit in enumerate(units)
    )
    ready: list[tuple[int, float, str]] = []
    waiting = iter(windows)
    following = next(waiting, None)
    for place in range(1, whole + 1):
        while following and following[0] <= place:
            heapq.heappush(ready, following[1:])
            following = next(waiting, None)
        yield heapq.heappop(ready)[-1]


def _unit(sample: Sample) -> str:
    group = sample.benchmark.group if sample.benchmark else ""
    # The words in front part a group from a sample that is called alike.
    return f"group {group}" if group else f"sample {sample.sample_id}"
