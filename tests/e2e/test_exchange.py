"""Export and import through real `pyflyte run` processes."""

import json
from pathlib import Path

import pytest

from tasks.core.config import PerturbConfig
from tasks.core.latest import LatestDataset, point_to_latest
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.samples import plan_all

pytestmark = pytest.mark.slow


def test_a_data_set_leaves_one_data_root_and_enters_another(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "root"))
    clips = [store_clip(store, make_clip("a", num_frames=16, step_seconds=0.3))]
    samples = plan_all(clips, PerturbConfig(levels=(0.5,), train_samples_per_clip=(2, 1, 1)))
    latest = LatestDataset(
        samples=write_rows(store, "samples.parquet", Sample, samples),
        clips=write_rows(store, "clips.parquet", Clip, clips),
        run_id="r",
    )
    point_to_latest(store, latest)
    exported = run_pyflyte(
        [
            *[
                "run",
                "workflows/export_dataset.py",
                "export_dataset",
                f"--data_root={tmp_path}/root",
            ],
            *[f"--out={tmp_path}/out", "--layout=trl"],
        ],
        env=pyflyte_env,
    )
    assert exported.returncode == 0, exported.stderr[-3000:]
    assert json.loads((tmp_path / "out" / "train.manifest.json").read_text())["num_rows"] == len(
        samples
    )
    put_empty_database(tmp_path / "other" / "mlflow.db")
    imported = run_pyflyte(
        [
            *[
                "run",
                "workflows/import_dataset.py",
                "import_dataset",
                f"--dataset={tmp_path}/out/train.parquet",
            ],
            *["--preset=smoke", f"--data_root={tmp_path}/other"],
        ],
        env=pyflyte_env,
    )
    assert imported.returncode == 0, imported.stderr[-3000:]
    assert len(list((tmp_path / "other" / "imported").glob("*/samples.parquet"))) == 1


def test_wrong_arguments_end_in_one_line(pyflyte_env: dict[str, str], tmp_path: Path) -> None:
    done = run_pyflyte(
        [
            *[
                "run",
                "workflows/import_dataset.py",
                "import_dataset",
                f"--dataset={tmp_path}/missing.parquet",
            ],
            *["--preset=smoke", f"--data_root={tmp_path}/other"],
        ],
        env=pyflyte_env,
    )
    assert done.returncode == 1
    assert "dataset: no file" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "other").exists()
