"""Samples to look at, through a real `pyflyte run` process."""

from pathlib import Path

import pytest

from tasks.core.config import PerturbConfig
from tasks.core.latest import LatestDataset, point_to_latest
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.samples import plan_all

pytestmark = pytest.mark.slow


def test_the_latest_data_set_is_shown(pyflyte_env: dict[str, str], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "root"))
    clips = [store_clip(store, make_clip("a", num_frames=16, step_seconds=0.3))]
    samples = plan_all(clips, PerturbConfig(levels=(0.5,), train_samples_per_clip=(4, 2, 2)))
    latest = LatestDataset(
        samples=write_rows(store, "samples.parquet", Sample, samples),
        clips=write_rows(store, "clips.parquet", Clip, clips),
        run_id="r",
    )
    point_to_latest(store, latest)
    command = ["run", "workflows/preview.py", "preview", f"--data_root={tmp_path}/root"]
    done = run_pyflyte(
        [*command, "--pretext=grounding", "--level=0.5", "--limit=2"], env=pyflyte_env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "2 of 4 that fit, 0 left out" in done.stdout
    (index,) = (tmp_path / "root" / "previews").glob("*/index.html")
    assert str(index) in done.stdout
    names = sorted(path.name for path in index.parent.iterdir())
    assert len([name for name in names if name.endswith("level_0.5.png")]) == 2
    assert len([name for name in names if name.endswith("level_0.5.mp4")]) == 2
