"""The table of an ablation: every variant on the same items, and what it lacks against the first
one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.core.manifest import read_rows
from tasks.core.measurement import Selection
from tasks.core.scores import BEFORE, ModelScores, SampleScore
from tasks.core.statistics import paired_difference
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

    Held-out reward and VIUBench with standard errors, differences by item with 95 % intervals; the
    share of groups with spread is of those that training saw.
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
    own = scores[name]
    return [
        with_se(own.heldout.mean, own.heldout.se),
        "" if name == first else _against(store, scores[first], own, Split.HELDOUT),
        *(number(own.heldout_by_pretext[pretext].mean) for pretext in pretexts),
        with_se(own.viubench.mean, own.viubench.se),
        "" if name == first else _against(store, scores[first], own, Split.VIUBENCH),
    ]


def _against(store: Store, first: ModelScores, own: ModelScores, split: Split) -> str:
    before, after = (
        {
            row.sample_id: row.scored(row.viubench_type)
            for row in read_rows(store, found.predictions, SampleScore)
            if row.split == split
        }
        for found in (first, own)
    )
    # Items differ in difficulty, which cancels where each is compared with itself.
    found = paired_difference(before, after)
    # A folder can be too small to hold a video out.
    if found.num_items == 0:
        return UNKNOWN
    return (
        f"{signed(found.mean)} "
        f"({found.no_interval or f'{signed(found.low)} to {signed(found.high)}'})"
    )
