"""vLLM rollouts in real runs: several engines and DeepSpeed in one process, and an engine over
several processes."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.config import RolloutConfig, VllmConfig
from tasks.core.types import Artifact
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.smoke_run import copy_started_run, retrain_args
from tests.helpers.training import ROLLOUT, TRAIN, copy_pool, make_pool, on_two_ranks, start_process

pytestmark = pytest.mark.slow


def test_vllm_and_policy_agree_on_logprobs_in_every_step_of_a_real_run(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    copy_started_run(tmp_path)
    root = tmp_path / "root"
    put_empty_database(root / "mlflow.db")
    vllm = {"cache_gib": 0.25, "max_model_tokens": 2048}
    args = retrain_args(tmp_path, rollout={"engine": "vllm", "vllm": vllm})
    done = run_pyflyte(args, env=pyflyte_env, family="vllm")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    connection = sqlite3.connect(root / "mlflow.db")
    gaps = connection.execute(
        "select value from metrics where key = 'rollout/logprob_gap_max'"
    ).fetchall()
    norms = connection.execute("select value from metrics where key = 'train/grad_norm'").fetchall()
    connection.close()
    assert len(gaps) == len(norms) == 6
    assert max(norm for (norm,) in norms) > 0, "the weights changed, and were pushed"
    assert max(gap for (gap,) in gaps) < 1e-4


@pytest.mark.parametrize("tensor_parallel", [1, 2])
def test_two_ranks_answer_each_with_an_engine_or_both_with_one(
    started_root: Path, tmp_path: Path, tensor_parallel: int
) -> None:
    pool = copy_pool(started_root, tmp_path / "root")
    start = pool.start().policy
    on_two_ranks(_train, Path(pool.root), start, tensor_parallel, family="vllm")
    steps = pool.steps(
        pool.train(start, CONFIG, rollout=_rollout(tensor_parallel))
    )  # it was trained already
    assert len(steps) == CONFIG.num_steps
    assert max(step.grad_norm for step in steps) > 0, "the weights changed, and were pushed"
    assert max(step.metrics["rollout/logprob_gap_max"] for step in steps) < 1e-4
    assert all(step.metrics["rollout/samples_failed"] == 0 for step in steps)


CONFIG = replace(TRAIN, num_steps=3, zero_stage=2)


def _rollout(tensor_parallel: int) -> RolloutConfig:
    vllm = VllmConfig(cache_gib=0.25, max_model_tokens=2048, tensor_parallel=tensor_parallel)
    return replace(ROLLOUT, engine="vllm", vllm=vllm)


def _train(root: Path, start: Artifact, tensor_parallel: int) -> None:
    make_pool(root).train(start, CONFIG, rollout=_rollout(tensor_parallel))


def test_one_process_trains_twice_as_rounds_do(started_root: Path, tmp_path: Path) -> None:
    """An engine that ends takes the process group along that DeepSpeed has remembered."""
    pool = copy_pool(started_root, tmp_path / "root")
    start = pool.start().policy
    assert start_process(_train_twice, Path(pool.root), start, family="vllm").wait() == 0
    for config in ROUNDS:
        assert len(pool.steps(pool.train(start, config, rollout=_rollout(1)))) == config.num_steps


ROUNDS = [replace(TRAIN, num_steps=num_steps, zero_stage=2) for num_steps in (1, 2)]


def _train_twice(root: Path, start: Artifact) -> None:
    pool = make_pool(root)
    for config in ROUNDS:
        pool.train(start, config, rollout=_rollout(1))
