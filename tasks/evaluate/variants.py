"""The table of an ablation: every variant on the same items, what it lacks against the first one,
and what it would score without looking."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean

from tasks.core.controls import (
    BLIND_CONDITIONS,
    NO_CONTROLS,
    BlindScore,
    Control,
    Controls,
    Unseen,
    by_item,
    control,
)
from tasks.core.manifest import read_rows
from tasks.core.measurement import Selection
from tasks.core.scores import BEFORE, ModelScores, SampleScore, UnitScore
from tasks.core.statistics import Estimate, ItemScore, paired_difference
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
    store: Store,
    scores: Mapping[str, ModelScores],
    variants: Mapping[str, Variant],
    controls: Controls = NO_CONTROLS,
) -> str:
    """Markdown. `scores` has every variant and `BEFORE`; the first variant is what the others are
    compared with.

    Held-out reward, VIUBench and every benchmark with standard errors, differences by item with
    95 % intervals; the share of groups with spread is of those that training saw. A second table
    has what the scores have beside them, where there are `controls`.
    """
    table = _scores_table(store, scores, variants)
    if controls == NO_CONTROLS:
        return table
    own = {name: scores[name] for name in variants}
    return f"{table}\n{_LOOKING}\n\n{_controls_table(store, own, controls)}"


_LOOKING = (
    "What looking gives: scores beside the best constant answer, and beside the same model without "
    "its pictures (asked until that is precise, so of some items); gains have 95 % intervals."
)
_ALIKE = "answers alike whatever it is shown"


def _scores_table(
    store: Store, scores: Mapping[str, ModelScores], variants: Mapping[str, Variant]
) -> str:
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


def _controls_table(store: Store, scores: Mapping[str, ModelScores], controls: Controls) -> str:
    """A row for each variant and each thing that it is asked."""
    asked = {blind.condition for blind in controls.blind}
    conditions = [condition for condition in BLIND_CONDITIONS if condition in asked]
    head = ["variant", "asked", "score", "best constant", "score - constant"]
    for condition in conditions:
        head += [f"blind ({condition})", f"gain by seeing ({condition})"]
    unseen = {
        place: {row.item: row for row in read_rows(store, rows, Unseen)}
        for place, rows in controls.unseen.items()
    }
    rows = []
    for name, own in scores.items():
        for part, place, items in _parts(store, own):
            blind = {
                found.condition: by_item(read_rows(store, found.scores, BlindScore))
                for found in controls.blind
                if (found.candidate, found.place) == (name, place)
            }
            beside = control(items, unseen.get(place, {}), blind)
            rows.append([name, part, *_beside(beside, conditions)])
    return markdown_table([*head, ""], rows)


def _parts(store: Store, scores: ModelScores) -> Iterator[tuple[str, str, dict[str, ItemScore]]]:
    """What a model was asked, as (name, place of the controls, scores by item)."""
    rows = read_rows(store, scores.predictions, SampleScore)
    for pretext in sorted(scores.heldout_by_pretext):
        own = [row for row in rows if (row.split, row.pretext) == (Split.HELDOUT, pretext)]
        yield pretext, Split.HELDOUT, {row.sample_id: row.scored() for row in own}
    types = [row for row in rows if row.split == Split.VIUBENCH]
    yield (
        *("VIUBench", Split.VIUBENCH),
        {row.sample_id: row.scored(row.viubench_type) for row in types},
    )
    for place in scores.benchmarks:
        yield place, place, _units(store, place, scores)


def _beside(beside: Control, conditions: Sequence[str]) -> list[str]:
    """The cells of one row, the last of which marks a model that does not look."""
    cells = [
        number(beside.score.mean),
        number(beside.constant.mean),
        _with_interval(beside.over_constant),
    ]
    for condition in conditions:
        if condition in beside.blind:
            gain = beside.gain_by_seeing[condition]
            cells += [number(beside.blind[condition].mean), _with_interval(gain)]
        else:
            cells += [UNKNOWN, UNKNOWN]
    is_alike = any(_is_nothing(gain) for gain in beside.gain_by_seeing.values())
    return [*cells, _ALIKE if is_alike else ""]


def _is_nothing(gain: Estimate) -> bool:
    """Whether it is not shown to lie above 0."""
    # Without an interval (too few videos, or the same gain on each) the mean is all there is.
    return gain.num_items > 0 and (gain.mean if gain.no_interval else gain.low) <= 0


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
    return _with_interval(paired_difference(first, own))


def _with_interval(found: Estimate) -> str:
    # A folder can be too small to hold a video out.
    if found.num_items == 0:
        return UNKNOWN
    return (
        f"{signed(found.mean)} "
        f"({found.no_interval or f'{signed(found.low)} to {signed(found.high)}'})"
    )
