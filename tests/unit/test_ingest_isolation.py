"""One bad video costs itself: real crashes, hangs and bombs in the workers of a shard."""

import os
import signal
import subprocess
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest

from tasks.core.config import IngestConfig
from tasks.core.ingest_config import FIXED_INGEST
from tasks.core.manifest import read_rows
from tasks.core.records import VideoShard
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection
from tasks.ingest.quality import FileJob, examine_file
from tasks.ingest.reasons import Flaw, Reason
from tasks.ingest.shard import count_copies_once, ingest_videos, judge_shard
from tasks.ingest.verdicts import DECISIVE, Verdict
from tasks.video.clip_file import ClipFile
from tasks.video.encode import ffmpeg_binary
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow

CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=2)
HARMLESS = {
    *(
        "avoid",
        "near_duplicates",
        "near_duplicate_distance",
        "heldout_share",
        "min_train_clips",
        "min_heldout_clips",
    ),
    "for_training",
    *(
        "list_roots",
        "max_fetch_mib",
        "num_workers",
        "video_timeout_seconds",
        "video_memory_mib",
        "shard_size_videos",
    ),
    *("min_new_videos", "quiet_seconds"),
}


@pytest.fixture
def shard(tmp_path: Path) -> VideoShard:
    folder = tmp_path / "videos"
    folder.mkdir()
    names = [f"{name}.mp4" for name in ("bad", "good", "other")]
    for index, name in enumerate(names):
        write_video(folder / name, num_frames=40 + index)
    return VideoShard(root=str(folder), names=names)


def look_or_crash(job: FileJob) -> ClipFile | Flaw:
    if job.path.name == "bad.mp4":
        os.kill(os.getpid(), signal.SIGSEGV)
    return examine_file(job)


def look_or_hang(job: FileJob) -> ClipFile | Flaw:
    if job.path.name == "bad.mp4":
        time.sleep(600)
    return examine_file(job)


def look_or_be_killed(job: FileJob) -> ClipFile | Flaw:
    if job.path.name == "bad.mp4":
        os.kill(os.getpid(), signal.SIGKILL)
    return examine_file(job)


def look_for_credentials(job: FileJob) -> ClipFile | Flaw:
    if "AWS_SECRET_ACCESS_KEY" in os.environ:
        return Flaw(Reason.UNEXPECTED, "found some")
    return examine_file(job)


def crash_always(_: FileJob) -> ClipFile | Flaw:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def reason_of(verdict: Verdict) -> str | None:
    return verdict.rejection.reason if verdict.rejection else None


def test_a_crash_costs_its_video_and_is_remembered(store: Store, shard: VideoShard) -> None:
    verdicts = judge_shard(store, shard, CONFIG, look_or_crash)
    assert [reason_of(verdict) for verdict in verdicts] == [Reason.CRASHED, None, None]
    again = judge_shard(store, shard, CONFIG)
    assert reason_of(again[0]) == Reason.CRASHED
    assert [verdict.is_reused for verdict in again] == [True, True, True]


def test_a_worker_killed_from_outside_is_no_verdict_on_its_video(
    store: Store, shard: VideoShard
) -> None:
    verdicts = judge_shard(store, shard, CONFIG, look_or_be_killed)
    assert [reason_of(verdict) for verdict in verdicts] == [Reason.INTERRUPTED, None, None]
    again = judge_shard(store, shard, CONFIG)
    assert [reason_of(verdict) for verdict in again] == [None, None, None]
    assert [verdict.is_reused for verdict in again] == [False, True, True]


def test_what_decodes_strangers_files_has_no_credentials(
    store: Store, shard: VideoShard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    verdicts = judge_shard(store, shard, CONFIG, look_for_credentials)
    assert [reason_of(verdict) for verdict in verdicts] == [None, None, None]


def test_a_hang_costs_its_video_and_more_time_is_another_chance(
    store: Store, shard: VideoShard
) -> None:
    config = replace(CONFIG, video_timeout_seconds=4.0)
    verdicts = judge_shard(store, shard, config, look_or_hang)
    assert [reason_of(verdict) for verdict in verdicts] == [Reason.TOO_SLOW, None, None]
    again = judge_shard(store, shard, CONFIG)
    assert [(reason_of(verdict), verdict.is_reused) for verdict in again] == [
        (None, False),
        (None, True),
        (None, True),
    ]


def test_a_decompression_bomb_meets_the_limit_of_memory(store: Store, shard: VideoShard) -> None:
    bomb = Path(shard.root) / "bad.mp4"
    source = ["-f", "lavfi", "-i", "color=black:s=14000x10000:r=2:d=3"]
    subprocess.run(
        [
            ffmpeg_binary(),
            "-y",
            "-loglevel",
            "error",
            *source,
            "-c:v",
            "mjpeg",
            "-q:v",
            "31",
            "-f",
            "avi",
            bomb,
        ],
        check=True,
    )
    config = replace(CONFIG, max_source_area_px=2 * 10**8, video_memory_mib=256)
    verdicts = judge_shard(store, shard, config)
    assert [reason_of(verdict) for verdict in verdicts] == [Reason.TOO_MUCH_MEMORY, None, None]


def test_a_run_that_died_goes_on_where_it_was(store: Store, shard: VideoShard) -> None:
    time.sleep(2.1)  # A file that changed a moment ago is not trusted.
    some = replace(shard, names=shard.names[:2])
    judge_shard(store, some, CONFIG)
    # What is known needs no worker: the others are the only work.
    verdicts = judge_shard(store, shard, CONFIG, crash_always)
    assert [verdict.is_reused for verdict in verdicts[:2]] == [True, True]
    assert reason_of(verdicts[2]) == Reason.CRASHED


def test_an_unchanged_file_is_not_read_again(store: Store, shard: VideoShard) -> None:
    time.sleep(2.1)  # A file that changed a moment ago is not trusted.
    judge_shard(store, shard, CONFIG)
    path = Path(shard.root) / "good.mp4"
    before = path.stat()
    assert all(verdict.is_reused for verdict in judge_shard(store, shard, CONFIG, crash_always))
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (verdict,) = judge_shard(store, replace(shard, names=["good.mp4"]), CONFIG, crash_always)
    assert reason_of(verdict) == Reason.CRASHED, (
        "same size and time of modification, but another content"
    )


def test_a_removed_video_leaves_the_manifest(store: Store, shard: VideoShard) -> None:
    first = ingest_videos(store, shard, CONFIG)
    second = ingest_videos(store, replace(shard, names=shard.names[1:]), CONFIG)
    assert [clip.source for clip in read_rows(store, first.clips.key, Clip)] == shard.names
    assert [clip.source for clip in read_rows(store, second.clips.key, Clip)] == shard.names[1:]
    assert second.num_new == 0


def test_of_equal_new_contents_one_counts_as_new() -> None:
    def verdict(sha256: str, *, is_reused: bool) -> Verdict:
        return Verdict(
            rejection=Rejection(source="", reason="", detail=""), sha256=sha256, is_reused=is_reused
        )

    raced = [
        verdict("a", is_reused=True),
        verdict("a", is_reused=False),
        verdict("b", is_reused=True),
    ]
    lost = [
        verdict("a", is_reused=False),
        verdict("a", is_reused=False),
        verdict("b", is_reused=True),
    ]
    expected = [False, True, True]
    assert [row.is_reused for row in count_copies_once(raced)] == expected
    assert [row.is_reused for row in count_copies_once(lost)] == expected
    assert [row.is_reused for row in count_copies_once([verdict("", is_reused=False)] * 2)] == [
        False,
        False,
    ]


def test_every_field_of_the_configuration_is_known_to_decide_a_verdict_or_not_to() -> None:
    fixed = {name.removeprefix("ingest.") for name in FIXED_INGEST}
    assert {*DECISIVE, *HARMLESS} == {field.name for field in fields(IngestConfig)} | fixed
    assert not HARMLESS & set(DECISIVE)
