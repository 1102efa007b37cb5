"""A disk that takes nothing more ends in one line, and no video is turned away for it: on a real,
small one."""

import errno
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.core.config import IngestConfig
from tasks.core.digest import sha256_of_file
from tasks.core.no_room import no_room_line
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.ingest.listing import list_shards
from tasks.ingest.shard import judge_shard
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow

_MIB = 2**20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Four mebibytes in memory; only root may mount it."""
    (place := tmp_path / "disk").mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _fill(disk: Path, leave_bytes: int) -> None:
    """Until so much is left."""
    stat = subprocess.run(
        ["df", "--output=avail", "-B1", disk], capture_output=True, text=True, check=True
    )
    (disk / "filler").write_bytes(bytes(max(0, int(stat.stdout.split()[-1]) - leave_bytes)))


def test_what_could_not_be_written_is_named_and_leaves_nothing(small_disk: Path) -> None:
    place = small_disk / "kept"
    store = Store(str(place))
    with pytest.raises(OSError, match="No space left on device") as caught:
        store.write_bytes("large/blob", bytes(5 * _MIB))
    assert caught.value.errno == errno.ENOSPC
    assert no_room_line(caught.value).startswith(f"{place}/")
    assert "the disk is full; make room" in no_room_line(caught.value)
    store.write_bytes("large/blob", bytes(2 * _MIB))  # nothing was left behind
    assert store.list_keys("large") == ["large/blob"]


def test_no_video_is_turned_away_because_the_disk_is_full(small_disk: Path, folder: Path) -> None:
    write_video(folder / "a.mp4")
    config = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)
    (shard,) = list_shards(str(folder), config)
    (small_disk / "root").mkdir()
    _fill(small_disk, leave_bytes=3 * 4096)
    with pytest.raises(OSError, match="No space left on device"):
        judge_shard(Store(str(small_disk / "root")), shard, config)
    (small_disk / "filler").unlink()
    (verdict,) = judge_shard(Store(str(small_disk / "root")), shard, config)
    assert verdict.clip is not None


def test_a_run_on_a_full_disk_ends_in_one_line_and_goes_on_when_there_is_room(
    small_disk: Path, folder: Path, pyflyte_env: dict[str, str]
) -> None:
    videos = [write_video(folder / f"{number}.mp4", num_frames=40 + number) for number in range(4)]
    places = sorted(uniform_hash("split", sha256_of_file(video)) for video in videos)
    root = small_disk / "root"
    put_empty_database(root / "mlflow.db")
    ingest = {"near_duplicate_distance": 0.0, "heldout_share": sum(places[1:3]) / 2}
    command = [
        "run",
        "workflows/build_dataset.py",
        "build_dataset",
        "--preset=smoke",
        f"--videos={folder}",
    ]
    command += [f"--data_root={root}", f"--overrides={json.dumps({'ingest': ingest})}"]
    _fill(small_disk, leave_bytes=200 * 1024)
    full = run_pyflyte(command, env=pyflyte_env)
    said = full.stdout + full.stderr
    assert full.returncode == 1, said[-2000:]
    assert "Traceback" not in said, said[-2000:]
    assert "the disk is full; make room, or name a data root (or TMPDIR) on another disk" in said
    assert f"{root}/" in said
    (small_disk / "filler").unlink()
    done = run_pyflyte(command, env=pyflyte_env)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


def test_libraries_that_are_not_pythons_say_it_in_words() -> None:
    class SafetensorError(Exception):
        pass

    error = SafetensorError(
        "Error while serializing: I/O error: No space left on device (os error 28)"
    )
    assert "the disk is full" in no_room_line(error)
    assert no_room_line(OSError(errno.ENOENT, "no such file", "a")) == ""
    assert no_room_line(ValueError("x")) == ""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "videos").mkdir()
    return tmp_path / "videos"
