"""The main job with vLLM rollouts: several engines and DeepSpeed one after the other in one process."""

import json
import sqlite3
from pathlib import Path

import pytest

from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import run_pyflyte

pytestmark = pytest.mark.slow


def test_vllm_and_policy_agree_on_logprobs_in_every_step_of_a_real_run(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    generate_clips(tmp_path / "videos", num_clips=9, seed=0)
    root = tmp_path / "root"
    overrides = {"rollout": {"engine": "vllm", "vllm": {"cache_gib": 0.25, "max_model_tokens": 2048}}}
    options = ["--preset=smoke", f"--videos={tmp_path / 'videos'}", f"--data_root={root}"]
    done = run_pyflyte(
        ["run", "workflows/retrain.py", "retrain", *options, f"--overrides={json.dumps(overrides)}"], env=pyflyte_env
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    connection = sqlite3.connect(root / "mlflow.db")
    gaps = connection.execute("select value from metrics where key = 'rollout/logprob_gap_max'").fetchall()
    norms = connection.execute("select value from metrics where key = 'train/grad_norm'").fetchall()
    connection.close()
    assert len(gaps) == len(norms) == 6
    assert max(norm for (norm,) in norms) > 0, "the weights changed, and were pushed"
    assert max(gap for (gap,) in gaps) < 1e-4
