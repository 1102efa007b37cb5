"""Whether the challenger becomes champion: what is shown about its gains, item by item, against a stated policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tasks.core.config import PromoteConfig
from tasks.core.scores import AFTER, BEFORE, ModelScores
from tasks.core.statistics import Estimate
from tasks.promote.gains import Gains
from tasks.tracking.tracker import Standing


@dataclass(frozen=True)
class Decision:
    """The answer, and the numbers it rests on."""

    promoted: bool
    reason: str
    """In one line."""
    checks: tuple[str, ...] = ()
    """Every rule of the policy with its verdict, in words."""
    opponent: str = ""
    """Name of the scores that the challenger was compared with; empty if there was nothing to compare."""
    gains: dict[str, Estimate] = field(default_factory=dict)
    """Over the opponent, by place."""
    last_move: int = 0
    """Latest change of the champion that this decision knew of: the alias moves only if there was none since."""
    champion: str = ""
    """Version that was champion then; empty if there was none."""


def decide(
    scores: Mapping[str, ModelScores],
    gains: Mapping[str, Gains],
    coverage: Mapping[str, float],
    standing: Standing,
    policy: PromoteConfig,
    advice: str = "",
) -> Decision:
    """Compare the challenger with the champion, or with the start model as long as there is none.

    `gains` are the challenger's over each other scored model, `coverage` is by scored model; `advice` is what to do
    if too few videos are held out.
    """
    champion = standing.champion
    if champion is None:
        decision = judge(gains, coverage, policy, opponent=BEFORE, label="the start model", advice=advice)
        return replace(decision, last_move=standing.last_move)
    label = f"champion version {champion.version}"
    opponent = next((s.name for s in scores.values() if s.policy.digest == champion.policy.digest), None)
    if champion.policy.digest == scores[AFTER].policy.digest:
        decision = Decision(promoted=False, reason=f"unchanged: the challenger has the weights of {label}")
    elif opponent is None:
        reason = f"{label} was not scored on these items, so nothing shows a gain over it"
        decision = Decision(promoted=False, reason=reason)
    else:
        decision = judge(gains, coverage, policy, opponent=opponent, label=label, advice=advice)
    return replace(decision, last_move=standing.last_move, champion=champion.version)


def judge(
    gains: Mapping[str, Gains],
    coverage: Mapping[str, float],
    policy: PromoteConfig,
    *,
    opponent: str,
    label: str,
    advice: str = "",
) -> Decision:
    """Promoted if and only if every rule of the policy holds."""
    found = gains[opponent]
    place = policy.must_win[0]
    shown = {name: coverage[name] for name in (opponent, AFTER)} if found[place].num_items else {}
    rules = list(_rules(found, shown, policy, advice))
    failed = [text for holds, text in rules if not holds]
    promoted = not failed
    reason = f"{_gain(found[place])} on {place} over {label}"
    if failed:
        # On too few videos the other rules say nothing.
        told = failed[:1] if policy.min_videos and not rules[0][0] else failed
        reason += "; not enough: " + "; ".join(told)
    checks = tuple(f"{'yes' if holds else 'no'}: {text}" for holds, text in rules)
    return Decision(promoted=promoted, reason=reason, checks=checks, opponent=opponent, gains=dict(found))


def _rules(
    gains: Gains, coverage: Mapping[str, float], policy: PromoteConfig, advice: str
) -> Iterator[tuple[bool, str]]:
    if policy.min_videos:
        yield _enough_videos(gains, policy, advice)
    for place in policy.must_win:
        found = gains[place]
        verdict = "lies" if found.low > 0 else "does not lie"
        yield found.low > 0, f"it must win on {place}: the 95 % interval of {_gain(found)} {verdict} above 0"
    for place, limit in policy.may_lose.items():
        found = gains[place]
        verdict = "lies" if found.low >= -limit else "does not lie"
        yield (
            found.low >= -limit,
            f"it may lose at most {limit:g} on {place}: the 95 % interval of {_gain(found)} {verdict} above -{limit:g}",
        )
    for model, share in coverage.items():
        verdict = "were" if share >= policy.min_coverage else "were only"
        yield (
            share >= policy.min_coverage,
            f"{policy.min_coverage:.0%} of the items must be shown: {share:.1%} {verdict} shown to {model!r}",
        )


def _enough_videos(gains: Gains, policy: PromoteConfig, advice: str) -> tuple[bool, str]:
    place = min((*policy.must_win, *policy.may_lose), key=lambda name: gains[name].num_videos)
    found = gains[place].num_videos
    text = f"gains must rest on at least {policy.min_videos} videos: on {place} there are {found}"
    if found >= policy.min_videos:
        return True, text
    # Held out are enough if there is no advice: then the questions leave some of them out.
    return False, f"{text}; {advice or 'ask about more of the held-out videos (perturb.viubench_items_per_type)'}"


def _gain(found: Estimate) -> str:
    if found.num_items == 0:
        return f"no gain ({found.no_interval})"
    items = f"{found.num_items} items on {found.num_videos} video{'s' * (found.num_videos != 1)}"
    if found.no_interval:
        return f"{found.mean:+.4f} ({found.no_interval}, {found.num_items} items)"
    degrees = f"{found.degrees_of_freedom:.1f} degrees of freedom"
    return f"{found.mean:+.4f} ({found.low:+.4f} to {found.high:+.4f}, {items}, {degrees})"
