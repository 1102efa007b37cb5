"""What each rule of a promotion says of the gains, with its verdict in words."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tasks.core.config import PromoteConfig
from tasks.core.controls import GREY, SWAPPED, Control
from tasks.core.score_config import PLACES
from tasks.core.statistics import Estimate, visible_loss

Gains = Mapping[str, Estimate]
"""By place (`PLACES`, or a benchmark), or by part of one."""
_ROUNDING = 1e-9
BLIND_WORDS = {GREY: "grey frames", SWAPPED: "another sample's frames"}
"""What a model is shown in the place of the pictures, by condition."""


@dataclass(frozen=True)
class Guard:
    """What there is to know of a benchmark besides gains."""

    worth: float
    """Of one question, or of a group that is right only as a whole: the least loss it can show."""
    coverage: Mapping[str, float]
    """Share of its questions that a model was shown, by model."""
    is_configured: bool = True
    """Whether it may not fall though no rule names it."""


class RuleResult(NamedTuple):
    """Whether one rule holds."""

    holds: bool
    text: str
    remark: str = ""
    """What a check says besides, and the reason of a decision leaves out: there can be seventeen
    benchmarks."""

    @property
    def line(self) -> str:
        parts = filter(None, (self.text, self.remark))
        return f"{'yes' if self.holds else 'no'}: {'; '.join(parts)}"


def judge_places(
    gains: Gains, coverage: Mapping[str, float], rules: PromoteConfig, advice: str
) -> Iterator[RuleResult]:
    """What `rules` say of the places that they name; `coverage` is by model, `advice` what to do if
    too few videos are held out."""
    if rules.min_videos:
        yield _enough_videos(gains, rules, advice)
    for place in rules.must_win:
        gain = gains[place]
        # Without an interval `low` is minus infinity, so that no win is shown.
        yield RuleResult(gain.low > 0, f"it must win on {place}: {_interval_above_0(gain)}")
    for place, limit in rules.may_lose.items():
        gain = gains[place]
        verdict = "lies" if gain.low >= -limit else "does not lie"
        yield RuleResult(
            gain.low >= -limit,
            f"it may lose at most {limit:g} on {place}: "
            f"the 95 % interval of {gain_text(gain)} {verdict} above -{limit:g}",
        )
    for model, share in coverage.items():
        verdict = "were" if share >= rules.min_coverage else "were only"
        yield RuleResult(
            share >= rules.min_coverage,
            f"{rules.min_coverage:.0%} of the items must be shown: {share:.1%} {verdict} shown to "
            f"{model!r}",
        )


def judge_sight(controls: Mapping[str, Control], must_win: Sequence[str]) -> Iterator[RuleResult]:
    """Whether the challenger looks, in each place where it must win; `controls` are its own, by
    place.

    `overall` is judged by its mean, as its gain is. In each of its places it would have to see on
    every benchmark, and one that can be answered blind says something of itself, not of the model.
    """
    for place in must_win:
        if place not in controls or not controls[place].score.num_items:
            yield RuleResult(
                False, f"it must see on {place}: nothing was asked there, so nothing shows it"
            )
            continue
        yield _above_constant(place, controls[place])
        for condition in controls[place].gain_by_seeing:
            yield _sees(place, controls[place], condition)


def _above_constant(place: str, control: Control) -> RuleResult:
    gain, constant = control.over_constant, control.constant
    if not gain.num_items:
        return RuleResult(
            True,
            f"it must lie above the best constant answer on {place}: there is none (free words, or "
            "too few items to choose it on others), so this rule does not apply",
        )
    lies = gain.low > 0
    return RuleResult(
        lies,
        f"it must lie above the best constant answer on {place}: "
        f"{'' if lies else 'it does not lie above the best constant answer; '}"
        f"that scores {constant.mean:.4f}, it {constant.mean + gain.mean:.4f}: "
        f"{_interval_above_0(gain)}",
    )


def _sees(place: str, control: Control, condition: str) -> RuleResult:
    gain, blind = control.gain_by_seeing[condition], control.blind[condition]
    rule = f"it must see on {place}: "
    words = BLIND_WORDS[condition]
    if not gain.num_items:
        return RuleResult(False, f"{rule}nothing was asked without its pictures ({words})")
    # Of the same items: blind answers are asked only until they are precise enough.
    rule += (
        f"without its pictures ({words}) it scores {blind.mean:.4f}, with them "
        f"{blind.mean + gain.mean:.4f}"
    )
    if gain.low > 0:
        return RuleResult(True, f"{rule}; {_interval_above_0(gain)}")
    # A mean above 0 that has no interval is no sign that it does not look, only none that it does.
    is_unknown = bool(gain.no_interval) and gain.mean > 0
    found = "nothing shows that it looks" if is_unknown else "it answers alike whatever it is shown"
    return RuleResult(False, f"{rule}: {found}; {_interval_above_0(gain)}")


def _interval_above_0(gain: Estimate) -> str:
    verdict = "lies" if gain.low > 0 else "does not lie"
    return f"the 95 % interval of {gain_text(gain)} {verdict} above 0"


def judge_benchmarks(
    gains: Gains, rules: PromoteConfig, guards: Mapping[str, Guard], models: Sequence[str]
) -> Iterator[RuleResult]:
    """A benchmark that no rule names may not fall, and what is judged must have been shown to both
    `models`."""
    named = {*rules.must_win, *rules.may_lose}
    for name, guard in guards.items():
        if guard.is_configured and name not in named:
            yield _may_not_fall(name, gains[name], rules, guard)
        if guard.is_configured or name in named:
            yield _must_be_shown(name, guard, rules, models)


def _may_not_fall(name: str, gain: Estimate, rules: PromoteConfig, guard: Guard) -> RuleResult:
    """The mean gain may lie a little below 0, its whole interval may not."""
    most = max(rules.max_fall, guard.worth)
    # Sums of floats: one question of forty may come out a little beyond 1 / 40. Of nothing the mean
    # is NaN, which no comparison holds for.
    is_near = gain.mean >= -most - _ROUNDING
    reaches_up = gain.high >= 0
    source = "what one question is worth" if guard.worth > rules.max_fall else "promote.max_fall"
    below = f"more than {most:.4f} ({source}) below 0"
    if gain.mean >= 0:
        found = "is not below 0"
    elif is_near and reaches_up:
        found = f"does not lie {below}, nor does its whole interval lie below 0"
    elif is_near:
        found = "lies below 0 with its whole interval"
    else:
        found = f"lies {below}" + ("" if reaches_up else ", and its whole interval lies below 0")
    return RuleResult(
        is_near and reaches_up,
        f"it may not fall on {name}: the mean gain of {_brief_gain(gain)} {found}",
        _power(gain),
    )


def _must_be_shown(
    name: str, guard: Guard, rules: PromoteConfig, models: Iterable[str]
) -> RuleResult:
    shares = {model: guard.coverage[model] for model in models}
    shown = ", ".join(f"{share:.1%} to {model!r}" for model, share in shares.items())
    return RuleResult(
        min(shares.values()) >= rules.min_coverage,
        f"{rules.min_coverage:.0%} of the questions of {name} must be shown to each: {shown}",
    )


def _power(gain: Estimate) -> str:
    """What loss would not have gone unnoticed, so that nobody takes "no fall was seen" for "no
    worse"."""
    loss = visible_loss(gain)
    if math.isnan(loss):
        return f"what true loss would have shown is not known ({gain.no_interval})"
    # Without an interval it is the bound of what no video showed: see `visible_loss`.
    how_often = "nineteen times out of twenty" if gain.no_interval else "four times out of five"
    return f"{_items(gain)} would have shown a true loss of {loss:.4f} {how_often}"


def _enough_videos(gains: Gains, rules: PromoteConfig, advice: str) -> RuleResult:
    place = min((*rules.must_win, *rules.may_lose), key=lambda name: gains[name].num_videos)
    num_videos = gains[place].num_videos
    text = (
        f"gains must rest on at least {rules.min_videos} videos: on {place} there are {num_videos}"
    )
    if num_videos >= rules.min_videos:
        return RuleResult(True, text)
    # Without advice enough videos are held out, but the questions leave some of them out.
    helps = advice or "ask about more of the held-out videos (perturb.viubench_items_per_type)"
    if place not in PLACES:
        helps = "name a benchmark of more videos, or ask more of its questions (its limit)"
    return RuleResult(False, f"{text}; {helps}")


def gain_text(gain: Estimate) -> str:
    """The mean, its interval, and what that rests on."""
    if gain.num_items == 0:
        return f"no gain ({gain.no_interval})"
    if gain.no_interval:
        return f"{gain.mean:+.4f} ({gain.no_interval}, {gain.num_items} items)"
    degrees = f"{gain.degrees_of_freedom:.1f} degrees of freedom"
    return f"{gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f}, {_items(gain)}, {degrees})"


def _brief_gain(gain: Estimate) -> str:
    return f"{gain.mean:+.4f} ({gain.no_interval or f'{gain.low:+.4f} to {gain.high:+.4f}'})"


def _items(gain: Estimate) -> str:
    return f"{gain.num_items} items on {gain.num_videos} video{'s' * (gain.num_videos != 1)}"
