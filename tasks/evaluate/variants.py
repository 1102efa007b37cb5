"""The table of an ablation: every variant on the same items, and what it lacks against the first one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from tasks.core.manifest import read_rows
from tasks.core.measurement import Selection
from tasks.core.scores import BEFORE, ModelScores, SampleScore
from tasks.core.statistics import Estimate, paired_difference
from tasks.core.store import Store
from tasks.core.training import Trained, TrainStep
from tasks.core.types import Split


@dataclass(frozen=True)
class Variant:
    """How one variant trained."""

    selection: Selection
    trained: Trained


def variants_table(store: Store, scores: Mapping[str, ModelScores], variants: Mapping[str, Variant]) -> str:
    """Markdown. `scores` has every variant and `BEFORE`; the first variant is what the others are compared with.

    Held-out reward and VIUBench with standard errors, differences by item with 95 % intervals; the share of
    groups with spread is of those that training saw.
    """
    first = next(iter(variants))
    pretexts = sorted(scores[first].heldout_by_pretext)
    head = [
        *("variant", "held-out reward", f"against {first}", *pretexts, "VIUBench", f"against {first}"),
        *("groups with spread", "rollouts measured"),
    ]
    rows = [["start model", *_scores(store, scores, BEFORE, first, pretexts), "", ""]]
    for name, variant in variants.items():
        steps = read_rows(store, variant.trained.record, TrainStep)
        counts = variant.selection.report.counts
        shown = [f"{fmean(step.spread_share for step in steps):.2f}" if steps else "", f"{counts['rollouts']:.0f}"]
        rows.append([name, *_scores(store, scores, name, first, pretexts), *shown])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def _scores(
    store: Store, scores: Mapping[str, ModelScores], name: str, first: str, pretexts: Sequence[str]
) -> list[str]:
    own = scores[name]
    return [
        _with_se(own.heldout),
        "" if name == first else _against(store, scores[first], own, Split.HELDOUT),
        *(f"{own.heldout_by_pretext[pretext].mean:.3f}" for pretext in pretexts),
        _with_se(own.viubench),
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
    found = paired_difference(before, after)
    if found.num_items == 0:
        return "–"
    return f"{found.mean:+.3f} ({found.no_interval or f'{found.low:+.3f} to {found.high:+.3f}'})"


def _with_se(found: Estimate) -> str:
    if found.num_items == 0:
        return "–"
    return f"{found.mean:.3f}" if found.no_interval else f"{found.mean:.3f} ± {found.se:.3f}"
