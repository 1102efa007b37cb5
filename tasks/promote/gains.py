"""How much the challenger gains over another model, item by item: on each place, and over all places together."""

from collections.abc import Iterable, Mapping, Sequence

from tasks.core.score_config import OVERALL, PLACES, SCORED_SPLITS
from tasks.core.scores import SampleScore
from tasks.core.statistics import Estimate, Scored, paired_difference

Gains = Mapping[str, Estimate]
"""By place (`PLACES`), or by part of one."""


def measure_gains(before: Sequence[SampleScore], after: Sequence[SampleScore]) -> Gains:
    """Gains of `after` over `before` in each of `PLACES`; VIUBench's types count equally.

    Raises:
        ValueError: the two models were scored on different items.
    """
    return {place: _gain(before, after, SCORED_SPLITS if place == OVERALL else [place]) for place in PLACES}


def measure_part_gains(before: Sequence[SampleScore], after: Sequence[SampleScore]) -> dict[str, Gains]:
    """By place, then by its parts: the pretext tasks of the held-out samples, the types of VIUBench."""
    parts = sorted({(str(row.split), part_of(row)) for row in after})
    gains: dict[str, dict[str, Estimate]] = {str(split): {} for split in SCORED_SPLITS}
    for place, part in parts:
        scored = [
            {row.sample_id: row.scored() for row in _rows(rows, [place]) if part_of(row) == part}
            for rows in (before, after)
        ]
        gains[place][part] = paired_difference(scored[0], scored[1])
    return dict(gains)


def part_of(row: SampleScore) -> str:
    """The part of its place that the row counts in."""
    return row.viubench_type or row.pretext


def coverage(rows: Iterable[SampleScore]) -> float:
    """Share of the items that the model was really shown; 0 if there are none."""
    shown = [row.num_rollouts > 0 for row in rows]
    return sum(shown) / max(1, len(shown))


def _gain(before: Sequence[SampleScore], after: Sequence[SampleScore], places: Sequence[str]) -> Estimate:
    scored = [_of_places(rows, places) for rows in (before, after)]
    strata = {item.stratum: row.split for item, row in zip(scored[1].values(), _rows(after, places), strict=True)}
    of_place = {place: sum(split == place for split in strata.values()) for place in places}
    weights = {stratum: 1 / of_place[split] for stratum, split in strata.items()}
    return paired_difference(scored[0], scored[1], weights)


def _of_places(rows: Sequence[SampleScore], places: Sequence[str]) -> dict[str, Scored]:
    return {row.sample_id: row.scored(f"{row.split} {row.viubench_type}") for row in _rows(rows, places)}


def _rows(rows: Sequence[SampleScore], places: Sequence[str]) -> list[SampleScore]:
    return [row for row in rows if row.split in places]
