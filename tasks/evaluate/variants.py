"""The table of an ablation: every variant on the same items, and what it lacks against the first
one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from tasks.core.manifest import read_rows
from tasks.core.measurement import Selection
from tasks.core.scores import BEFORE, ModelScores, SampleScore, UnitScore
from tasks.core.statistics import ItemScore, paired_difference
from tasks.core.store import Store
from tasks.core.training import TrainedPolicy, TrainStep
from tasks.core.types import Split
from tasks.report.text import UNKNOWN, markdown_table, number, signed, whole, with_se


@dataclass(frozen=True)
class Variant:
    """How one variant trained."""

    selection: Selection
    trained: TrainedPolicy


def variants_table(
    store: Store, scores: Mapping[str, ModelScores], variants: Mapping[str, Variant]
) -> str:
    """Markdown. `scores` has every variant and `BEFORE`; the first variant is what the others are
    compared with.

    Held-out reward, VIUBench and every benchmark with standard errors, differences by item with
    95 % intervals; the share of groups with spread is of those that training saw.
    """
    first = next(iter(variants))
    pretexts = sorted(scores[first].heldout_by_pretext)
    head = [
        *(
            "variant",
            "held-out reward",
            f"against {first}",
            *pretexts,
            "VIUBench",
            f"against {first}",
        ),
        *(text for name in scores[first].benchmarks for text in (name, f"against {first}")),
        *("groups with spread", "rollouts measured"),
    ]
    rows = [["start model", *_scores(store, scores, BEFORE, first, pretexts), "", ""]]
    for name, variant in variants.items():
        steps = read_rows(store, variant.trained.record, TrainStep)
        counts = variant.selection.report.counts
        shown = [
            number(fmean(step.spread_share for step in steps), 2) if steps else "",
            whole(counts["rollouts"]),
        ]
        rows.append([name, *_scores(store, scores, name, first, pretexts), *shown])
    return markdown_table(head, rows)


def _scores(
    store: Store, scores: Mapping[str, ModelScores], name: str, first: str, pretexts: Sequence[str]
) -> list[str]:
    own, other = scores[name], scores[first]

    def against(items: Callable[[ModelScores], dict[str, ItemScore]]) -> str:
        return "" if name == first else _difference(items(other), items(own))

    cells = [
        with_se(own.heldout.mean, own.heldout.se),
        against(lambda of: _items(store, of, Split.HELDOUT)),
        *(number(own.heldout_by_pretext[pretext].mean) for pretext in pretexts),
        with_se(own.viubench.mean, own.viubench.se),
        against(lambda of: _items(store, of, Split.VIUBENCH)),
    ]
    for place, score in own.benchmarks.items():
        cells += [
            with_se(score.headline.mean, score.headline.se),
            against(partial(_units, store, place)),
        ]
    return cells


def _items(store: Store, scores: ModelScores, split: Split) -> dict[str, ItemScore]:
    return {
        row.sample_id: row.scored(row.viubench_type)
        for row in read_rows(store, scores.predictions, SampleScore)
        if row.split == split
    }


def _units(store: Store, place: str, scores: ModelScores) -> dict[str, ItemScore]:
    rows = read_rows(store, scores.benchmarks[place].units, UnitScore)
    return {row.unit: row.scored() for row in rows}


def _difference(first: Mapping[str, ItemScore], own: Mapping[str, ItemScore]) -> str:
    # Items differ in difficulty, which cancels where each is compared with itself.
    found = paired_difference(first, own)
    # A folder can be too small to hold a video out.
    if found.num_items == 0:
        return UNKNOWN
    return (
        f"{signed(found.mean)} "
        f"({found.no_interval or f'{signed(found.low)} to {signed(found.high)}'})"
    )
