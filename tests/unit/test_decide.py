import pytest

from tasks.core.scores import AFTER, BEFORE, CHAMPION, ModelScores
from tasks.core.statistics import Difference, Estimate
from tasks.core.types import Artifact
from tasks.promote.decide import decide, judge
from tasks.tracking.tracker import RegisteredModel


@pytest.mark.parametrize(
    ("mean", "se", "min_z", "promoted"),
    [
        (0.05, 0.02, 1.645, True),  # z 2.5
        (0.03, 0.02, 1.645, False),  # z 1.5
        (0.02, 0.01, 2.0, False),  # exactly on the border
        (-0.05, 0.0, 0.0, False),
        (0.0, 0.0, 0.0, False),
        (0.01, 0.0, 1.645, True),  # the same gain on every item
        (0.5, float("inf"), 1.645, False),
    ],
)
def test_the_gain_must_exceed_zero_and_its_noise(mean: float, se: float, min_z: float, promoted: bool) -> None:
    decision = judge(Difference(mean=mean, se=se, num_items=90), opponent=BEFORE, label="the start model", min_z=min_z)
    assert decision.promoted is promoted


def test_the_reason_says_the_numbers() -> None:
    decision = judge(Difference(0.05, 0.02, 90), opponent=BEFORE, label="the start model", min_z=1.645)
    assert decision.reason == (
        "+0.0500 on VIUBench over the start model (standard error 0.0200, 90 items): z is 2.50, above the 1.645 needed"
    )


def test_without_a_champion_the_start_model_is_the_opponent() -> None:
    decision = decide(_scores(BEFORE, AFTER), None, _gain, 1.645)
    assert (decision.promoted, decision.opponent) == (True, BEFORE)


def test_the_champion_is_the_opponent_if_it_was_scored() -> None:
    decision = decide(_scores(BEFORE, AFTER, CHAMPION), _champion(CHAMPION), _gain, 1.645)
    assert (decision.promoted, decision.opponent) == (True, CHAMPION)
    assert "champion version 3" in decision.reason


def test_a_champion_that_the_run_started_from_is_found_by_its_weights() -> None:
    decision = decide(_scores(BEFORE, AFTER), _champion(BEFORE), _gain, 1.645)
    assert decision.opponent == BEFORE


def test_nothing_beats_a_champion_that_was_not_scored() -> None:
    decision = decide(_scores(BEFORE, AFTER), _champion(CHAMPION), _gain, 1.645)
    assert (decision.promoted, decision.opponent, decision.gain) == (False, "", None)
    assert "was not scored" in decision.reason


def test_a_challenger_with_the_champion_s_weights_changes_nothing() -> None:
    decision = decide(_scores(BEFORE, AFTER), _champion(AFTER), _gain, 1.645)
    assert not decision.promoted
    assert decision.reason.startswith("unchanged")


def _gain(_: ModelScores) -> Difference:
    return Difference(mean=0.1, se=0.01, num_items=90)


def _champion(name: str) -> RegisteredModel:
    return RegisteredModel(version="3", policy=Artifact(f"policies/{name}", name), tags={})


def _scores(*names: str) -> dict[str, ModelScores]:
    some = Estimate(mean=0.5, se=0.1, low=0.3, high=0.7, num_items=9)
    return {
        name: ModelScores(
            name=name,
            policy=Artifact(f"policies/{name}", name),
            predictions=Artifact(f"predictions/{name}", name),
            heldout=some,
            heldout_by_pretext={},
            viubench=some,
            viubench_by_type={},
            num_failed=0,
        )
        for name in names
    }
