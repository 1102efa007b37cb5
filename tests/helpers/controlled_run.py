"""Controls of a made-up run: what answers without looking score there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from tasks.core.controls import BLIND_CONDITIONS, BlindScore, BlindScores, Controls, Unseen
from tasks.core.manifest import read_rows, write_rows
from tasks.core.scores import AFTER, SampleScore, UnitScore
from tasks.core.seeding import generator
from tasks.core.store import Store
from tasks.core.types import Split, StageReport
from tasks.promote.evidence import Inputs

CHANCE = 0.1


def with_controls(
    store: Store,
    inputs: Inputs,
    *,
    constant: float = 0.2,
    looks: float = 0.15,
    gains: Mapping[str, float] = MappingProxyType({}),
    free_text: Sequence[str] = (),
) -> Inputs:
    """A run whose challenger scores about `looks` more with its pictures than without, or by
    `gains` of a place more, where the best constant answer scores `constant`; places in `free_text`
    have none."""
    (after,) = (one for one in inputs.scores if one.name == AFTER)
    scored: dict[str, dict[str, float]] = {}
    for row in read_rows(store, after.predictions, SampleScore):
        scored.setdefault(str(row.split), {})[row.sample_id] = row.score
    for place, benchmark in after.benchmarks.items():
        units = read_rows(store, benchmark.units, UnitScore)
        scored[place] = {row.unit: row.score for row in units}
    unseen = {
        place: write_rows(
            store,
            f"unseen-{place}.parquet",
            Unseen,
            [_unseen(item, float("nan") if place in free_text else constant) for item in items],
        )
        for place, items in scored.items()
    }
    blind = [
        BlindScores(
            candidate=AFTER,
            place=place,
            condition=condition,
            scores=write_rows(
                store,
                f"blind-{place}-{condition}.parquet",
                BlindScore,
                _blind(items, gains.get(place, looks), condition),
            ),
            report=StageReport(f"blind_{condition}_{place}", 1.0),
        )
        for place, items in scored.items()
        for condition in BLIND_CONDITIONS
    ]
    return replace(inputs, controls=Controls(unseen=unseen, blind=blind))


def _unseen(item: str, constant: float) -> Unseen:
    return Unseen(item=item, chance=CHANCE, constant=constant, constant_answer="the same")


def _blind(items: Mapping[str, float], gain: float, condition: str) -> list[BlindScore]:
    rng = generator(3, condition)
    noise = 0.02 if gain else 0.0
    return [
        BlindScore(item=item, score=score - gain + noise * float(rng.normal()))
        for item, score in items.items()
    ]


HELDOUT, VIUBENCH = str(Split.HELDOUT), str(Split.VIUBENCH)
