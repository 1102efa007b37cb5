"""Where the next rollouts go: Thompson sampling over cells, under a floor for every pretext task.

A draw from the belief is high where a cell is known to spread its groups or where it might, so
rollouts are spent on groups that can be trained on, and on finding out where others are.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from tasks.calibrate.belief import Quantity, believe
from tasks.calibrate.measure import evidence_of
from tasks.calibrate.plan import pretext_floors
from tasks.core.choose import shuffled
from tasks.core.config import CalibrateConfig
from tasks.core.measurement import CellEvidence, CellKey, Measurement
from tasks.core.seeding import generator
from tasks.core.types import Sample

Measure = Callable[[Sequence[Sample]], list[Measurement]]
"""Rolls out some samples; those that fail have no measurement."""


def spend(
    pool: Sequence[Sample],
    history: Sequence[CellEvidence],
    measure: Measure,
    config: CalibrateConfig,
    *,
    num_groups: int,
    batch_size: int,
    now: int,
    seed: int,
) -> Iterator[list[Measurement]]:
    """Measures at most `num_groups` samples of `pool`, batch by batch; what a batch says decides
    about the next.

    `history` is the evidence of earlier rounds, `now` the number of this one. Deterministic: `seed`
    and the pool say all, as long as `measure` does.
    """
    waiting = _by_cell(pool, seed)
    cells = sorted(waiting)
    floors = pretext_floors({cell: len(found) for cell, found in waiting.items()}, config)
    spent: Counter[str] = Counter()
    found: list[Measurement] = []
    cell_of = {sample.sample_id: sample.cell for sample in pool}
    left = min(num_groups, len(pool))
    while left > 0:
        evidence = [*history, *evidence_of(found, cell_of, now)]
        belief = believe(
            Quantity.SPREAD, evidence, cells, now=now, round_correlation=config.round_correlation
        )
        size = min(batch_size, left)
        # What is left names the batch, since no two of them have it in common.
        draws = belief.draw(generator(seed, "spend", now, left), size)
        batch = []
        for draw in draws:
            cell = _choose(cells, draw.tolist(), waiting, spent, floors)
            batch.append(waiting[cell].pop())
            spent[cell[0]] += 1
        # By what was tried: a pool whose samples all fail must end too.
        left -= size
        measured = measure(batch)
        found += measured
        yield measured


def _by_cell(pool: Sequence[Sample], seed: int) -> dict[CellKey, list[Sample]]:
    cells: defaultdict[CellKey, list[Sample]] = defaultdict(list)
    for sample in shuffled(pool, lambda sample: sample.sample_id, "spend", seed):
        cells[sample.cell].append(sample)
    return dict(cells)


def _choose(
    cells: Sequence[CellKey],
    draw: Sequence[float],
    waiting: dict[CellKey, list[Sample]],
    spent: Counter[str],
    floors: Mapping[str, float],
) -> CellKey:
    """The best cell of the draw that has samples left, of a pretext task below its floor if there
    is one."""
    open_cells = [(value, cell) for value, cell in zip(draw, cells, strict=True) if waiting[cell]]
    # With the one to be chosen, or the first choice would know no floor.
    total = sum(spent.values()) + 1
    below = {cell[0] for _, cell in open_cells if spent[cell[0]] < floors[cell[0]] * total}
    return max((value, cell) for value, cell in open_cells if not below or cell[0] in below)[1]
