"""What a benchmark has to say in a promotion, named by a rule or not."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from tasks.core.config import PromoteConfig
from tasks.core.scores import AFTER, BEFORE
from tasks.core.statistics import Estimate
from tasks.promote.decide import Decision, judge
from tasks.promote.rules import Guard

POLICY = PromoteConfig(must_see=False)


@pytest.mark.parametrize(
    ("mean", "reach", "worth", "holds", "words"),
    [
        # One question of forty, then two of them.
        (-1 / 40, 0.09, 1 / 40, True, "does not lie more than 0.0250 (what one question is worth)"),
        (-2 / 40, 0.09, 1 / 40, False, "lies more than 0.0250 (what one question is worth) below"),
        (-0.01, 0.02, 0.001, True, "does not lie more than 0.0100 (promote.max_fall) below 0"),
        (-0.011, 0.02, 0.001, False, "lies more than 0.0100 (promote.max_fall) below 0"),
        (-0.005, 0.004, 0.001, False, "lies below 0 with its whole interval"),
        (-0.2, 0.1, 1 / 40, False, "below 0, and its whole interval lies below 0"),
        (0.01, 0.02, 1 / 40, True, "is not below 0"),
    ],
)
def test_a_benchmark_that_no_rule_names_may_fall_by_one_question_or_max_fall(
    mean: float, reach: float, worth: float, holds: bool, words: str
) -> None:
    decision = _judge_on(_fall(mean, reach), worth=worth)
    (check,) = (text for text in decision.checks if "may not fall on ours" in text)
    assert decision.promoted is holds
    assert check.startswith("yes" if holds else "no")
    assert words in check
    assert ("ours" in decision.reason) is not holds


def test_a_fall_is_told_with_the_loss_that_would_have_shown() -> None:
    """Standard error 0.02, nineteen degrees of freedom: t is 2.093 at 0.975 and 0.861 at 0.8."""
    decision = _judge_on(_fall(-0.2, 0.02 * 2.093))
    assert decision.checks[-2] == (
        "no: it may not fall on ours: the mean gain of -0.2000 (-0.2419 to -0.1581) lies more than "
        "0.0250 (what one question is worth) below 0, and its whole interval lies below 0; "
        "40 items on 20 videos would have shown a true loss of 0.0591 four times out of five"
    )
    assert "would have shown" not in decision.reason, "seventeen benchmarks would fill a page"


def test_where_nothing_changed_the_loss_that_would_have_shown_is_told_too() -> None:
    told = "on 20 videos would have shown a true loss of 0.1391 nineteen times out of twenty"
    nothing = "equal means of all 20 videos: no interval"
    gain = Estimate(mean=0.0, num_items=40, num_videos=20, no_interval=nothing)
    assert told in _judge_on(gain).checks[-2]
    few = Estimate(mean=0.1, num_items=4, num_videos=4, no_interval="4 videos: no interval")
    assert (
        "what true loss would have shown is not known (4 videos: no interval)"
        in _judge_on(few).checks[-2]
    )


@pytest.mark.parametrize(
    ("shown", "holds"), [({BEFORE: 1.0, AFTER: 0.98}, True), ({BEFORE: 0.97, AFTER: 1.0}, False)]
)
def test_the_questions_of_a_benchmark_must_be_shown_to_both(
    shown: dict[str, float], holds: bool
) -> None:
    decision = _judge_on(_fall(0.0, 0.1), shown=shown)
    assert decision.promoted is holds
    assert (
        "98% of the questions of ours must be shown to each: "
        f"{shown[BEFORE]:.1%} to 'before', {shown[AFTER]:.1%} to 'after'" in decision.checks[-1]
    )


def test_a_benchmark_that_a_rule_names_is_judged_by_that_rule_alone() -> None:
    rules = replace(POLICY, may_lose={"ours": 0.3})
    assert _judge_on(_fall(-0.2, 0.09), rules).promoted
    assert not _judge_on(_fall(-0.2, 0.11), rules).promoted, "the lower end decides"
    assert not _judge_on(_fall(0.1, 0.11), replace(POLICY, must_win=("ours",))).promoted


def test_too_few_videos_of_a_benchmark_are_told_with_what_helps_there() -> None:
    few = replace(_fall(0.1, 0.05), num_videos=7)
    decision = _judge_on(few, replace(POLICY, must_win=("ours",)))
    assert not decision.promoted
    assert (
        "gains must rest on at least 10 videos: on ours there are 7; name a benchmark of more "
        "videos, or ask more of its questions (its limit)" in decision.reason
    )


def test_an_anchor_that_nothing_names_decides_nothing() -> None:
    decision = _judge_on(_fall(-0.5, 0.1), shown={BEFORE: 0.1, AFTER: 0.1}, is_configured=False)
    assert decision.promoted
    assert "ours" not in "".join(decision.checks)


def _fall(mean: float, reach: float) -> Estimate:
    """Of forty questions on twenty videos; `reach` is that of the interval."""
    return Estimate(
        mean=mean,
        se=reach / 2.093,
        num_items=40,
        num_videos=20,
        degrees_of_freedom=19,
        low=mean - reach,
        high=mean + reach,
    )


def _judge_on(
    gain: Estimate,
    rules: PromoteConfig = POLICY,
    *,
    worth: float = 1 / 40,
    shown: Mapping[str, float] = MappingProxyType({BEFORE: 1.0, AFTER: 1.0}),
    is_configured: bool = True,
) -> Decision:
    """With such a gain on the benchmark `ours`, and a clear one elsewhere."""
    clear = Estimate(
        mean=0.05,
        se=0.02,
        low=0.01,
        high=0.09,
        degrees_of_freedom=9,
        num_items=90,
        num_videos=20,
    )
    gains = dict.fromkeys(("viubench", "heldout", "overall"), clear)
    return judge(
        {BEFORE: gains | {"ours": gain}},
        {BEFORE: 1.0, AFTER: 1.0},
        rules,
        opponent=BEFORE,
        label="the start model",
        guards={"ours": Guard(worth, shown, is_configured)},
    )
