"""What stands beside the scores in every place and in its parts: chance, the best constant answer,
and the challenger's answers without its pictures."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.core.controls import BlindScore, Control, Controls, Unseen, by_item, control
from tasks.core.manifest import read_rows
from tasks.core.score_config import OVERALL
from tasks.core.scores import AFTER, SampleScore, UnitScore
from tasks.core.statistics import Estimate, ItemScore, estimate
from tasks.core.store import Store
from tasks.core.types import Split
from tasks.promote.decide import (
    Scored,
    UnitPairs,
    by_place,
    item_key,
    items_of,
    part_of,
    place_weights,
)


@dataclass(frozen=True, kw_only=True)
class PartControl:
    """The controls of one place, or of a part of it."""

    after: Control
    """The challenger's."""
    before: Control
    """The start model's, which nobody asks without its pictures."""
    greedy: Estimate | None
    """The challenger's answers without sampling; None where all are."""
    constant_answers: tuple[str, ...]
    """The best ones, as people read them, for most items first."""


@dataclass(frozen=True, kw_only=True)
class PlaceControl:
    """The controls of one place."""

    whole: PartControl
    by_part: dict[str, PartControl] = field(default_factory=dict)
    """The pretext tasks of the held-out samples, the types of VIUBench, the parts of a benchmark
    that count equally."""
    by_cell: dict[str, PartControl] = field(default_factory=dict)
    """Of the held-out samples, by `pretext task/kind/level`."""


@dataclass(frozen=True, kw_only=True)
class WithoutLooking:
    """What answers without looking score, by item (`item_key`)."""

    unseen: Mapping[str, Unseen]
    blind: Mapping[str, Mapping[str, float]]
    """Of the challenger, by condition, then by item."""


def read_controls(
    store: Store, controls: Controls, conditions: Sequence[str]
) -> WithoutLooking | None:
    """All rows of the challenger; None if there are no controls. A condition that nothing was asked
    under has no items."""
    if not controls.unseen and not controls.blind:
        return None
    blind: dict[str, dict[str, float]] = {condition: {} for condition in conditions}
    for one in controls.blind:
        if one.candidate == AFTER:
            rows = by_item(read_rows(store, one.scores, BlindScore))
            blind[one.condition] |= {item_key(one.place, i): score for i, score in rows.items()}
    return WithoutLooking(
        unseen={
            item_key(place, row.item): row
            for place, rows in controls.unseen.items()
            for row in read_rows(store, rows, Unseen)
        },
        blind=blind,
    )


def measure_controls(
    before: Sequence[SampleScore],
    after: Sequence[SampleScore],
    benchmarks: UnitPairs,
    overall: Sequence[str],
    without: WithoutLooking,
) -> dict[str, PlaceControl]:
    """By place, and of the mean of the places in `overall`, where each counts the same (less where
    a part of it was asked nothing, or has no constant)."""
    scored = (
        by_place(before, {name: pair[0] for name, pair in benchmarks.items()}),
        by_place(after, {name: pair[1] for name, pair in benchmarks.items()}),
    )
    greedy = {row.sample_id: row.greedy_score for row in after if row.split == Split.HELDOUT}
    parts = _parts(after, {name: pair[1] for name, pair in benchmarks.items()})

    def measure(places: Sequence[str], items: Iterable[str] | None = None) -> PartControl:
        return _measure(scored, places, items, greedy, without)

    found = {
        place: PlaceControl(
            whole=measure([place]),
            by_part={name: measure([place], of) for name, of in parts.get(place, {}).items()},
        )
        for place in scored[1]
    }
    cells = {name: measure([Split.HELDOUT], items) for name, items in _cells(after).items()}
    found[Split.HELDOUT] = replace(found[Split.HELDOUT], by_cell=cells)
    return found | {OVERALL: PlaceControl(whole=measure(overall))}


def _measure(
    scored: tuple[Scored, Scored],
    places: Sequence[str],
    items: Iterable[str] | None,
    greedy: Mapping[str, float],
    without: WithoutLooking,
) -> PartControl:
    """Of `items`, or of all that these places have."""
    weights = place_weights(scored[1], places)
    everything = [items_of(one, places) for one in scored]
    chosen = sorted(everything[1] if items is None else items)
    before, after = ({item: one[item] for item in chosen} for one in everything)
    known = Counter(without.unseen[i].constant_answer for i in chosen if i in without.unseen)
    has_greedy = bool(chosen) and all(item in greedy for item in chosen)
    return PartControl(
        after=control(after, without.unseen, without.blind, weights),
        before=control(before, without.unseen, {}, weights),
        greedy=estimate((_as(after[i], greedy[i]) for i in chosen), weights)
        if has_greedy
        else None,
        constant_answers=tuple(answer for answer, _ in known.most_common() if answer),
    )


def _as(item: ItemScore, score: float) -> ItemScore:
    return replace(item, score=score)


def _parts(
    rows: Iterable[SampleScore], benchmarks: Mapping[str, Sequence[UnitScore]]
) -> dict[str, dict[str, list[str]]]:
    """Items by place and part."""
    found: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row.split][part_of(row)].append(row.sample_id)
    for place, units in benchmarks.items():
        for unit in units:
            # A benchmark without parts is the place alone.
            if unit.stratum:
                found[place][unit.stratum].append(item_key(place, unit.unit))
    return {place: dict(sorted(of.items())) for place, of in found.items()}


def _cells(rows: Iterable[SampleScore]) -> dict[str, list[str]]:
    found: defaultdict[tuple[str, str, float], list[str]] = defaultdict(list)
    for row in rows:
        if row.split == Split.HELDOUT:
            found[row.pretext, row.kind, row.level].append(row.sample_id)
    return {
        f"{pretext}/{kind}/{level:g}": found[pretext, kind, level]
        for pretext, kind, level in sorted(found)
    }
