"""Work shared by two processes gives what one process gives: the same rollouts, gradients and
weights."""

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import TrainConfig
from tasks.core.training import TrainedPolicy
from tasks.core.types import Artifact
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.train.ranks import Ranks, balanced_shares
from tests.helpers.training import TRAIN, Pool, copy_pool, make_pool, numbers, on_two_ranks

CONFIG = replace(TRAIN, num_steps=3, microbatch_tokens=600)
ONE_PROMPT = replace(CONFIG, prompts_per_step=1, num_steps=2, zero_stage=3)
"""One rank has nothing to do but take part."""
SHARED = [
    replace(CONFIG, zero_stage=0),
    replace(CONFIG, zero_stage=1),
    replace(CONFIG, zero_stage=2, offload_optimizer=True),
    replace(CONFIG, zero_stage=3),
]


class Alone(NamedTuple):
    """What one process makes of `CONFIG`."""

    start: Artifact
    pool: Pool
    trained: TrainedPolicy


@pytest.fixture(scope="module")
def alone(started_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Alone:
    pool = copy_pool(started_root, tmp_path_factory.mktemp("ranks") / "alone")
    start = pool.start().policy
    return Alone(start, pool, pool.train(start, CONFIG))


@given(st.lists(st.integers(0, 1000), max_size=40), st.integers(1, 8))
def test_every_item_falls_to_one_rank_and_loads_are_balanced(
    costs: list[int], num_ranks: int
) -> None:
    shares = balanced_shares(costs, num_ranks)
    assert sorted(i for share in shares for i in share) == list(range(len(costs)))
    loads = [sum(costs[i] for i in share) for share in shares]
    assert max(loads) - min(loads) <= max(costs, default=0)


def test_a_process_alone_is_the_first_of_one() -> None:
    ranks = Ranks()
    assert (ranks.index, ranks.count, ranks.gather("own")) == (0, 1, ["own"])


@pytest.mark.slow
def test_the_cut_into_microbatches_does_not_change_the_training(
    alone: Alone, started_root: Path, tmp_path: Path
) -> None:
    pool = copy_pool(started_root, tmp_path / "other")
    _assert_equal(alone, pool, pool.train(alone.start, replace(CONFIG, microbatch_tokens=10**6)))


@pytest.mark.slow
def test_two_ranks_equal_one_whatever_the_zero_stage(
    alone: Alone, started_root: Path, tmp_path: Path
) -> None:
    roots = [tmp_path / str(number) for number in range(len(SHARED) + 1)]
    for root in roots:
        copy_pool(started_root, root)
    on_two_ranks(_train_all, roots, alone.start, [*SHARED, ONE_PROMPT])
    for root, config in zip(roots, SHARED, strict=False):
        pool = make_pool(root)
        _assert_equal(alone, pool, _reused(pool.train(alone.start, config)))
    shared = make_pool(roots[-1])
    one_prompt = shared.steps(_reused(shared.train(alone.start, ONE_PROMPT)))
    by_itself = alone.pool.steps(alone.pool.train(alone.start, replace(ONE_PROMPT, zero_stage=1)))
    for one, two in zip(numbers(by_itself), numbers(one_prompt), strict=True):
        assert two == pytest.approx(one, abs=1e-5)


@pytest.mark.slow
def test_one_process_goes_on_where_two_ranks_were_told_to_stop(
    alone: Alone, started_root: Path, tmp_path: Path
) -> None:
    pool = copy_pool(started_root, tmp_path / "other")
    told = replace(CONFIG, zero_stage=3, checkpoint_every_steps=100)
    on_two_ranks(
        _train_until_told_to_stop,
        tmp_path / "other",
        alone.start,
        told,
        exit_code=128 + signal.SIGTERM,
    )
    tracker = MemoryTracker(run_id="another")
    trained = pool.train(alone.start, replace(CONFIG, zero_stage=1), tracker)
    _assert_equal(alone, pool, trained)
    assert [step for step, _ in tracker.metrics["train/loss"]] == [0, 1, 2], (
        "another run gets the whole curve"
    )


class StoppingTracker(MemoryTracker):
    """Sends this process a SIGTERM, as Kubernetes does, when step 1 is logged."""

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        super().log_step(metrics, step, series)
        if step == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def _train_all(roots: list[Path], start: Artifact, configs: list[TrainConfig]) -> None:
    for root, config in zip(roots, configs, strict=True):
        make_pool(root).train(start, config)


def _train_until_told_to_stop(root: Path, start: Artifact, config: TrainConfig) -> None:
    make_pool(root).train(start, config, StoppingTracker())


def _reused(trained: TrainedPolicy) -> TrainedPolicy:
    assert trained.report.counts["reused"] == 1.0
    return trained


def _assert_equal(alone: Alone, pool: Pool, trained: TrainedPolicy) -> None:
    for one, two in zip(
        numbers(alone.pool.steps(alone.trained)), numbers(pool.steps(trained)), strict=True
    ):
        assert two == pytest.approx(one, abs=1e-5)
    weights = alone.pool.weights(alone.trained)
    for name, tensor in pool.weights(trained).items():
        torch.testing.assert_close(tensor, weights[name], atol=1e-5, rtol=0, msg=name)
