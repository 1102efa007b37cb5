"""Videos go on to be new until a retrain that had them has ended well."""

import shutil
from pathlib import Path

import pytest

from tasks.core.config import IngestConfig
from tasks.core.manifest import read_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.ingest.arrivals import find_arrivals
from tasks.ingest.contents import ReadContent, mark_trained
from tasks.ingest.listing import list_shards
from tasks.ingest.merge import merge_shards
from tasks.ingest.shard import ingest_videos
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow

CONFIG = IngestConfig(
    num_frames=16,
    min_area_px=32 * 32,
    max_area_px=64 * 64,
    num_workers=1,
    min_train_clips=0,
    shard_size_videos=1,
)


def _new(store: Store, folder: Path) -> int:
    return find_arrivals(store, list_shards(str(folder), CONFIG), CONFIG).num_new


def _ingest(store: Store, folder: Path, lost: int | None = None) -> DataSet:
    """As a retrain does; the shard at `lost` fails after it has read its video."""
    shards = list_shards(str(folder), CONFIG)
    done = [ingest_videos(store, shard, CONFIG) for shard in shards]
    kept = [None if at == lost else shard for at, shard in enumerate(done)]
    return merge_shards(store, kept, shards, CONFIG)


def test_a_retrain_that_fails_starts_again_and_one_that_ends_well_does_not(
    store: Store, folder: Path
) -> None:
    write_video(folder / "a.mp4")
    write_video(folder / "too short.mp4", num_frames=5)
    (folder / "notes.txt").write_text("some words\n" * 30)
    assert _new(store, folder) == 2
    data = _ingest(store, folder)
    assert data.rejected.num_rows == 2
    assert _new(store, folder) == 2, "it failed later"
    shutil.copy(folder / "a.mp4", folder / "copy.mp4")
    assert _new(store, folder) == 3, "its copy under another name is as new"
    assert _ingest(store, folder).contents == data.contents
    mark_trained(store, data.contents.key)
    assert _new(store, folder) == 0, "the rejected one too"
    assert store.list_keys("ingest/untrained") == []


def test_a_retrain_that_ends_well_speaks_for_what_it_had(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    first = _ingest(store, folder)
    write_video(folder / "b.mp4", num_frames=70)
    _ingest(store, folder)  # of another run, which fails
    mark_trained(store, first.contents.key)
    assert _new(store, folder) == 1
    mark_trained(store, first.contents.key)  # its last task is tried again
    assert _new(store, folder) == 1


def test_what_a_lost_shard_had_read_is_new(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    write_video(folder / "b.mp4", num_frames=70)
    data = _ingest(store, folder, lost=1)
    assert len(read_rows(store, data.contents, ReadContent)) == 1
    mark_trained(store, data.contents.key)
    assert _new(store, folder) == 1


def test_in_a_data_root_of_an_earlier_version_nothing_that_was_read_is_new(
    store: Store, folder: Path
) -> None:
    write_video(folder / "a.mp4")
    write_video(folder / "too short.mp4", num_frames=5)
    _ingest(store, folder)
    store.delete("ingest/untrained")  # which it had not
    assert _new(store, folder) == 0
    write_video(folder / "b.mp4", num_frames=70)
    assert _new(store, folder) == 1
    _ingest(store, folder)
    assert _new(store, folder) == 1


class _Diary(Store):
    """Remembers the order in which it was written."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.written: list[str] = []

    def write_bytes(self, key: str, data: bytes) -> None:
        self.written.append("/".join(key.split("/")[:2]))
        super().write_bytes(key, data)


def test_a_kill_at_any_moment_loses_no_video(tmp_path: Path, folder: Path) -> None:
    store = _Diary(str(tmp_path / "root"))
    write_video(folder / "a.mp4")
    _ingest(store, folder)
    marked = store.written.index("ingest/untrained")
    assert all(
        marked < store.written.index(name) for name in store.written if name != "ingest/untrained"
    )
