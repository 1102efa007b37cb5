"""The main job that starts only if a video has arrived, through real `pyflyte run` processes."""

import time
from pathlib import Path

import pytest

from tasks.core.config import IngestConfig
from tasks.core.store import Store
from tasks.ingest.contents import mark_trained
from tasks.ingest.listing import list_shards
from tasks.ingest.shard import ingest_videos
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.videos import write_video

_SETTLED_SECONDS = 2.2
"""A file changed just now is read again in any case: its time may hide another change."""
CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)


@pytest.mark.slow
def test_without_a_new_video_it_ends_at_once_and_with_one_the_main_job_starts(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    folder, root = tmp_path / "videos", tmp_path / "root"
    folder.mkdir()
    write_video(folder / "a.mp4")
    (folder / "notes.txt").write_text("no video")
    time.sleep(_SETTLED_SECONDS)
    for shard in list_shards(str(folder), CONFIG):
        mark_trained(Store(str(root)), ingest_videos(Store(str(root)), shard, CONFIG).contents.key)
    command = [
        *[
            "run",
            "workflows/retrain_if_new.py",
            "retrain_if_new",
            "--preset=smoke",
            f"--videos={folder}",
        ],
        '--overrides={"ingest": {"min_train_clips": 50}}',
    ]
    # What comes with videos, and a known one that was only touched.
    (folder / "notes.txt").write_text("still no video")
    (folder / "Thumbs.db").touch()
    (folder / "b.mp4.part").write_bytes((folder / "a.mp4").read_bytes()[:-1])
    (folder / "a.mp4").touch()
    quiet = run_pyflyte([*command, f"--data_root={root}"], env=pyflyte_env)
    assert quiet.returncode == 0, quiet.stdout[-2000:] + quiet.stderr[-2000:]
    assert (
        "new videos          none of 4; not counted: 1 empty file, 1 known under another name or "
        "time, 1 not a video, 1 unfinished download; the main job does not start: 1 needed "
        "(ingest.min_new_videos)"
    ) in quiet.stdout
    assert "nothing new" in quiet.stdout
    assert not (root / "mlflow.db").exists(), "no run was opened"
    write_video(folder / "b.mp4", num_frames=70)
    for _ in range(2):
        started = run_pyflyte([*command, f"--data_root={root}"], env=pyflyte_env)
        assert "new videos          1 of 5; not counted: " in started.stdout
        assert "; the main job starts\n" in started.stdout
        assert started.returncode == 1, (
            "the main job started, and found too few clips to train on; so it starts again"
        )
        assert "at least 50 needed" in started.stdout + started.stderr
