"""A benchmark's videos against a data set, through a real `pyflyte run` process."""

import json
from pathlib import Path

import numpy as np
import pytest

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection
from tasks.ingest.duplicates import Leak
from tasks.ingest.listing import list_shards
from tasks.ingest.merge import merge_shards
from tasks.ingest.reasons import Reason
from tasks.ingest.shard import ingest_videos
from tasks.video.encode import write_mp4
from tasks.video.generate import generate_clips, generate_frames
from tests.helpers.pyflyte import run_pyflyte

CONFIG = IngestConfig(
    num_frames=16,
    min_area_px=32 * 32,
    max_area_px=64 * 64,
    heldout_share=0.3,
    min_heldout_clips=0,
    num_workers=1,
)


def _ingest(store: Store, folder: Path, *avoid: str) -> DataSet:
    config = IngestConfig(**{**vars(CONFIG), "avoid": avoid})
    shards = list_shards(str(folder), config)
    return merge_shards(
        store, [ingest_videos(store, shard, config) for shard in shards], shards, config
    )


@pytest.mark.slow
def test_a_leak_is_named_and_can_be_left_out(pyflyte_env: dict[str, str], tmp_path: Path) -> None:
    store = Store(str(tmp_path / "root"))
    generate_clips(tmp_path / "videos", num_clips=8, seed=0)
    (tmp_path / "benchmark").mkdir()
    dark = (generate_frames(seed=0, index=3) * 0.7).astype(np.uint8)[::2]
    write_mp4(tmp_path / "benchmark/question.mp4", dark, 10.0, quality=30)
    write_mp4(tmp_path / "benchmark/other.mp4", generate_frames(seed=9, index=0), 20.0)
    (tmp_path / "benchmark/broken.mp4").write_bytes(b"no video")
    before = _ingest(store, tmp_path / "videos")
    options = [
        "--preset=demo",
        f"--videos={tmp_path / 'benchmark'}",
        f"--data_root={tmp_path / 'root'}",
    ]
    done = run_pyflyte(
        ["run", "workflows/check_leaks.py", "check_leaks", *options, f"--clips={before.clips.key}"],
        env=pyflyte_env,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "2 videos compared, 1 could not be" in done.stdout
    (table,) = (tmp_path / "root/leaks").iterdir()
    (leak,) = read_rows(store, f"leaks/{table.name}", Leak)
    assert (leak.source, leak.benchmark_video) == ("scene-0-00003.mp4", "question.mp4")
    assert f"scene-0-00003.mp4 ({leak.split}) looks like question.mp4" in done.stdout

    (option,) = (line for line in done.stdout.splitlines() if line.startswith("leave them out"))
    (avoid,) = json.loads(option.split("'")[1])["ingest"]["avoid"]
    after = _ingest(store, tmp_path / "videos", avoid)
    (rejected,) = read_rows(store, after.rejected.key, Rejection)
    assert (rejected.source, rejected.reason) == ("scene-0-00003.mp4", Reason.FORBIDDEN)
    assert {c.source for c in read_rows(store, before.clips.key, Clip)} - {rejected.source} == {
        c.source for c in read_rows(store, after.clips.key, Clip)
    }
    with pytest.raises(InputError, match="expected what check_leaks printed"):
        _ingest(store, tmp_path / "videos", "ingest/none/clips.parquet")
