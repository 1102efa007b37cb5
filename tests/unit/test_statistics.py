import math

import numpy as np
import pytest

from tasks.core.statistics import Difference, Scored, estimate, paired_difference


def test_with_one_item_a_video_the_error_is_that_of_the_mean() -> None:
    found = _estimate([("", "v1", 1.0), ("", "v2", 3.0), ("", "v3", 5.0)])
    # mean 3, sample variance (4 + 0 + 4) / 2 = 4, so 2 / sqrt(3)
    assert (found.mean, found.se) == (3.0, pytest.approx(2 / math.sqrt(3)))
    assert (found.num_items, found.num_videos) == (3, 3)


def test_ten_copies_of_every_item_on_its_video_add_no_certainty() -> None:
    items = [("", f"v{index}", float(score)) for index, score in enumerate([0, 1, 1, 0, 1])]
    assert _estimate(items * 10).se == pytest.approx(_estimate(items).se)


def test_one_video_tells_nothing_about_others() -> None:
    found = _estimate([("", "v", 0.0), ("", "v", 1.0)])
    assert (found.mean, found.se, found.low, found.high) == (0.5, math.inf, -math.inf, math.inf)


def test_every_stratum_counts_the_same_unless_weights_say_otherwise() -> None:
    items = [("a", "v1", 1.0), ("a", "v2", 3.0), ("a", "v3", 5.0), ("b", "v1", 0.0), ("b", "v2", 1.0)]
    assert _estimate(items).mean == pytest.approx((3.0 + 0.5) / 2)
    assert _estimate(items, weights={"a": 3.0, "b": 1.0}).mean == pytest.approx(0.75 * 3 + 0.25 * 0.5)


def test_nothing_to_average_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one score"):
        _estimate([])


def test_paired_difference_of_hand_computed_scores() -> None:
    before = _scored({"a1": 0.1, "a2": 0.4, "b1": 0.0, "b2": 1.0})
    after = _scored({"a1": 0.3, "a2": 0.4, "b1": 1.0, "b2": 1.0})
    found = paired_difference(before, after, 50, np.random.default_rng(0))
    # gains a: 0.2, 0 (mean 0.1), b: 1, 0 (mean 0.5); pulls of the four videos: (+-0.1, +-0.5) / 2 items / 2 strata
    assert found.mean == pytest.approx(0.3)
    assert found.se == pytest.approx(math.sqrt(4 / 3 * 2 * ((0.1 / 4) ** 2 + (0.5 / 4) ** 2)))
    assert found.z == pytest.approx(found.mean / found.se)
    assert found.num_items == 4


def test_different_items_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="2 items were scored for one"):
        paired_difference(_scored({"a": 1.0, "b": 0.0}), _scored({"a": 1.0, "c": 0.0}), 10, np.random.default_rng(0))


@pytest.mark.parametrize(("mean", "z"), [(0.0, 0.0), (0.1, math.inf), (-0.1, -math.inf)])
def test_z_without_any_variation(mean: float, z: float) -> None:
    assert Difference(mean=mean, se=0.0, num_items=2, num_videos=2).z == z


def test_one_item_is_never_significant() -> None:
    found = paired_difference(_scored({"a": 0.0}), _scored({"a": 1.0}), 10, np.random.default_rng(0))
    assert (found.z, found.low) == (0.0, -math.inf)


def test_the_interval_does_not_depend_on_the_order_of_items() -> None:
    items = [("a", "v1", 0.1), ("a", "v2", 0.9), ("b", "v1", 0.3), ("b", "v3", 0.2)]
    assert _estimate(items) == _estimate(items[::-1])


@pytest.mark.slow
@pytest.mark.parametrize("num_videos", [8, 30])
def test_intervals_hold_the_true_mean_as_often_as_they_say(num_videos: int) -> None:
    """Right or wrong answers, three to six a video, whose difficulty is the video's; two strata."""
    rng = np.random.default_rng(num_videos)
    runs = 400
    held = 0
    for _ in range(runs):
        items = []
        for video in range(num_videos):
            ease = rng.beta(2, 2)  # mean 0.5
            for number in range(rng.integers(3, 7)):
                items.append((f"s{number % 2}", f"v{video}", float(rng.random() < ease)))
        found = _estimate(items, seed=int(rng.integers(2**31)), num_resamples=300)
        held += found.low <= 0.5 <= found.high
    assert 0.92 <= held / runs <= 0.98  # 0.95 +- 2.75 standard errors of 400 runs


def _estimate(items, *, weights=None, seed=0, num_resamples=100):  # type: ignore[no-untyped-def]
    scored = [Scored(score=score, video=video, stratum=stratum) for stratum, video, score in items]
    return estimate(scored, num_resamples, np.random.default_rng(seed), weights)


def _scored(scores: dict[str, float]) -> dict[str, Scored]:
    """Every item on a video of its own, in the stratum of its first letter."""
    return {item: Scored(score=score, video=item, stratum=item[0]) for item, score in scores.items()}
