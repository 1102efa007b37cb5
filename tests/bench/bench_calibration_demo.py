"""Does calibration help the demo model? Real rollouts, three seeds, equal training steps, the same
held-out items.

Runs the ablation workflow with the variants `full`, `uncalibrated` and `paper levels` at demo size.
The levels offered go from 0 to 1, so that there is something to choose, and the pool is twice what
is trained on, so that whoever chooses sees as many different samples as whoever does not.
"""

import json
import os
from pathlib import Path

import pytest

from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import isolated_env, run_cold_pyflyte

NUM_SEEDS = int(os.environ.get("SEEDS", "3"))
NUM_STEPS = int(os.environ.get("STEPS", "120"))
VARIANTS = json.loads(os.environ.get("VARIANTS", '["full", "uncalibrated", "paper levels"]'))


@pytest.mark.parametrize("seed", range(NUM_SEEDS))
def test_calibration_at_demo_size(tmp_path: Path, seed: int) -> None:
    generate_clips(tmp_path / "videos", num_clips=40, seed=0)
    overrides = {
        "seed": seed,
        "perturb": {"levels": [0.0, 0.25, 0.5, 0.75, 1.0], "train_samples_per_clip": [36, 12, 24]},
        "calibrate": {"num_samples": 8 * NUM_STEPS},
        "train": {"num_steps": NUM_STEPS},
    }
    done = run_cold_pyflyte(
        [
            *[
                "run",
                "workflows/ablation.py",
                "ablation",
                "--preset=demo",
                f"--videos={tmp_path / 'videos'}",
            ],
            *[f"--data_root={tmp_path / 'root'}", f"--variants={json.dumps(VARIANTS)}"],
            f"--overrides={json.dumps(overrides)}",
        ],
        env={**isolated_env(tmp_path), "OMP_NUM_THREADS": "2"},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (table,) = (tmp_path / "root").glob("runs/*/ablation.md")
    print(f"\nseed {seed}\n\n{table.read_text()}", flush=True)
