"""Videos in S3, through a server in a process of its own: the whole way with workers."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from tasks.core.config import IngestConfig
from tasks.core.store import Store
from tasks.ingest.listing import list_shards
from tasks.ingest.reasons import Reason
from tasks.ingest.shard import judge_shard
from tests.helpers.s3_server import s3_files
from tests.helpers.videos import write_video

pytestmark = pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="needs moto")

CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)


@pytest.fixture
def s3() -> Iterator[fsspec.AbstractFileSystem]:
    with s3_files("videos") as files:
        yield files


@pytest.mark.slow
def test_a_bucket_is_ingested_and_read_once(s3: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    s3.pipe("videos/in/a.mp4", write_video(tmp_path / "a.mp4").read_bytes())
    s3.pipe("videos/in/deep/Ж 2.mp4", write_video(tmp_path / "b.mp4", num_frames=50).read_bytes())
    s3.pipe("videos/in/note.md", b"no video")
    s3.pipe("videos/other/c.mp4", b"not below the root")
    store = Store(str(tmp_path / "root"))

    (shard,) = list_shards("s3://videos/in", CONFIG)
    assert shard.names == [
        "s3://videos/in/a.mp4",
        "s3://videos/in/deep/Ж 2.mp4",
        "s3://videos/in/note.md",
    ]
    verdicts = judge_shard(store, shard, CONFIG)
    assert [verdict.clip.source if verdict.clip else None for verdict in verdicts] == [
        *shard.names[:2],
        None,
    ]
    assert verdicts[2].rejection is not None
    assert verdicts[2].rejection.reason == Reason.NOT_A_VIDEO
    assert [verdict.is_reused for verdict in judge_shard(store, shard, CONFIG)] == [True] * 3

    s3.pipe(
        "videos/in/a.mp4", write_video(tmp_path / "a.mp4", num_frames=60, fps=15.0).read_bytes()
    )
    (shard,) = list_shards("s3://videos/in", CONFIG)
    assert [verdict.is_reused for verdict in judge_shard(store, shard, CONFIG)] == [
        False,
        True,
        True,
    ]


@pytest.mark.slow
def test_a_glob_and_a_list_in_a_bucket(s3: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    s3.pipe({"videos/in/a.mp4": b"a", "videos/in/b.mkv": b"b", "videos/in/deep/c.mp4": b"c"})
    s3.pipe(
        "videos/in/list.txt", b"a.mp4\ns3://videos/in/deep/c.mp4\n../up.mp4\nfile:///etc/hostname\n"
    )
    assert list_shards("s3://videos/in/*.mp4", CONFIG)[0].names == ["s3://videos/in/a.mp4"]
    (shard,) = list_shards("s3://videos/in/list.txt", CONFIG)
    reasons = {}
    for name, verdict in zip(
        shard.names, judge_shard(Store(str(tmp_path / "root")), shard, CONFIG), strict=True
    ):
        assert verdict.rejection is not None
        reasons[name] = verdict.rejection.reason
    assert reasons == {
        "a.mp4": Reason.NOT_A_VIDEO,
        "s3://videos/in/deep/c.mp4": Reason.NOT_A_VIDEO,
        "../up.mp4": Reason.OUTSIDE,
        "file:///etc/hostname": Reason.OUTSIDE,
    }
