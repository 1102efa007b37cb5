"""Whether the challenger becomes champion: its gains over another model, item by item, against
stated rules."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tasks.core.config import PromoteConfig
from tasks.core.controls import Control
from tasks.core.score_config import OVERALL, SCORED_SPLITS
from tasks.core.scores import AFTER, BEFORE, ModelScores, SampleScore, UnitScore
from tasks.core.statistics import Estimate, ItemScore, paired_difference
from tasks.promote.rules import (
    Gains,
    Guard,
    gain_text,
    judge_benchmarks,
    judge_places,
    judge_sight,
)
from tasks.tracking.tracker import Standing

UnitPairs = Mapping[str, tuple[Sequence[UnitScore], Sequence[UnitScore]]]
"""By benchmark: the scores of the other model and those of the challenger."""
Scored = Mapping[str, Mapping[str, ItemScore]]
"""By place, then by item (`item_key`)."""


@dataclass(frozen=True)
class Decision:
    """The answer, and the numbers it rests on."""

    promoted: bool
    reason: str
    """In one line."""
    checks: tuple[str, ...] = ()
    """Every rule with its verdict, in words."""
    opponent: str = ""
    """Name of the scores that the challenger was compared with; empty if there was nothing to
    compare."""
    gains: dict[str, Estimate] = field(default_factory=dict)
    """Over the opponent, by place."""
    last_move: int = 0
    """Latest change of the champion that this decision knew of: the alias moves only if there was
    none since."""
    champion: str = ""
    """Version that was champion then; empty if there was none."""


def decide(
    scores: Mapping[str, ModelScores],
    gains: Mapping[str, Gains],
    coverage: Mapping[str, float],
    standing: Standing,
    rules: PromoteConfig,
    advice: str = "",
    guards: Mapping[str, Guard] = MappingProxyType({}),
    controls: Mapping[str, Control] = MappingProxyType({}),
) -> Decision:
    """Compare the challenger with the champion, or with the start model as long as there is none.

    `gains` are the challenger's over each other scored model, `coverage` is by scored model;
    `advice` is what to do if too few videos are held out; `guards` are by benchmark, `controls`
    (of the challenger) by place.
    """
    champion = standing.champion
    if champion is None:
        decision = judge(
            gains,
            coverage,
            rules,
            opponent=BEFORE,
            label="the start model",
            advice=advice,
            guards=guards,
            controls=controls,
        )
        return replace(decision, last_move=standing.last_move)
    label = f"champion version {champion.version}"
    # By weights and not by name: a run may have started from the champion.
    opponent = next(
        (s.name for s in scores.values() if s.policy.digest == champion.policy.digest), None
    )
    if champion.policy.digest == scores[AFTER].policy.digest:
        decision = Decision(
            promoted=False, reason=f"unchanged: the challenger has the weights of {label}"
        )
    elif opponent is None:
        reason = f"{label} was not scored on these items, so nothing shows a gain over it"
        decision = Decision(promoted=False, reason=reason)
    else:
        decision = judge(
            gains,
            coverage,
            rules,
            opponent=opponent,
            label=label,
            advice=advice,
            guards=guards,
            controls=controls,
        )
    return replace(decision, last_move=standing.last_move, champion=champion.version)


def judge(
    gains: Mapping[str, Gains],
    coverage: Mapping[str, float],
    rules: PromoteConfig,
    *,
    opponent: str,
    label: str,
    advice: str = "",
    guards: Mapping[str, Guard] = MappingProxyType({}),
    controls: Mapping[str, Control] = MappingProxyType({}),
) -> Decision:
    """Promoted if and only if every rule holds."""
    over_opponent = gains[opponent]
    place = rules.must_win[0]
    shares_shown = (
        {name: coverage[name] for name in (opponent, AFTER)}
        if over_opponent[place].num_items
        else {}
    )
    verdicts = [
        *judge_places(over_opponent, shares_shown, rules, advice),
        *(judge_sight(controls, rules.must_win) if rules.must_see else ()),
        *judge_benchmarks(over_opponent, rules, guards, (opponent, AFTER)),
    ]
    failed = [one.text for one in verdicts if not one.holds]
    reason = f"{gain_text(over_opponent[place])} on {place} over {label}"
    if failed:
        # On too few videos the other rules say nothing.
        decisive = failed[:1] if rules.min_videos and not verdicts[0].holds else failed
        reason += "; not enough: " + "; ".join(decisive)
    return Decision(
        promoted=not failed,
        reason=reason,
        checks=tuple(one.line for one in verdicts),
        opponent=opponent,
        gains=dict(over_opponent),
    )


def measure_gains(
    before: Sequence[SampleScore],
    after: Sequence[SampleScore],
    benchmarks: UnitPairs = MappingProxyType({}),
    overall: Sequence[str] = tuple(map(str, SCORED_SPLITS)),
) -> Gains:
    """Gains of `after` over `before` in each place; VIUBench's types, and the parts of a benchmark
    that count equally in its headline, count equally. `overall` are the places whose mean that is.

    Raises:
        ValueError: the two models were scored on different items.
    """
    scored = (
        by_place(before, {name: pair[0] for name, pair in benchmarks.items()}),
        by_place(after, {name: pair[1] for name, pair in benchmarks.items()}),
    )
    found = {place: _gain_on(*scored, [place]) for place in scored[1]}
    return found | {OVERALL: _gain_on(*scored, overall)}


def measure_part_gains(
    before: Sequence[SampleScore], after: Sequence[SampleScore]
) -> dict[str, Gains]:
    """By place, then by its parts: the pretext tasks of the held-out samples, the types of
    VIUBench."""
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


def by_place(rows: Sequence[SampleScore], benchmarks: Mapping[str, Sequence[UnitScore]]) -> Scored:
    """The scores of one model; what counts equally in a place is a stratum."""
    own = {
        str(split): {
            row.sample_id: row.scored(f"{row.split} {row.viubench_type}")
            for row in _rows(rows, [split])
        }
        for split in SCORED_SPLITS
    }
    # Videos of different places may have one name; held-out samples and VIUBench share clips.
    return own | {
        name: {
            item_key(name, unit.unit): ItemScore(
                score=unit.score,
                video=f"{name} {unit.video}",
                stratum=f"{name} {unit.stratum}",
            )
            for unit in units
        }
        for name, units in benchmarks.items()
    }


def item_key(place: str, item: str) -> str:
    """What an item is called where places stand together: units of benchmarks may share names."""
    return item if place in SCORED_SPLITS else f"{place} {item}"


def place_weights(scored: Scored, places: Sequence[str]) -> dict[str, float]:
    """Of the strata in a mean of `places`. Places count equally, and so do the strata of each: nine
    types of VIUBench do not outweigh the held-out samples."""
    place_of = {item.stratum: place for place in places for item in scored[place].values()}
    num_strata = Counter(place_of.values())
    return {stratum: 1 / num_strata[place] for stratum, place in place_of.items()}


def items_of(scored: Scored, places: Sequence[str]) -> dict[str, ItemScore]:
    """The items of all `places`."""
    return {item: score for place in places for item, score in scored[place].items()}


def _gain_on(before: Scored, after: Scored, places: Sequence[str]) -> Estimate:
    return paired_difference(
        items_of(before, places), items_of(after, places), place_weights(after, places)
    )


def _rows(rows: Sequence[SampleScore], places: Sequence[str]) -> list[SampleScore]:
    return [row for row in rows if row.split in places]
