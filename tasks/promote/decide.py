"""Whether the challenger becomes champion: its gains over another model, item by item, against
stated rules."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from tasks.core.config import PromoteConfig
from tasks.core.score_config import OVERALL, SCORED_SPLITS
from tasks.core.scores import AFTER, BEFORE, ModelScores, SampleScore, UnitScore
from tasks.core.statistics import Estimate, ItemScore, paired_difference, visible_loss
from tasks.tracking.tracker import Standing

Gains = Mapping[str, Estimate]
"""By place (`PLACES`, or a benchmark), or by part of one."""
UnitPairs = Mapping[str, tuple[Sequence[UnitScore], Sequence[UnitScore]]]
"""By benchmark: the scores of the other model and those of the challenger."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Guard:
    """What there is to know of a benchmark besides gains."""

    worth: float
    """Of one question, or of a group that is right only as a whole: the least loss it can show."""
    coverage: Mapping[str, float]
    """Share of its questions that a model was shown, by model."""
    is_configured: bool = True
    """Whether it may not fall though no rule names it."""


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
) -> Decision:
    """Compare the challenger with the champion, or with the start model as long as there is none.

    `gains` are the challenger's over each other scored model, `coverage` is by scored model;
    `advice` is what to do if too few videos are held out; `guards` are by benchmark.
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
            gains, coverage, rules, opponent=opponent, label=label, advice=advice, guards=guards
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
        *_verdicts(over_opponent, shares_shown, rules, advice),
        *_of_benchmarks(over_opponent, rules, guards, opponent),
    ]
    failed = [text for holds, text in verdicts if not holds]
    promoted = not failed
    reason = f"{_gain_text(over_opponent[place])} on {place} over {label}"
    if failed:
        # On too few videos the other rules say nothing.
        decisive = failed[:1] if rules.min_videos and not verdicts[0][0] else failed
        reason += "; not enough: " + "; ".join(decisive)
    checks = tuple(f"{'yes' if holds else 'no'}: {text}" for holds, text in verdicts)
    return Decision(
        promoted=promoted,
        reason=reason,
        checks=checks,
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
        _by_place(before, {name: pair[0] for name, pair in benchmarks.items()}),
        _by_place(after, {name: pair[1] for name, pair in benchmarks.items()}),
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


_Scored = Mapping[str, Mapping[str, ItemScore]]
"""By place, then by item."""


def _by_place(
    rows: Sequence[SampleScore], benchmarks: Mapping[str, Sequence[UnitScore]]
) -> _Scored:
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
            f"{name} {unit.unit}": ItemScore(
                score=unit.score,
                video=f"{name} {unit.video}",
                stratum=f"{name} {unit.stratum}",
            )
            for unit in units
        }
        for name, units in benchmarks.items()
    }


def _gain_on(before: _Scored, after: _Scored, places: Sequence[str]) -> Estimate:
    place_of = {item.stratum: place for place in places for item in after[place].values()}
    # Places count equally, and so do the strata of each: nine types of VIUBench do not outweigh the
    # held-out samples.
    num_strata = Counter(place_of.values())
    weights = {stratum: 1 / num_strata[place] for stratum, place in place_of.items()}
    together = [
        {item: score for place in places for item, score in scored[place].items()}
        for scored in (before, after)
    ]
    return paired_difference(together[0], together[1], weights)


def _rows(rows: Sequence[SampleScore], places: Sequence[str]) -> list[SampleScore]:
    return [row for row in rows if row.split in places]


def _verdicts(
    gains: Gains, coverage: Mapping[str, float], rules: PromoteConfig, advice: str
) -> Iterator[tuple[bool, str]]:
    if rules.min_videos:
        yield _enough_videos(gains, rules, advice)
    for place in rules.must_win:
        gain = gains[place]
        # Without an interval `low` is minus infinity, so that no win is shown.
        verdict = "lies" if gain.low > 0 else "does not lie"
        yield (
            gain.low > 0,
            f"it must win on {place}: the 95 % interval of {_gain_text(gain)} {verdict} above 0",
        )
    for place, limit in rules.may_lose.items():
        gain = gains[place]
        verdict = "lies" if gain.low >= -limit else "does not lie"
        yield (
            gain.low >= -limit,
            f"it may lose at most {limit:g} on {place}: "
            f"the 95 % interval of {_gain_text(gain)} {verdict} above -{limit:g}",
        )
    for model, share in coverage.items():
        verdict = "were" if share >= rules.min_coverage else "were only"
        yield (
            share >= rules.min_coverage,
            f"{rules.min_coverage:.0%} of the items must be shown: {share:.1%} {verdict} shown to "
            f"{model!r}",
        )


def _of_benchmarks(
    gains: Gains, rules: PromoteConfig, guards: Mapping[str, Guard], opponent: str
) -> Iterator[tuple[bool, str]]:
    """A benchmark that no rule names may not fall, and what is judged must have been shown."""
    named = {*rules.must_win, *rules.may_lose}
    for name, guard in guards.items():
        if guard.is_configured and name not in named:
            yield _may_not_fall(name, gains[name], rules, guard)
        if guard.is_configured or name in named:
            for model in (opponent, AFTER):
                share = guard.coverage[model]
                verdict = "were" if share >= rules.min_coverage else "were only"
                yield (
                    share >= rules.min_coverage,
                    f"{rules.min_coverage:.0%} of the questions of {name} must be shown: "
                    f"{share:.1%} {verdict} shown to {model!r}",
                )


def _may_not_fall(
    name: str, gain: Estimate, rules: PromoteConfig, guard: Guard
) -> tuple[bool, str]:
    most = max(rules.max_fall, guard.worth)
    # Sums of floats: one question of forty may come out a little beyond 1 / 40.
    holds = gain.mean >= -most - _ROUNDING and gain.high >= 0
    why = ", which one question is worth" if guard.worth > rules.max_fall else ""
    loss = visible_loss(gain)
    shown = (
        "it can show no loss"
        if math.isnan(loss)
        else f"it would have shown a true loss of {loss:.4f}"
        + ("" if gain.no_interval else " four times out of five")
    )
    return (
        holds,
        f"it may not fall on {name}, in the mean by more than {most:.4f}{why}, nor with its whole "
        f"95 % interval: {_gain_text(gain)} {'does not' if holds else 'does'}; {shown}",
    )


def _enough_videos(gains: Gains, rules: PromoteConfig, advice: str) -> tuple[bool, str]:
    place = min((*rules.must_win, *rules.may_lose), key=lambda name: gains[name].num_videos)
    num_videos = gains[place].num_videos
    text = (
        f"gains must rest on at least {rules.min_videos} videos: on {place} there are {num_videos}"
    )
    if num_videos >= rules.min_videos:
        return True, text
    # Without advice enough videos are held out, but the questions leave some of them out.
    return (
        False,
        f"{text}; "
        f"{advice or 'ask about more of the held-out videos (perturb.viubench_items_per_type)'}",
    )


def _gain_text(gain: Estimate) -> str:
    if gain.num_items == 0:
        return f"no gain ({gain.no_interval})"
    items = f"{gain.num_items} items on {gain.num_videos} video{'s' * (gain.num_videos != 1)}"
    if gain.no_interval:
        return f"{gain.mean:+.4f} ({gain.no_interval}, {gain.num_items} items)"
    degrees = f"{gain.degrees_of_freedom:.1f} degrees of freedom"
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}, {items}, {degrees})"
