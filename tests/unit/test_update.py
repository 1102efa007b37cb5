"""Rows of groups, and the learning rate of a step."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import TrainConfig
from tasks.train.update import learning_rate_at, pack_groups

CONFIG = TrainConfig(num_steps=10, learning_rate=1.0, warmup_steps=2)


def test_the_learning_rate_rises_to_its_peak_and_stays() -> None:
    assert [learning_rate_at(step, CONFIG) for step in range(10)] == [0.5] + [1.0] * 9


@pytest.mark.parametrize(("decay", "halfway"), [("linear", 0.5), ("cosine", 0.5)])
def test_a_decaying_learning_rate_falls_from_the_peak_and_never_reaches_zero(
    decay: str, halfway: float
) -> None:
    rates = [
        learning_rate_at(step, replace(CONFIG, learning_rate_decay=decay)) for step in range(10)
    ]
    assert rates[2] == 1.0
    assert rates[6] == pytest.approx(halfway)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] > 0


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert learning_rate_at(0, TrainConfig(learning_rate=1.0)) == 1.0


def test_groups_share_a_row_while_their_tokens_fit() -> None:
    assert pack_groups([12, 52, 12], 24) == [[1], [0, 2]]
    assert pack_groups([12, 52, 12], 64) == [[1, 0], [2]]
    assert pack_groups([12, 52, 12], 76) == [[1, 0, 2]]


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.integers(1, 2000))
def test_every_group_is_packed_once_and_only_a_lone_one_may_exceed_the_budget(
    lengths: list[int], budget: int
) -> None:
    rows = pack_groups(lengths, budget)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert all(len(row) == 1 or sum(lengths[i] for i in row) <= budget for row in rows)
