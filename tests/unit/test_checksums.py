"""Checksums that come with videos: kept promises, broken ones, and files that are none."""

import hashlib
import logging
import subprocess
from pathlib import Path

import fsspec
import pytest

from tasks.core.config import IngestConfig
from tasks.core.manifest import read_rows
from tasks.core.records import IngestedShard
from tasks.core.store import Store
from tasks.core.types import Clip
from tasks.ingest.checksums import CONTRADICTORY, Entry, read_list
from tasks.ingest.listing import list_shards
from tasks.ingest.merge import merge_shards
from tasks.ingest.reasons import Reason
from tasks.ingest.shard import ingest_videos, judge_shard
from tasks.ingest.verdicts import Source, Verdict, find_verdict
from tests.helpers.fuzz import CONFIG as FUZZ_CONFIG
from tests.helpers.fuzz import damaged, make_sources
from tests.helpers.judged import judge_here
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow

CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)
OTHER = "0" * 64


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def judged(store: Store, videos: str | Path, config: IngestConfig = CONFIG) -> dict[str, Verdict]:
    (shard,) = list_shards(str(videos), config)
    return dict(zip(shard.names, judge_shard(store, shard, config), strict=True))


def outcomes(verdicts: dict[str, Verdict]) -> dict[str, str]:
    """By name: the reason of the rejection, or whether the clip is verified."""
    return {name: _outcome(verdict) for name, verdict in verdicts.items()}


def _outcome(verdict: Verdict) -> str:
    return (
        verdict.rejection.reason
        if verdict.rejection
        else f"verified: {verdict.clip and verdict.clip.is_verified}"
    )


def test_lines_of_sha256sum_are_told_from_names() -> None:
    text = f"# mine\n{OTHER}  a b.mp4\n{'AB' * 32} *c.mp4\nd.mp4\n{OTHER}\n{OTHER} e.mp4\n"
    assert read_list(text.encode()) == [
        Entry("a b.mp4", OTHER),
        Entry("c.mp4", "ab" * 32),
        Entry("d.mp4"),
        Entry(OTHER),
        Entry(f"{OTHER} e.mp4"),
    ]


def test_files_as_sha256sum_writes_them_are_kept_promises(store: Store, folder: Path) -> None:
    for number, name in enumerate(
        ("a.mp4", "Ж 1.mp4", "deep/b.mp4", "deep/c.mp4", "d.mp4", "plain.mp4")
    ):
        write_video(folder / name, num_frames=40 + number)
    # As people do it: the shell makes the file first, so that it lists itself, as it was before.
    for command in (
        "sha256sum ./a.mp4 'Ж 1.mp4' * 2>/dev/null | grep -v plain > SHA256SUMS",
        "cd deep && sha256sum --binary b.mp4 > b.mp4.sha256",
        "cd deep && sha256sum c.mp4 | cut -d ' ' -f 1 | tr a-f A-F > c.mp4.sha256",
    ):
        subprocess.run(["bash", "-c", command], cwd=folder, check=True)
    assert outcomes(judged(store, folder)) == {
        "a.mp4": "verified: True",
        "d.mp4": "verified: True",
        "deep/b.mp4": "verified: True",
        "deep/c.mp4": "verified: True",
        "plain.mp4": "verified: False",
        "Ж 1.mp4": "verified: True",
    }


def test_a_broken_promise_is_a_rejection_until_it_is_renewed(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    sums = folder / "a.mp4.sha256"
    sums.write_text(OTHER)
    verdict = judged(store, folder)["a.mp4"]
    assert verdict.rejection is not None
    assert verdict.rejection.reason == Reason.WRONG_CHECKSUM
    assert sha256_of(folder / "a.mp4") in verdict.rejection.detail
    assert OTHER in verdict.rejection.detail
    # It says nothing of the content: without the promise, or with the right one, the same file is a
    # clip.
    sums.unlink()
    assert outcomes(judged(store, folder)) == {"a.mp4": "verified: False"}
    sums.write_text(sha256_of(folder / "a.mp4"))
    verdict = judged(store, folder)["a.mp4"]
    assert verdict.is_reused
    assert outcomes({"a.mp4": verdict}) == {"a.mp4": "verified: True"}
    sums.write_text(OTHER)
    assert outcomes(judged(store, folder)) == {"a.mp4": Reason.WRONG_CHECKSUM}


def test_a_file_is_not_read_again_to_find_the_same_broken_promise(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(folder / "a.mp4")
    monkeypatch.setattr("tasks.video.clip_file._SETTLED_NS", 0)
    job = Source(store=store, root=str(folder), name="a.mp4", config=CONFIG, checksum=OTHER)
    assert find_verdict(job) is None
    assert not judge_here(job).is_reused
    settled = find_verdict(job)
    assert settled is not None
    assert settled.is_reused
    assert settled.rejection == judge_here(job).rejection


def test_promises_that_contradict_each_other_cannot_be_kept(store: Store, folder: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_video(folder / name)
        (folder / f"{name}.sha256").write_text(f"{sha256_of(folder / name)}  {name}\n")
    (folder / "SHA256SUMS").write_text(f"{OTHER}  a.mp4\n{sha256_of(folder / 'b.mp4')}  b.mp4\n")
    verdicts = judged(store, folder)
    assert outcomes(verdicts) == {"a.mp4": Reason.WRONG_CHECKSUM, "b.mp4": "verified: True"}
    assert f"promised: {CONTRADICTORY}; " in verdicts["a.mp4"].rejection.detail  # type: ignore[union-attr]


def test_what_is_promised_and_missing_is_missed_by_name(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    (folder / "sha256sums.txt").write_text(
        f"{OTHER}  gone.mp4\n{OTHER}  ../outside.mp4\n{OTHER}  /etc/hostname\n"
    )
    (folder.parent / "outside.mp4").touch()
    assert outcomes(judged(store, folder)) == {
        "../outside.mp4": Reason.OUTSIDE,
        "/etc/hostname": Reason.OUTSIDE,
        "a.mp4": "verified: False",
        "gone.mp4": Reason.UNREADABLE,
    }


def test_what_cannot_be_read_as_checksums_stays_an_input(
    store: Store, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_video(folder / "a.mp4")
    (folder / "SHA256SUMS").write_text("some words\n")
    (folder / "a.mp4.sha256").write_bytes(b"\xff\x00")
    (folder / "b.sha256").touch()
    (tmp_path / "secret").write_text(f"{OTHER}  a.mp4\n")
    (folder / "deep" / "SHA256SUMS").symlink_to(tmp_path / "secret")
    with caplog.at_level(logging.WARNING):
        found = outcomes(judged(store, folder))
    assert found == {
        "SHA256SUMS": Reason.NOT_A_VIDEO,
        "a.mp4": "verified: False",
        "a.mp4.sha256": Reason.NOT_A_VIDEO,
        "b.sha256": Reason.EMPTY_FILE,
        "deep/SHA256SUMS": Reason.OUTSIDE,
    }
    assert sum("not used as a checksum file" in record.message for record in caplog.records) == 4
    assert "'some words' is no line as `sha256sum` writes it" in caplog.text


def test_a_checksum_file_is_a_list_too(store: Store, folder: Path) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        write_video(folder / name)
    (folder / "list").write_text(f"{sha256_of(folder / 'a.mp4')}  a.mp4\nb.mp4\n")
    assert outcomes(judged(store, folder / "list")) == {
        "a.mp4": "verified: True",
        "b.mp4": "verified: False",
    }
    (folder / "SHA256SUMS").write_text(f"{OTHER}  a.mp4\n")
    assert outcomes(judged(store, folder / "SHA256SUMS")) == {"a.mp4": Reason.WRONG_CHECKSUM}
    assert set(judged(store, f"{folder}/*.mp4")) == {"a.mp4", "b.mp4", "c.mp4"}
    assert outcomes(judged(store, f"{folder}/*[4S]"))["a.mp4"] == Reason.WRONG_CHECKSUM


def test_checksums_in_an_object_store(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    write_video(folder / "b.mp4", num_frames=50)
    files = fsspec.filesystem("memory")
    try:
        for name in ("a.mp4", "b.mp4"):
            files.pipe(f"/sums/deep/{name}", (folder / name).read_bytes())
        files.pipe(
            "/sums/deep/SHA256SUMS",
            f"{sha256_of(folder / 'a.mp4')}  a.mp4\n{OTHER}  b.mp4\n".encode(),
        )
        (shard,) = list_shards("memory://sums", CONFIG)
        assert shard.names == ["memory:///sums/deep/a.mp4", "memory:///sums/deep/b.mp4"]
        assert shard.checksums == [sha256_of(folder / "a.mp4"), OTHER]
    finally:
        files.rm("/sums", recursive=True)


def test_shards_carry_their_own_checksums_and_clips_are_counted(store: Store, folder: Path) -> None:
    names = [f"{number}.mp4" for number in range(4)]
    for number, name in enumerate(names):
        write_video(folder / name, num_frames=40 + number)
    (folder / "SHA256SUMS").write_text(
        "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names[:3])
    )
    config = IngestConfig(
        **{
            **vars(CONFIG),
            "shard_size_videos": 1,
            "near_duplicates": "keep",
            "min_heldout_clips": 0,
        }
    )
    shards = list_shards(str(folder), config)
    assert [shard.checksums for shard in shards] == [
        [sha256_of(folder / name)] for name in names[:3]
    ] + [[""]]
    results: list[IngestedShard | None] = [ingest_videos(store, shard, config) for shard in shards]
    clip_set = merge_shards(store, results, shards, config)
    assert clip_set.reports[-1].counts["verified"] == 3
    assert [clip.is_verified for clip in read_rows(store, clip_set.clips.key, Clip)] == [
        True,
        True,
        True,
        False,
    ]


def test_with_checksums_no_damage_is_accepted(tmp_path: Path, store: Store) -> None:
    sources = make_sources(tmp_path / "sources")
    (videos := tmp_path / "damaged").mkdir()
    lines = []
    for number, (index, _, data) in enumerate(damaged(sources, 150, seed=3)):
        name = f"{number:03d}"
        (videos / name).write_bytes(data)
        lines.append(f"{sha256_of(tmp_path / 'sources' / sources[index].name)}  {name}\n")
    (videos / "SHA256SUMS").write_text("".join(lines))
    assert set(outcomes(judged(store, videos, FUZZ_CONFIG)).values()) == {Reason.WRONG_CHECKSUM}
