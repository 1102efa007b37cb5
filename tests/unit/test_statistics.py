import math

import numpy as np
import pytest

from tasks.core.statistics import Difference, bootstrap_interval, estimate, paired_difference, standard_error


def test_standard_error_of_hand_computed_values() -> None:
    # mean 3, sample variance (4 + 0 + 4) / 2 = 4, so 2 / sqrt(3)
    assert standard_error([1.0, 3.0, 5.0]) == pytest.approx(2 / math.sqrt(3))


def test_one_value_has_no_known_error() -> None:
    assert standard_error([0.7]) == math.inf


def test_every_stratum_counts_the_same_whatever_its_size() -> None:
    found = estimate({"a": [1.0, 3.0, 5.0], "b": [0.0, 1.0]}, 10, np.random.default_rng(0))
    assert found.mean == pytest.approx((3.0 + 0.5) / 2)
    # se(a)^2 = 4/3, se(b)^2 = 0.5/2
    assert found.se == pytest.approx(math.sqrt(4 / 3 + 1 / 4) / 2)
    assert found.num_items == 5


@pytest.mark.parametrize("strata", [{}, {"a": [1.0], "b": []}])
def test_nothing_to_average_is_refused(strata: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="at least one score"):
        estimate(strata, 10, np.random.default_rng(0))


def test_paired_difference_of_hand_computed_scores() -> None:
    before = {"a1": 0.1, "a2": 0.4, "b1": 0.0, "b2": 1.0}
    after = {"a1": 0.3, "a2": 0.4, "b1": 1.0, "b2": 1.0}
    found = paired_difference(before, after, {item: item[0] for item in before})
    # gains a: 0.2, 0 (mean 0.1, variance 0.02); b: 1, 0 (mean 0.5, variance 0.5)
    assert found.mean == pytest.approx(0.3)
    assert found.se == pytest.approx(math.sqrt(0.02 / 2 + 0.5 / 2) / 2)
    assert found.z == pytest.approx(found.mean / found.se)
    assert found.num_items == 4


def test_different_items_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="2 items were scored for one"):
        paired_difference({"a": 1.0, "b": 0.0}, {"a": 1.0, "c": 0.0}, {"a": "", "b": "", "c": ""})


@pytest.mark.parametrize(("mean", "z"), [(0.0, 0.0), (0.1, math.inf), (-0.1, -math.inf)])
def test_z_without_any_variation(mean: float, z: float) -> None:
    assert Difference(mean=mean, se=0.0, num_items=2).z == z


def test_one_item_is_never_significant() -> None:
    assert paired_difference({"a": 0.0}, {"a": 1.0}, {"a": ""}).z == 0.0


def test_bootstrap_interval_agrees_with_the_normal_one() -> None:
    values = np.random.default_rng(1).normal(0.5, 0.1, 400).tolist()
    low, high = bootstrap_interval({"": values}, 2000, np.random.default_rng(2))
    assert low == pytest.approx(np.mean(values) - 1.96 * standard_error(values), abs=0.002)
    assert high == pytest.approx(np.mean(values) + 1.96 * standard_error(values), abs=0.002)


def test_bootstrap_interval_does_not_depend_on_the_order_of_strata() -> None:
    strata = {"a": [0.1, 0.9, 0.4], "b": [0.3, 0.2]}
    reversed_strata = dict(reversed(strata.items()))
    first = bootstrap_interval(strata, 50, np.random.default_rng(0))
    assert bootstrap_interval(reversed_strata, 50, np.random.default_rng(0)) == first
