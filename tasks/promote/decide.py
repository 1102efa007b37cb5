"""Whether the challenger becomes champion: its gains over another model, item by item, against
stated rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tasks.core.config import PromoteConfig
from tasks.core.score_config import OVERALL, PLACES, SCORED_SPLITS
from tasks.core.scores import AFTER, BEFORE, ModelScores, SampleScore
from tasks.core.statistics import Estimate, ItemScore, paired_difference
from tasks.tracking.tracker import Standing

Gains = Mapping[str, Estimate]
"""By place (`PLACES`), or by part of one."""


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
) -> Decision:
    """Compare the challenger with the champion, or with the start model as long as there is none.

    `gains` are the challenger's over each other scored model, `coverage` is by scored model;
    `advice` is what to do if too few videos are held out.
    """
    champion = standing.champion
    if champion is None:
        decision = judge(
            gains, coverage, rules, opponent=BEFORE, label="the start model", advice=advice
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
        decision = judge(gains, coverage, rules, opponent=opponent, label=label, advice=advice)
    return replace(decision, last_move=standing.last_move, champion=champion.version)


def judge(
    gains: Mapping[str, Gains],
    coverage: Mapping[str, float],
    rules: PromoteConfig,
    *,
    opponent: str,
    label: str,
    advice: str = "",
) -> Decision:
    """Promoted if and only if every rule holds."""
    over_opponent = gains[opponent]
    place = rules.must_win[0]
    shares_shown = (
        {name: coverage[name] for name in (opponent, AFTER)}
        if over_opponent[place].num_items
        else {}
    )
    verdicts = list(_verdicts(over_opponent, shares_shown, rules, advice))
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


def measure_gains(before: Sequence[SampleScore], after: Sequence[SampleScore]) -> Gains:
    """Gains of `after` over `before` in each of `PLACES`; VIUBench's types count equally.

    Raises:
        ValueError: the two models were scored on different items.
    """
    return {
        place: _gain_on(before, after, SCORED_SPLITS if place == OVERALL else [place])
        for place in PLACES
    }


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


def _gain_on(
    before: Sequence[SampleScore], after: Sequence[SampleScore], places: Sequence[str]
) -> Estimate:
    scored = [_of_places(rows, places) for rows in (before, after)]
    strata = {
        item.stratum: row.split
        for item, row in zip(scored[1].values(), _rows(after, places), strict=True)
    }
    # Places count equally, and so do the strata of each: nine types of VIUBench do not outweigh the
    # held-out samples.
    of_place = {place: sum(split == place for split in strata.values()) for place in places}
    weights = {stratum: 1 / of_place[split] for stratum, split in strata.items()}
    return paired_difference(scored[0], scored[1], weights)


def _of_places(rows: Sequence[SampleScore], places: Sequence[str]) -> dict[str, ItemScore]:
    return {
        row.sample_id: row.scored(f"{row.split} {row.viubench_type}") for row in _rows(rows, places)
    }


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
