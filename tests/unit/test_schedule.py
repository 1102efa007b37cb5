from dataclasses import replace

import pytest

from tasks.core.config import TrainConfig
from tasks.train.schedule import learning_rate_at

CONFIG = TrainConfig(num_steps=10, learning_rate=1.0, warmup_steps=2)


def test_the_learning_rate_rises_to_its_peak_and_stays() -> None:
    assert [learning_rate_at(step, CONFIG) for step in range(10)] == [0.5] + [1.0] * 9


@pytest.mark.parametrize(("decay", "halfway"), [("linear", 0.5), ("cosine", 0.5)])
def test_a_decaying_learning_rate_falls_from_the_peak_and_never_reaches_zero(decay: str, halfway: float) -> None:
    rates = [learning_rate_at(step, replace(CONFIG, learning_rate_decay=decay)) for step in range(10)]
    assert rates[2] == 1.0
    assert rates[6] == pytest.approx(halfway)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] > 0


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert learning_rate_at(0, TrainConfig(learning_rate=1.0)) == 1.0
