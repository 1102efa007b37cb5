"""What promotion demands of looking, rule by rule."""

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tasks.core.config import PromoteConfig
from tasks.core.controls import GREY, SWAPPED, Control
from tasks.core.scores import AFTER, BEFORE, CHAMPION
from tasks.core.statistics import Estimate
from tasks.promote.decide import Decision, judge

ALIKE = "answers alike whatever it is shown"
NOT_ABOVE = "does not lie above the best constant answer"


def _gain(mean: float, reach: float = 0.02) -> Estimate:
    return Estimate(
        mean=mean,
        se=reach / 2,
        low=mean - reach,
        high=mean + reach,
        degrees_of_freedom=18.5,
        num_items=90,
        num_videos=20,
    )


def _without_interval(mean: float, num_videos: int, why: str) -> Estimate:
    return Estimate(mean=mean, num_items=30, num_videos=num_videos, no_interval=why)


CLEAR = _gain(0.1)
FEW = _without_interval(0.1, 3, "3 videos: no interval")
FEW_AND_NOTHING = _without_interval(0.0, 3, "3 videos: no interval")
EQUAL = _without_interval(0.0, 20, "equal means of all 20 videos: no interval")
NOTHING = Estimate(mean=math.nan, num_items=0, num_videos=0, no_interval="0 videos: no interval")
SURE = {GREY: CLEAR, SWAPPED: CLEAR}


@pytest.mark.parametrize(
    ("over_constant", "seeing", "words"),
    [
        (CLEAR, SURE, ()),
        (_gain(0.02), SURE, (NOT_ABOVE,)),  # the interval begins at 0
        (_gain(-0.1), SURE, (NOT_ABOVE,)),
        (EQUAL, SURE, (NOT_ABOVE,)),  # the constant itself
        (FEW, SURE, (NOT_ABOVE, "3 videos: no interval")),
        (NOTHING, SURE, ()),  # free words
        (CLEAR, SURE | {GREY: _gain(0.02)}, (ALIKE, "(grey frames)")),
        (CLEAR, SURE | {SWAPPED: _gain(-0.1)}, (ALIKE, "(another sample's frames)")),
        (CLEAR, SURE | {GREY: EQUAL}, (ALIKE, "equal means")),
        (CLEAR, SURE | {GREY: FEW_AND_NOTHING}, (ALIKE,)),
        (CLEAR, SURE | {GREY: FEW}, ("nothing shows that it looks", "3 videos: no interval")),
        (CLEAR, SURE | {SWAPPED: NOTHING}, ("nothing was asked without its pictures",)),
        (EQUAL, {GREY: EQUAL, SWAPPED: EQUAL}, (NOT_ABOVE, ALIKE)),
        (NOTHING, {GREY: EQUAL, SWAPPED: CLEAR}, (ALIKE,)),
        (CLEAR, {GREY: CLEAR}, ()),
    ],
)
@pytest.mark.parametrize("opponent", [BEFORE, CHAMPION])
def test_it_must_lie_above_the_constant_and_above_itself_without_pictures(
    over_constant: Estimate, seeing: dict[str, Estimate], words: tuple[str, ...], opponent: str
) -> None:
    control = _control(over_constant, seeing)
    decision = _judge({"viubench": control}, PromoteConfig(), opponent)
    assert decision.promoted is (not words)
    assert all(text in decision.reason for text in words)
    assert _judge({"viubench": control}, PromoteConfig(must_see=False), opponent).promoted


@pytest.mark.parametrize("controls", [{}, {"viubench": None}], ids=["nobody", "no items"])
def test_where_nothing_was_asked_nothing_is_seen(controls: dict[str, None]) -> None:
    empty = replace(_control(NOTHING, {GREY: NOTHING}), score=NOTHING)
    decision = _judge(dict.fromkeys(controls, empty), PromoteConfig())
    assert not decision.promoted
    assert "it must see on viubench: nothing was asked there" in decision.reason


def test_only_places_that_must_be_won_must_be_seen_in() -> None:
    blind = _control(EQUAL, {GREY: EQUAL})
    controls = {"viubench": _control(CLEAR, SURE), "heldout": blind, "overall": blind}
    assert _judge(controls, PromoteConfig()).promoted
    for place in ("heldout", "overall"):
        rules = PromoteConfig(must_win=("viubench", place))
        assert f"it must see on {place}" in _judge(controls, rules).reason


def test_the_reasons_say_the_numbers() -> None:
    seeing = {GREY: _gain(-0.0123), SWAPPED: CLEAR}
    decision = _judge({"viubench": _control(_gain(-0.05), seeing)}, PromoteConfig())
    interval = "90 items on 20 videos, 18.5 degrees of freedom"
    assert decision.checks[-3:] == (
        "no: it must lie above the best constant answer on viubench: it does not lie above the "
        "best constant answer; that scores 0.3500, it 0.3000: the 95 % interval of -0.0500 "
        f"(-0.0700 to -0.0300, {interval}) does not lie above 0",
        "no: it must see on viubench: without its pictures (grey frames) it scores 0.3123, with "
        "them 0.3000: it answers alike whatever it is shown; the 95 % interval of -0.0123 "
        f"(-0.0323 to +0.0077, {interval}) does not lie above 0",
        "yes: it must see on viubench: without its pictures (another sample's frames) it scores "
        "0.2000, with them 0.3000; the 95 % interval of +0.1000 "
        f"(+0.0800 to +0.1200, {interval}) lies above 0",
    )


def test_free_words_have_no_constant_and_the_rule_says_so() -> None:
    decision = _judge({"viubench": _control(NOTHING, SURE)}, PromoteConfig())
    (check,) = (text for text in decision.checks if "constant" in text)
    assert check.startswith("yes: ")
    assert check.endswith("so this rule does not apply")


def _control(over_constant: Estimate, seeing: Mapping[str, Estimate]) -> Control:
    """Of a model that scores 0.3."""
    return Control(
        score=_gain(0.3),
        chance=0.1,
        constant=_below(over_constant),
        over_constant=over_constant,
        blind={condition: _below(gain) for condition, gain in seeing.items()},
        gain_by_seeing=dict(seeing),
    )


def _below(gain: Estimate) -> Estimate:
    return replace(gain, mean=0.3 - gain.mean)


def _judge(
    controls: Mapping[str, Control], rules: PromoteConfig, opponent: str = BEFORE
) -> Decision:
    """With a clear gain over both everywhere."""
    gains = dict.fromkeys(("viubench", "heldout", "overall"), CLEAR)
    return judge(
        {BEFORE: gains, CHAMPION: gains},
        {BEFORE: 1.0, AFTER: 1.0, CHAMPION: 1.0},
        rules,
        opponent=opponent,
        label="the other",
        controls=controls,
    )
