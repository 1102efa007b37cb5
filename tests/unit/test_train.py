"""GRPO through the real DeepSpeed engine: steps, records, checkpoints and exact resume."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tasks.core.config import ModelConfig, PerturbConfig, RolloutConfig, TrainConfig, WarmStartConfig
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.training import TrainStep
from tasks.core.types import Artifact, Clip, Sample
from tasks.policy.checkpoint import open_policy
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.train.grpo import train_grpo
from tasks.train.outputs import Trained, WarmStarted
from tasks.train.start import start_policy
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.samples import plan_all

MODEL = ModelConfig(base="tiny", tiny_hidden_size=64, tiny_num_layers=2, dtype="float32")
ROLLOUT = RolloutConfig(rollouts_per_prompt=4, max_answer_tokens=6)
TRAIN = TrainConfig(
    num_steps=4,
    prompts_per_step=3,
    learning_rate=1e-3,
    gradient_checkpointing=False,
    zero_stage=1,
    checkpoint_every_steps=2,
    microbatch_tokens=1500,
)


Pool = tuple[Store, Artifact, Artifact]


class StoppedError(Exception):
    """Stands for whatever ends a process between two steps."""


class StoppingTracker(MemoryTracker):
    """Ends the run when a step is logged."""

    def __init__(self, stop_at: int) -> None:
        super().__init__()
        self._stop_at = stop_at

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        if step == self._stop_at:
            raise StoppedError
        super().log_metrics(metrics, step)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    store = Store(str(tmp_path))
    clips = [store_clip(store, make_clip(name, num_frames=8), seed=i) for i, name in enumerate("ab")]
    config = PerturbConfig(levels=(0.0,), train_samples_per_clip=(4, 1, 1))
    samples = write_rows(store, "samples.parquet", Sample, plan_all(clips, config))
    return store, samples, write_rows(store, "clips.parquet", Clip, clips)


def _start(pool: Pool) -> WarmStarted:
    store, samples, clips = pool
    config = WarmStartConfig(num_steps=3, batch_size=4, learning_rate=1e-3)
    return start_policy(store, samples, clips, MODEL, config, MemoryTracker(), seed=0)


def _train(pool: Pool, start: Artifact, tracker: MemoryTracker, config: TrainConfig = TRAIN) -> Trained:
    store, samples, clips = pool
    return train_grpo(store, start, samples, clips, MODEL, ROLLOUT, config, tracker, seed=0)


def _numbers(rows: Sequence[TrainStep]) -> list[tuple[float, ...]]:
    return [(r.loss, r.reward_mean, r.kl, r.entropy, r.grad_norm, r.logprob_gap_max) for r in rows]


@pytest.mark.slow
@pytest.mark.parametrize("zero_stage", [0, 1, 2, 3])
def test_a_run_cut_off_and_resumed_equals_the_uninterrupted_one_bit_for_bit(pool: Pool, zero_stage: int) -> None:
    store = pool[0]
    start = _start(pool).policy
    config = replace(TRAIN, zero_stage=zero_stage)
    with pytest.raises(StoppedError):
        _train(pool, start, StoppingTracker(stop_at=3), config)
    resumed = _train(pool, start, MemoryTracker(), config)
    resumed_rows = read_rows(store, resumed.record.key, TrainStep)
    resumed_weights = open_policy(store, resumed.policy, "float32").model.state_dict()
    store.delete(resumed.record.key.rsplit("/", 1)[0])
    whole = _train(pool, start, MemoryTracker(), config)
    assert _numbers(resumed_rows) == _numbers(read_rows(store, whole.record.key, TrainStep))
    for name, tensor in open_policy(store, whole.policy, "float32").model.state_dict().items():
        assert torch.equal(tensor, resumed_weights[name]), name


def test_a_finished_run_is_not_trained_again(pool: Pool) -> None:
    start = _start(pool).policy
    first = _train(pool, start, MemoryTracker())
    again = _train(pool, start, StoppingTracker(stop_at=0))
    assert (again.policy, again.record) == (first.policy, first.record)
    assert again.report.counts["reused"] == 1.0


def test_rollout_and_policy_agree_on_logprobs_in_every_step(pool: Pool) -> None:
    trained = _train(pool, _start(pool).policy, MemoryTracker())
    rows = read_rows(pool[0], trained.record.key, TrainStep)
    assert [row.step for row in rows] == [0, 1, 2, 3]
    assert max(row.logprob_gap_max for row in rows) < 1e-4
    assert rows[0].kl == pytest.approx(0.0, abs=1e-9)  # the reference is the start model


def test_warm_start_lowers_the_loss_and_is_reused(pool: Pool) -> None:
    store, samples, clips = pool
    tracker = MemoryTracker()
    config = WarmStartConfig(num_steps=12, batch_size=8, learning_rate=3e-3)
    first = start_policy(store, samples, clips, MODEL, config, tracker, seed=0)
    losses = [value for _, value in tracker.metrics["warm_start/loss"]]
    assert losses[-1] < losses[0] - 1.0
    again = start_policy(store, samples, clips, MODEL, config, MemoryTracker(), seed=0)
    assert again.policy == first.policy
