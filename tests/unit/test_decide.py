import math
import re
from dataclasses import replace

import pytest

from tasks.core.config import IngestConfig, PromoteConfig, RetrainConfig
from tasks.core.heldout import promotion_advice
from tasks.core.scores import AFTER, BEFORE, CHAMPION, ModelScores, SampleScore
from tasks.core.seeding import generator
from tasks.core.statistics import Estimate
from tasks.core.types import Artifact, Split
from tasks.ingest.split import assign_sides
from tasks.promote.decide import Decision, coverage, decide, judge, measure_gains
from tasks.tracking.tracker import Move, RegisteredModel, Standing

POLICY = PromoteConfig(must_see=False)
"""What looking has to say is in `test_sight_rules.py`."""


@pytest.mark.parametrize(
    ("viubench_low", "heldout_low", "shown", "promoted"),
    [
        (0.01, 0.05, 1.0, True),
        (0.01, -0.02, 0.98, True),  # on both borders
        (0.0, 0.05, 1.0, False),  # no win is shown
        (0.01, -0.021, 1.0, False),  # may lose too much
        (0.01, 0.05, 0.97, False),  # too few items were shown
        (-math.inf, 0.05, 1.0, False),  # no interval
    ],
)
def test_every_rule_must_hold(
    viubench_low: float, heldout_low: float, shown: float, promoted: bool
) -> None:
    gains = {"viubench": _gain(viubench_low), "heldout": _gain(heldout_low), "overall": _gain(0.0)}
    assert _judge(gains, shown).promoted is promoted


def test_other_places_can_be_asked_to_win_or_allowed_to_lose() -> None:
    gains = {"viubench": _gain(-0.04), "heldout": _gain(0.01), "overall": _gain(0.001)}
    policy = replace(POLICY, must_win=("heldout", "overall"), may_lose={"viubench": 0.05})
    assert _judge(gains, 1.0, policy).promoted
    assert not _judge(gains, 1.0, replace(policy, may_lose={"viubench": 0.03})).promoted


def test_the_reasons_say_the_numbers() -> None:
    gains = {"viubench": _gain(0.01), "heldout": _gain(-0.03), "overall": _gain(0.0)}
    decision = _judge(gains, 1.0)
    assert decision.checks == (
        "yes: gains must rest on at least 10 videos: on viubench there are 10",
        "yes: it must win on viubench: the 95 % interval of +0.0500 (+0.0100 to +0.0900, 90 items "
        "on 10 videos, 8.5 degrees of freedom) lies above 0",
        "no: it may lose at most 0.02 on heldout: the 95 % interval of +0.0500 (-0.0300 to "
        "+0.0900, 90 items on 10 videos, 8.5 degrees of freedom) does not lie above -0.02",
        "yes: 98% of the items must be shown: 100.0% were shown to 'before'",
        "yes: 98% of the items must be shown: 100.0% were shown to 'after'",
    )
    assert "not enough: it may lose at most 0.02 on heldout" in decision.reason


@pytest.mark.parametrize(
    ("num_videos", "min_videos", "promoted"), [(9, 10, False), (9, 9, True), (9, 0, True)]
)
def test_a_gain_on_too_few_videos_is_not_promoted_however_clear(
    num_videos: int, min_videos: int, promoted: bool
) -> None:
    gains = {"viubench": _gain(0.04), "heldout": _gain(0.04, num_videos), "overall": _gain(0.0)}
    assert _judge(gains, 1.0, replace(POLICY, min_videos=min_videos)).promoted is promoted
    assert _judge(gains, 1.0, replace(POLICY, may_lose={})).promoted, (
        "no rule names the place with few videos"
    )


def test_three_videos_that_agree_are_no_win_whatever_the_policy_asks_for() -> None:
    before, after = _answers([0.5] * 3, generator(1, "")), _answers([0.5] * 3, generator(1, ""))
    after = [replace(row, score=row.score + 0.07 + 0.001 * int(row.video[1:])) for row in after]
    gains = measure_gains(before, after)
    policy = replace(POLICY, min_videos=0)
    decision = judge(
        {BEFORE: gains}, {BEFORE: 1.0, AFTER: 1.0}, policy, opponent=BEFORE, label="the start model"
    )
    assert not decision.promoted
    assert (
        "it must win on viubench: the 95 % interval of +0.0710 (3 videos: no interval, 9 items)"
        in decision.reason
    )


def test_what_helps_is_part_of_the_reason() -> None:
    gains = {"viubench": _gain(0.04, 7), "heldout": _gain(0.04, 7), "overall": _gain(0.0, 7)}
    advice = promotion_advice(7, 8, RetrainConfig())
    decision = judge(
        {BEFORE: gains},
        {BEFORE: 1.0, AFTER: 1.0},
        POLICY,
        opponent=BEFORE,
        label="it",
        advice=advice,
    )
    assert (
        "gains must rest on at least 10 videos: on viubench there are 7; 7 of 15 videos are held "
        "out, promotion needs 10 (promote.min_videos): add about 5 videos, or set "
        "promote.min_videos to 7" in decision.reason
    )


@pytest.mark.parametrize("num_videos", [1, 2, 9, 15, 19, 20, 40])
@pytest.mark.parametrize("min_heldout_clips", [1, 10])
def test_who_adds_as_many_videos_as_advised_has_enough_held_out(
    num_videos: int, min_heldout_clips: int
) -> None:
    config = RetrainConfig(
        ingest=IngestConfig(heldout_share=0.01, min_heldout_clips=min_heldout_clips)
    )

    def num_heldout(number: int, config: RetrainConfig) -> int:
        names = [f"{index:064x}" for index in range(number)]
        return assign_sides(names, range(number), (), config.ingest).count(Split.HELDOUT)

    held = num_heldout(num_videos, config)
    advice = promotion_advice(held, num_videos - held, config)
    assert bool(advice) == (held < 10)
    if advice:
        more = int(re.findall(r"add about (\d+) videos?", advice)[0])
        wanted = replace(config, ingest=replace(config.ingest, min_heldout_clips=10))
        assert ("set ingest.min_heldout_clips to 10" in advice) == (min_heldout_clips < 10)
        assert num_heldout(num_videos + more, wanted) == 10


def test_without_a_champion_the_start_model_is_the_opponent() -> None:
    decision = _decide((BEFORE, AFTER), None)
    assert (decision.promoted, decision.opponent, decision.last_move) == (True, BEFORE, 4)


def test_the_champion_is_the_opponent_if_it_was_scored() -> None:
    decision = _decide((BEFORE, AFTER, CHAMPION), CHAMPION)
    assert (decision.promoted, decision.opponent, decision.champion) == (True, CHAMPION, "3")
    assert "champion version 3" in decision.reason


def test_a_champion_that_the_run_started_from_is_found_by_its_weights() -> None:
    assert _decide((BEFORE, AFTER), BEFORE).opponent == BEFORE


def test_nothing_beats_a_champion_that_was_not_scored() -> None:
    decision = _decide((BEFORE, AFTER), CHAMPION)
    assert (decision.promoted, decision.opponent, decision.gains) == (False, "", {})
    assert "was not scored" in decision.reason


def test_a_challenger_with_the_champion_s_weights_changes_nothing() -> None:
    decision = _decide((BEFORE, AFTER), AFTER)
    assert not decision.promoted
    assert decision.reason.startswith("unchanged")


@pytest.mark.slow
def test_the_same_model_against_itself_is_promoted_at_most_one_time_in_twenty() -> None:
    """Two sets of sampled answers of one model: twelve videos of their own difficulty, six items
    each."""
    runs, promoted = 400, 0
    for run in range(runs):
        rng = generator(run, "videos")
        eases = rng.beta(2, 2, size=12)
        one, other = (_answers(eases, generator(run, name)) for name in ("one", "other"))
        gains = measure_gains(one, other)
        covered = {BEFORE: coverage(one), AFTER: coverage(other)}
        promoted += judge(
            {BEFORE: gains}, covered, POLICY, opponent=BEFORE, label="itself"
        ).promoted
    assert promoted / runs <= 0.05


def test_a_model_that_is_better_everywhere_is_promoted() -> None:
    rng = generator(0, "videos")
    eases = rng.uniform(0.2, 0.5, size=12)
    before, after = _answers(eases, generator(1, "")), _answers(eases + 0.4, generator(2, ""))
    gains = measure_gains(before, after)
    covered = {BEFORE: coverage(before), AFTER: coverage(after)}
    assert judge(
        {BEFORE: gains}, covered, POLICY, opponent=BEFORE, label="the start model"
    ).promoted


def test_overall_is_the_mean_of_both_places() -> None:
    eases = [0.3, 0.6, 0.4, 0.5, 0.2]
    gains = measure_gains(_answers(eases, generator(1, "")), _answers(eases, generator(2, "")))
    assert gains["overall"].mean == pytest.approx(
        (gains["heldout"].mean + gains["viubench"].mean) / 2
    )


def _answers(eases, rng):  # type: ignore[no-untyped-def]
    """Right or wrong: on each video three held-out samples and three VIUBench items of three
    types."""
    return [
        SampleScore(
            sample_id=f"{split} {video} {number}",
            split=split,
            pretext="",
            kind="",
            level=0.5,
            viubench_type=f"type {number}" if split == Split.VIUBENCH else "",
            score=float(rng.random() < ease),
            parsed_share=1.0,
            truncated_share=0.0,
            num_rollouts=1,
            answers=("",),
            video=f"v{video}",
        )
        for video, ease in enumerate(eases)
        for split in (Split.HELDOUT, Split.VIUBENCH)
        for number in range(3)
    ]


def _gain(low: float, num_videos: int = 10) -> Estimate:
    return Estimate(
        mean=0.05,
        se=0.02,
        num_items=90,
        num_videos=num_videos,
        degrees_of_freedom=num_videos - 1.5,
        low=low,
        high=0.09,
    )


def _judge(gains: dict[str, Estimate], shown: float, policy: PromoteConfig = POLICY) -> Decision:
    return judge(
        {BEFORE: gains},
        {BEFORE: 1.0, AFTER: shown},
        policy,
        opponent=BEFORE,
        label="the start model",
    )


def _decide(scored: tuple[str, ...], champion: str | None) -> Decision:
    some = Estimate(mean=0.5, se=0.1, low=0.3, high=0.7, num_items=9, num_videos=9)
    scores = {
        name: ModelScores(
            name=name,
            policy=Artifact(f"policies/{name}", name),
            predictions=Artifact(f"predictions/{name}", name),
            heldout=some,
            heldout_by_pretext={},
            heldout_greedy=some,
            heldout_greedy_by_pretext={},
            viubench=some,
            viubench_strict=some,
            viubench_by_type={},
            num_failed=0,
        )
        for name in scored
    }
    gains = {
        name: {place: _gain(0.01) for place in ("viubench", "heldout", "overall")}
        for name in scored
    }
    model = champion and RegisteredModel(
        version="3", policy=Artifact(f"policies/{champion}", champion), tags={}
    )
    return decide(
        scores,
        gains,
        dict.fromkeys(scored, 1.0),
        Standing(model or None, (Move(number=4, version="3", before=""),)),
        POLICY,
    )
