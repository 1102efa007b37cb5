"""Runs that are killed, told to stop, hit by a full disk or by damage: nothing is lost, nothing changes."""

import random
import shutil
import time
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import torch

from tests.helpers.training import TRAIN, make_pool, numbers, train_in_process

CONFIG = replace(TRAIN, num_steps=10, prompts_per_step=2, checkpoint_every_steps=1, checkpoints_kept=2)
_NUM_KILLS = 6


@pytest.mark.slow
def test_killed_at_any_moment_a_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    pool = make_pool(tmp_path / "killed")
    start = pool.start().policy
    shutil.copytree(tmp_path / "killed", tmp_path / "whole")
    rng = random.Random(0)
    num_killed_while_writing = 0
    for number in range(_NUM_KILLS):
        started = time.time()
        process = train_in_process(tmp_path / "killed", start, CONFIG)
        if number % 2:
            _wait_for_half_a_checkpoint(tmp_path / "killed", started, process)
        else:
            process.join(rng.uniform(0.2, 2.5))
        process.kill()
        process.join(30)
        num_killed_while_writing += _has_half_a_checkpoint(tmp_path / "killed", started)
    assert num_killed_while_writing >= 2
    last = train_in_process(tmp_path / "killed", start, CONFIG)
    last.join(120)
    assert last.exitcode == 0
    killed = pool.train(start, CONFIG)
    assert killed.report.counts["reused"] == 1.0

    whole_pool = make_pool(tmp_path / "whole")
    whole = whole_pool.train(start, CONFIG)
    steps = whole_pool.steps(whole)
    assert any(row.reward_mean > 0 and row.spread_share > 0 for row in steps), "there was something to learn"
    assert numbers(pool.steps(killed)) == numbers(steps)
    weights = pool.weights(killed)
    for name, tensor in whole_pool.weights(whole).items():
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


def _wait_for_half_a_checkpoint(root: Path, since: float, process: ForkServerProcess) -> None:
    while process.is_alive() and time.time() < since + 30 and not _has_half_a_checkpoint(root, since):
        time.sleep(0.001)
