"""GRPO through the real DeepSpeed engine: steps, records, and going on after an end between two
steps."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks.core.config import WarmStartConfig
from tasks.core.training import TrainedPolicy
from tasks.policy.checkpoint import open_policy
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.train.answers import with_window
from tasks.train.trainable import switch_dropout_off
from tests.helpers.training import ROLLOUT, TRAIN, Pool, copy_pool, make_pool, numbers
from tests.helpers.warm.process import warm_children

pytestmark = pytest.mark.slow


class StoppedError(Exception):
    """Stands for whatever ends a process between two steps."""


class StoppingTracker(MemoryTracker):
    """Ends the run when a step is logged."""

    def __init__(self, stop_at: int) -> None:
        super().__init__()
        self._stop_at = stop_at

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        if step == self._stop_at:
            raise StoppedError
        super().log_step(metrics, step, series)


@pytest.fixture
def pool(started_root: Path, tmp_path: Path) -> Pool:
    """With a start policy, before training."""
    return copy_pool(started_root, tmp_path / "root")


@pytest.fixture(scope="module")
def trained(
    started_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Pool, TrainedPolicy]:
    """A run of `TRAIN` from beginning to end."""
    pool = copy_pool(started_root, tmp_path_factory.mktemp("trained") / "root")
    return pool, pool.train(pool.start().policy)


@pytest.mark.parametrize("zero_stage", [0, 1, 2, 3])
def test_a_run_cut_off_and_resumed_equals_the_uninterrupted_one_bit_for_bit(
    pool: Pool, zero_stage: int
) -> None:
    start = pool.start().policy
    config = replace(TRAIN, zero_stage=zero_stage)
    with pytest.raises(StoppedError):
        pool.train(start, config, StoppingTracker(stop_at=3))
    resumed = pool.train(start, config)
    resumed_steps, resumed_weights = pool.steps(resumed), pool.weights(resumed)
    pool.store.delete(resumed.record.key.rsplit("/", 1)[0])
    whole = pool.train(start, config)
    assert numbers(resumed_steps) == numbers(pool.steps(whole))
    for name, tensor in pool.weights(whole).items():
        assert torch.equal(tensor, resumed_weights[name]), name


def test_prompts_made_ahead_of_time_change_nothing(
    pool: Pool, trained: tuple[Pool, TrainedPolicy]
) -> None:
    with warm_children():
        ahead = pool.steps(pool.train(pool.start().policy, replace(TRAIN, prefetch_workers=2)))
    whole, done = trained
    assert numbers(ahead) == numbers(whole.steps(done))


def test_some_groups_are_shown_with_their_frames_at_the_first_the_last_and_every_nth_step(
    pool: Pool,
) -> None:
    tracker = MemoryTracker()
    pool.train(pool.start().policy, replace(TRAIN, show_every_steps=2), tracker)
    pages = {name: data.decode() for name, data in tracker.files.items()}
    assert sorted(pages) == [f"rollouts/step-00000{number}.html" for number in (0, 2, 3)]
    for page in pages.values():
        assert "data:image/png;base64," in page
        assert page.count("<tr>") > ROLLOUT.rollouts_per_prompt, (
            "one row for each answer of a group"
        )


def test_a_finished_run_is_not_trained_again(trained: tuple[Pool, TrainedPolicy]) -> None:
    pool, first = trained
    again = pool.train(pool.start().policy, tracker=StoppingTracker(stop_at=0))
    assert (again.policy, again.record) == (first.policy, first.record)
    assert again.report.counts["reused"] == 1.0


def test_rollout_and_policy_agree_on_logprobs_in_every_step(
    trained: tuple[Pool, TrainedPolicy],
) -> None:
    pool, done = trained
    steps = pool.steps(done)
    assert [row.step for row in steps] == [0, 1, 2, 3]
    assert max(row.metrics["rollout/logprob_gap_max"] for row in steps) < 1e-4
    assert steps[0].kl == pytest.approx(0.0, abs=1e-9)  # the reference is the start model


def test_the_record_has_what_the_windows_of_answers_are_made_of(
    trained: tuple[Pool, TrainedPolicy],
) -> None:
    pool, done = trained
    steps = pool.steps(done)
    given = [sum(answers.num_answers for answers in row.answers.values()) for row in steps]
    assert given == [TRAIN.prompts_per_step * ROLLOUT.rollouts_per_prompt] * TRAIN.num_steps
    for number, row in enumerate(steps):
        assert set(row.reward_by_pretext) == set(row.answers)
        assert with_window(steps[:number], row) == row
    # Only of cells that both clips have samples of.
    assert set(steps[-1].rewards_over_constant) == {"counting", "jigsaw"}


def test_warm_start_lowers_the_loss_and_is_reused(tmp_path: Path) -> None:
    pool = make_pool(tmp_path)
    tracker = MemoryTracker()
    config = WarmStartConfig(num_steps=8, batch_size=8, learning_rate=3e-3)
    first = pool.start(config, tracker)
    losses = [value for _, value in tracker.metrics["warm_start/loss"]]
    assert losses[-1] < losses[0] - 1.0
    assert pool.start(config).policy == first.policy


def test_a_warm_start_cut_off_and_resumed_equals_the_uninterrupted_one(
    pool: Pool, tmp_path: Path
) -> None:
    config = WarmStartConfig(
        num_steps=4, batch_size=4, learning_rate=1e-3, checkpoint_every_steps=2
    )
    with pytest.raises(StoppedError):
        pool.start(config, StoppingTracker(stop_at=3))
    tracker = MemoryTracker()
    resumed = pool.start(config, tracker)
    assert [step for step, _ in tracker.metrics["warm_start/loss"]] == [2, 3]
    assert resumed.policy.digest == make_pool(tmp_path / "other").start(config).policy.digest


def test_a_step_of_flat_groups_refills_then_drops_them_and_leaves_the_policy_alone(
    pool: Pool,
) -> None:
    start = pool.start(WarmStartConfig(num_steps=0)).policy  # an untrained policy earns nothing
    config = replace(
        TRAIN, num_steps=1, flat_groups="resample", refill_rounds=2, prompts_per_step=2
    )
    trained = pool.train(start, config)
    [row] = pool.steps(trained)
    assert (row.spread_share, row.grad_norm, row.skipped) == (0.0, 0.0, False)
    flat = {name: n for name, n in row.metrics.items() if name.startswith("flat_groups/")}
    assert (flat.pop("flat_groups/refilled"), flat.pop("flat_groups/left_out")) == (4, 6)
    assert sum(flat.values()) == 6
    assert "train/loss" not in row.metrics, "there was no update that has one"
    before = open_policy(pool.store, start, "float32").model.state_dict()
    assert all(torch.equal(tensor, before[name]) for name, tensor in pool.weights(trained).items())


def test_later_updates_of_a_batch_have_ratios_to_the_rollouts(pool: Pool) -> None:
    config = replace(
        TRAIN, num_steps=1, updates_per_batch=2, prompts_per_step=2, kl_coefficient=0.0
    )
    [row] = pool.steps(pool.train(pool.start().policy, config))
    assert row.metrics["train/ratio_max"] > 1.0001
    assert row.metrics["train/ratio_mean"] == pytest.approx(1.0, abs=0.5)
    # taken before the first update only
    assert row.metrics["rollout/logprob_gap_max"] < 1e-4


def test_dropout_is_off_while_training(pool: Pool) -> None:
    policy = open_policy(pool.store, pool.start(WarmStartConfig(num_steps=0)).policy, "float32")
    model = policy.model
    for layer in model.model.language_model.layers:
        layer.self_attn.attention_dropout = 0.5
    switch_dropout_off(model.train())
    tokens = torch.arange(20, 40)[None]
    assert torch.equal(model(input_ids=tokens).logits, model.eval()(input_ids=tokens).logits)
