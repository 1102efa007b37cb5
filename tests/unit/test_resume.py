"""Runs that are killed, told to stop, hit by a full disk or by damage: nothing is lost, nothing
changes."""

import logging
import os
import random
import resource
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.core.config import TrainConfig
from tasks.core.errors import InputError, Interrupted
from tasks.core.types import Artifact
from tasks.tracking.memory_tracker import MemoryTracker
from tasks.train.checkpoints import rng_state, set_rng_state
from tests.helpers.training import (
    TRAIN,
    Pool,
    copy_pool,
    make_pool,
    numbers,
    start_process,
    train_in_process,
)
from tests.helpers.warm.process import WarmProcess

pytestmark = pytest.mark.slow

CONFIG = replace(
    TRAIN, num_steps=8, prompts_per_step=2, checkpoint_every_steps=1, checkpoints_kept=2
)
_NUM_KILLS = 4


@dataclass(frozen=True)
class Started:
    """A pool with a start policy, and what training it without interruption gives."""

    pool: Pool
    policy: Artifact
    whole: list[tuple[float, ...]]


@pytest.fixture(scope="module")
def finished(started_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Started:
    """The run over a copy of `started_root`."""
    pool = copy_pool(started_root, tmp_path_factory.mktemp("resume") / "root")
    policy = pool.start().policy
    trained = pool.train(policy, CONFIG)
    steps = pool.steps(trained)
    assert any(row.reward_mean > 0 and row.spread_share > 0 for row in steps), (
        "there was something to learn"
    )
    return Started(pool, policy, numbers(steps))


@pytest.fixture
def started(finished: Started, started_root: Path, tmp_path: Path) -> Started:
    """The same before training, in a folder of its own."""
    return replace(finished, pool=copy_pool(started_root, tmp_path / "root"))


def test_killed_at_any_moment_a_run_goes_on_bit_for_bit(
    started: Started, finished: Started
) -> None:
    root = Path(started.pool.store.path("trained")).parent
    rng = random.Random(0)
    num_killed_while_writing = 0
    for number in range(_NUM_KILLS):
        since = time.time()
        process = train_in_process(root, started.policy, CONFIG)
        if number < 2:
            _stop_at_half_a_checkpoint(root, since, process)
        else:
            time.sleep(rng.uniform(0.5, 3.0))
        process.kill()
        num_killed_while_writing += _has_half_a_checkpoint(root, since)
    assert num_killed_while_writing >= 2
    killed = started.pool.train(started.policy, CONFIG)
    assert numbers(started.pool.steps(killed)) == started.whole
    weights = started.pool.weights(killed)
    whole = finished.pool
    for name, tensor in whole.weights(whole.train(started.policy, CONFIG)).items():
        assert torch.equal(tensor, weights[name]), name


def _has_half_a_checkpoint(root: Path, since: float) -> bool:
    """Whether one was begun but not finished since then (Unix seconds)."""
    for folder in root.glob("trained/*/checkpoints/*"):
        try:
            if not (folder / "contents.json").exists() and folder.stat().st_mtime > since:
                return True
        except FileNotFoundError:  # it was just thrown away
            pass
    return False


def _stop_at_half_a_checkpoint(root: Path, since: float, process: WarmProcess) -> None:
    while process.poll() is None:
        if _has_half_a_checkpoint(root, since):
            os.killpg(process.pid, signal.SIGSTOP)
            time.sleep(0.01)
            if _has_half_a_checkpoint(root, since):
                return
            os.killpg(process.pid, signal.SIGCONT)
        time.sleep(0.001)


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(
    started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    newest = _stop_after(started, num_steps=4)
    weights = newest / "weights-0.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    trained = started.pool.train(started.policy, CONFIG)
    assert "000004: weights-0.safetensors: other content than was written" in caplog.text
    assert trained.report.counts["checkpoints_damaged"] == 1.0
    assert numbers(started.pool.steps(trained)) == started.whole


def test_the_last_few_checkpoints_are_kept_until_the_end(started: Started) -> None:
    newest = _stop_after(started, num_steps=4)
    assert [path.name for path in sorted(newest.parent.iterdir())] == ["000003", "000004"]
    (newest / "contents.json").write_text('{"num_st')
    (newest.parent / "000003" / "record.parquet").unlink()
    assert _stop_after(started, num_steps=2).is_dir()
    assert [path.name for path in sorted(newest.parent.iterdir())] == [
        "000001",
        "000002",
        "000003",
        "000004",
    ]
    trained = started.pool.train(started.policy, CONFIG)
    assert trained.report.counts["checkpoints_damaged"] == 2.0
    assert numbers(started.pool.steps(trained)) == started.whole
    assert not newest.parent.exists()


def test_sigterm_saves_before_it_ends_the_process(started: Started) -> None:
    config = replace(CONFIG, checkpoint_every_steps=100)
    tracker = TellingTracker(at_step=2)
    with pytest.raises(
        Interrupted, match=r"stopped by SIGTERM after 3 steps, all kept"
    ) as interrupted:
        started.pool.train(started.policy, config, tracker)
    assert interrupted.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    trained = started.pool.train(started.policy, config, tracker)
    assert [step for step, _ in tracker.metrics["train/loss"]] == list(range(CONFIG.num_steps))
    assert numbers(started.pool.steps(trained)) == started.whole


def test_a_full_disk_loses_no_checkpoint_and_says_so(started: Started, tmp_path: Path) -> None:
    newest = _stop_after(started, num_steps=4)
    process = start_process(_train_without_room, started, tmp_path / "said")
    assert process.wait() == 0
    said = (tmp_path / "said").read_text()
    assert "no checkpoint after step 5: [Errno 27] File too large" in said
    assert "; the earlier ones are kept" in said
    assert "the policy could not be written to" in said
    assert [path.name for path in sorted(newest.parent.iterdir())] == ["000003", "000004"]
    trained = started.pool.train(started.policy, CONFIG)
    assert numbers(started.pool.steps(trained)) == started.whole


def test_an_object_store_keeps_checkpoints_too(started: Started) -> None:
    pool = make_pool("memory://videossr-test-resume")
    for path in Path(started.pool.store.path("policies")).rglob("*.*"):
        pool.store.write_bytes(str(path.relative_to(started.pool.root)), path.read_bytes())
    policy = pool.start().policy
    with pytest.raises(Interrupted):
        pool.train(policy, CONFIG, TellingTracker(at_step=3))
    [folder] = pool.store.list_keys("trained")
    assert [key[-6:] for key in pool.store.list_keys(f"{folder}/checkpoints")] == [
        "000003",
        "000004",
    ]
    trained = pool.train(policy, CONFIG)
    assert numbers(pool.steps(trained)) == started.whole
    assert pool.store.list_keys(f"{folder}/checkpoints") == []


def test_updates_that_are_not_finite_are_left_out_and_end_the_run_if_they_do_not_stop(
    started: Started,
) -> None:
    tracker = MemoryTracker()
    config = Unchecked(**vars(CONFIG) | {"learning_rate": 1e30})
    with pytest.raises(
        InputError, match="the gradients of 5 steps in a row, up to step 6, were not finite"
    ):
        started.pool.train(started.policy, config, tracker)
    assert [value for _, value in tracker.metrics["train/skipped"]] == [
        0.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    ]


def test_random_state_comes_back() -> None:
    def draw() -> tuple[float, float, float, float]:
        return random.gauss(), random.random(), float(np.random.normal()), float(torch.rand(()))

    draw()  # leaves the second of a pair of gaussian numbers behind
    state = rng_state()
    first = draw()
    set_rng_state(state)
    assert draw() == first


class Unchecked(TrainConfig):
    """May hold what a configuration refuses: the quickest way to an overflow."""

    def __post_init__(self) -> None:
        pass


class TellingTracker(MemoryTracker):
    """Sends this process a SIGTERM, as Kubernetes does, when a step is logged for the first
    time."""

    def __init__(self, at_step: int) -> None:
        super().__init__()
        self._at_step = at_step

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        super().log_step(metrics, step, series)
        if step == self._at_step:
            os.kill(os.getpid(), signal.SIGTERM)


def _stop_after(started: Started, num_steps: int) -> Path:
    """Train so far; returns the newest checkpoint."""
    with pytest.raises(Interrupted):
        started.pool.train(started.policy, CONFIG, TellingTracker(at_step=num_steps - 1))
    [newest] = Path(started.pool.store.path("trained")).glob(f"*/checkpoints/{num_steps:06d}")
    return newest


def _train_without_room(started: Started, said: Path) -> None:
    """Train where no file may grow beyond 100 kB, and write down what the user is told."""
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    logging.basicConfig(filename=said, force=True)
    try:
        started.pool.train(started.policy, CONFIG)
    except InputError as error:
        logging.getLogger().error(str(error))
