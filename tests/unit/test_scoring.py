import math
from dataclasses import replace

import pytest

from rewards.answers import AnswerKind
from tasks.core.scores import ModelScores, SampleScore
from tasks.core.types import Artifact, Split
from tasks.evaluate.score_policy import aggregate, evaluation_report, score_sample
from tasks.rollout.reward import reward_answer
from tests.helpers.rollouts import make_rollout, make_sample


def test_a_heldout_sample_scores_its_mean_reward() -> None:
    rollouts = [
        make_rollout("s", reward=0.5, text="2.0-3.0"),
        make_rollout("s", index=1, reward=0.0, text="no", parsed=False, truncated=True),
    ]
    row = score_sample(make_sample("s", pretext="counting", kind="shapes"), rollouts)
    assert (row.score, row.parsed_share, row.truncated_share) == (0.25, 0.5, 0.5)
    assert row.answers == ("2.0-3.0", "no")
    assert (row.num_rollouts, row.viubench_type, row.failure) == (2, "", "")


@pytest.mark.parametrize(
    ("pretext", "kind", "viubench_type", "truth", "text", "score", "strict"),
    [
        ("grounding", "mirror", "grounding_mirror", "1.0-2.0", "1.0-2.5", 2 / 3, 2 / 3),
        ("grounding", "mirror", "grounding_mirror", "1.0-2.0", "From 1.0 - 2.0 seconds.", 1.0, 0.0),
        ("counting", "shapes", "counting_easy", "3,1,2", "3,2,2", 2 / 3, 2 / 3),
        ("counting", "shapes", "counting_easy", "3,1,2", "3, 1 and 2", 1.0, 0.0),
        ("counting", "shapes", "counting_easy", "3,1,2", "1,3,1", 0.0, 0.0),
        ("counting", "shapes", "counting_easy", "3,1,2", "3,1", 0.0, 0.0),
        ("counting", "shapes", "counting_easy", "3,1,2", "three", 0.0, 0.0),
        ("jigsaw", "clips", "jigsaw_easy", "213456", "213465", 0.0, 0.0),
        ("jigsaw", "clips", "jigsaw_easy", "213456", "213456", 1.0, 1.0),
        ("jigsaw", "clips", "jigsaw_easy", "213456", "The order is 213456.", 1.0, 0.0),
    ],
)
def test_viubench_is_scored_by_overlap_by_the_share_of_right_counts_and_by_whole_orders(
    pretext: str, kind: str, viubench_type: str, truth: str, text: str, score: float, strict: float
) -> None:
    kinds = {
        "grounding": AnswerKind.INTERVAL,
        "counting": AnswerKind.COUNTS,
        "jigsaw": AnswerKind.PERMUTATION,
    }
    made = make_sample("v", pretext=pretext, kind=kind, split=Split.VIUBENCH)
    sample = replace(made, answer=truth, answer_kind=kinds[pretext])
    row = score_sample(sample, [reward_answer(sample, 0, text, num_tokens=1)])
    assert row.viubench_type == viubench_type
    assert (row.score, row.strict_score) == pytest.approx((score, strict))


def test_a_sample_that_could_not_be_shown_scores_zero_and_stays_in_the_mean() -> None:
    rows = [
        *_heldout([1.0, 1.0]),
        score_sample(make_sample("lost"), (), "frames missing"),
        *_viubench("mirror", [1.0]),
    ]
    scores = _aggregate(rows)
    assert scores.heldout.mean == pytest.approx(2 / 3)
    assert scores.heldout.num_items == 3
    assert scores.num_failed == 1


def test_viubench_is_the_mean_of_its_types_with_an_error_over_videos() -> None:
    rows = [
        *_heldout([0.0, 0.5]),
        *_viubench("mirror", [0.0, 1.0]),
        *_viubench("zoom_out", [0.2, 0.2, 0.8]),
    ]
    scores = _aggregate(rows)
    assert {name: part.mean for name, part in scores.viubench_by_type.items()} == pytest.approx(
        {"grounding_mirror": 0.5, "grounding_zoom_out": 0.4}
    )
    assert scores.viubench.mean == pytest.approx(0.45)
    # five videos; deviations 0.5 twice of two items, 0.2 twice and 0.4 of three, enlarged by a half
    # and a third
    squares = 2 * (0.5 / 2) ** 2 / (1 - 1 / 2) + (0.2**2 + 0.2**2 + 0.4**2) / 3**2 / (1 - 1 / 3)
    assert scores.viubench.se == pytest.approx(math.sqrt(squares) / 2)
    assert scores.viubench_strict.mean == pytest.approx(0.225)
    assert scores.heldout.mean == pytest.approx(0.25)
    assert scores.heldout_by_pretext["grounding"].mean == pytest.approx(0.25)


def test_scores_do_not_depend_on_the_order_of_rows() -> None:
    rows = [*_heldout([0.0, 0.5, 0.7]), *_viubench("mirror", [0.1, 1.0, 0.4])]
    assert _aggregate(rows) == _aggregate(rows[::-1])


def test_a_model_that_was_asked_nothing_has_no_score() -> None:
    scores = _aggregate([])
    assert math.isnan(scores.heldout.mean)
    assert (scores.viubench.no_interval, scores.viubench_by_type) == ("0 videos: no interval", {})
    assert evaluation_report(scores, 0.0, reused=False).counts["heldout_samples"] == 0


def test_the_report_says_what_was_found() -> None:
    scores = _aggregate([*_heldout([0.0, 0.5]), *_viubench("mirror", [1.0])])
    report = evaluation_report(scores, 2.5, reused=False)
    assert (report.stage, report.seconds) == ("evaluate_after", 2.5)
    assert report.counts["heldout_mean"] == pytest.approx(0.25)


def _heldout(scores: list[float]) -> list[SampleScore]:
    return [
        score_sample(make_sample(f"h{i}"), [make_rollout(f"h{i}", reward=score)])
        for i, score in enumerate(scores)
    ]


def _viubench(kind: str, scores: list[float]) -> list[SampleScore]:
    samples = [
        make_sample(f"{kind}{i}", kind=kind, split=Split.VIUBENCH, clip_id=f"{kind}{i}")
        for i in range(len(scores))
    ]
    rows = [score_sample(sample, [make_rollout(sample.sample_id)]) for sample in samples]
    return [
        replace(row, score=score, strict_score=score / 2)
        for row, score in zip(rows, scores, strict=True)
    ]


def _aggregate(rows: list[SampleScore]) -> ModelScores:
    policy, predictions = Artifact("policies/a", "a"), Artifact("predictions", "p")
    return aggregate(rows, name="after", policy=policy, predictions=predictions)
