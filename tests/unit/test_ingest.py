import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection
from tasks.ingest.listing import list_files, list_shards
from tasks.ingest.merge import merge_shards
from tasks.ingest.reasons import Reason
from tasks.ingest.shard import ingest_videos
from tasks.ingest.verdicts import Source, Verdict
from tasks.video.encode import write_mp4
from tests.helpers.judged import judge_here
from tests.helpers.videos import SHARED_VIDEOS, moving_frames, write_pattern, write_video

pytestmark = pytest.mark.slow

# The little videos of these tests look alike: only equal fingerprints count as near duplicates
# here.
CONFIG = IngestConfig(
    num_frames=16,
    min_area_px=32 * 32,
    max_area_px=64 * 64,
    near_duplicate_distance=0.0,
    heldout_share=0.5,
    num_workers=1,
    shard_size_videos=3,
)


def ingest(store: Store, folder: Path, config: IngestConfig = CONFIG) -> DataSet:
    shards = list_shards(str(folder), config)
    return merge_shards(
        store, [ingest_videos(store, shard, config) for shard in shards], shards, config
    )


def examine(store: Store, folder: Path, name: str, config: IngestConfig = CONFIG) -> Verdict:
    return judge_here(Source(store=store, root=str(folder), name=name, config=config))


def rejection_of(verdict: Verdict) -> Rejection:
    assert verdict.rejection is not None
    return verdict.rejection


ODD = {
    "audio-only.mp4": Reason.NO_VIDEO_STREAM,
    "av1-321x241.mkv": None,
    "corrupt-middle.mp4": Reason.DECODE_ERRORS,
    "dog-fetch-reencoded.mkv": None,
    "empty.mp4": Reason.EMPTY_FILE,
    "h264-444-bad-after-seek.mp4": None,
    "high-fps-240.mp4": None,
    "interlaced-mpeg2.ts": None,
    "phone-hevc-10bit-rotated-90.mp4": None,
    "single-frame.mp4": Reason.TOO_FEW_FRAMES,
    "still-image-1fps-10min.mp4": Reason.STATIC,
    "text-not-video.mp4": Reason.NOT_A_VIDEO,
    "truncated-no-moov.mp4": Reason.INCOMPLETE_FILE,
    "variable-frame-rate.mov": None,
    "Чаплин в парке – копия №2 ☂.mp4": None,  # a duplicate only beside its original
}


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the shared videos")
@pytest.mark.parametrize(("name", "reason"), ODD.items())
def test_odd_inputs_get_the_verdict_they_deserve(
    store: Store, tmp_path: Path, name: str, reason: Reason | None
) -> None:
    # Under another name: the verdict must not hang on it.
    shutil.copy(SHARED_VIDEOS / "odd" / name, tmp_path / "some file.txt")
    verdict = examine(store, tmp_path, "some file.txt", CONFIG)
    assert (verdict.rejection.reason if verdict.rejection else None) == reason
    assert (verdict.clip is None) == (reason is not None)


def test_a_clip_says_what_was_stored(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4", num_frames=60, fps=20.0)
    clip = examine(store, folder, "a.mp4", CONFIG).clip
    assert clip is not None
    assert (clip.width_px, clip.height_px, clip.duration_seconds, clip.source_fps) == (
        64,
        32,
        3.0,
        20.0,
    )
    assert len(clip.timestamps_seconds) == 16
    assert clip.timestamps_seconds[0] == 0.0
    assert clip.clip_id == clip.sha256[:16]
    assert store.exists(clip.frames_key)


def test_a_second_run_decodes_nothing_and_a_new_video_is_the_only_work(
    store: Store, folder: Path
) -> None:
    for index in range(2):
        write_video(folder / f"{index}.mp4", num_frames=40 + index)
    (folder / "empty.mp4").touch()
    first = ingest(store, folder)
    second = ingest(store, folder)
    assert (first.reports[-1].counts["new"], second.reports[-1].counts["new"]) == (3, 0)
    assert second.clips == first.clips
    assert second.rejected == first.rejected
    write_video(folder / "3.mp4", num_frames=50)
    assert ingest(store, folder).reports[-1].counts["new"] == 1


def test_a_renamed_video_is_reused_under_its_new_name(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    examine(store, folder, "a.mp4", CONFIG)
    (folder / "a.mp4").rename(folder / "Ж 2.mp4")
    verdict = examine(store, folder, "Ж 2.mp4", CONFIG)
    assert verdict.is_reused
    assert verdict.clip is not None
    assert verdict.clip.source == "Ж 2.mp4"


def test_lost_frames_are_made_again(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    clip = examine(store, folder, "a.mp4", CONFIG).clip
    assert clip is not None
    before = store.read_bytes(clip.frames_key)
    store.delete(clip.frames_key)
    assert not examine(store, folder, "a.mp4", CONFIG).is_reused
    assert store.read_bytes(clip.frames_key) == before


def test_another_sampling_is_another_clip(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    examine(store, folder, "a.mp4", CONFIG)
    assert not examine(store, folder, "a.mp4", replace(CONFIG, num_frames=8)).is_reused
    assert examine(store, folder, "a.mp4", replace(CONFIG, heldout_share=0.9)).is_reused


def test_exact_duplicates_keep_the_first_by_name(store: Store, folder: Path) -> None:
    write_video(folder / "b.mp4")
    shutil.copy(folder / "b.mp4", folder / "a.mp4")
    write_video(folder / "c.mp4", num_frames=50)
    result = ingest(store, folder)
    assert [clip.source for clip in read_rows(store, result.clips.key, Clip)] == ["a.mp4", "c.mp4"]
    (row,) = read_rows(store, result.rejected.key, Rejection)
    assert (row.source, row.reason, row.detail) == (
        "b.mp4",
        "exact duplicate",
        "exact duplicate of a.mp4",
    )


def test_every_input_is_accounted_for(store: Store, folder: Path) -> None:
    write_video(folder / "good.mp4")
    write_video(folder / "better.mp4", num_frames=50)
    write_mp4(folder / "still.mp4", moving_frames(60)[:1].repeat(60, axis=0), 20.0)
    write_video(folder / "short.mp4", num_frames=10)
    (folder / "note.md").write_text("not a video")
    (folder / ".hidden.mp4").write_text("skipped")
    counts = ingest(store, folder).reports[-1].counts
    assert counts["videos"] == counts["accepted"] + counts["rejected"] == 5
    assert (
        counts["rejected/static"]
        == counts["rejected/too few frames"]
        == counts["rejected/not a video"]
        == 1
    )


def test_warnings_are_counted_by_their_kind(store: Store, folder: Path) -> None:
    write_pattern(folder / "a.mov", "-c:v", "qtrle", "-pix_fmt", "argb", seconds=4)
    config = replace(CONFIG, min_train_clips=0, min_heldout_clips=0)
    found = ingest(store, folder, config)
    counts = found.reports[-1].counts
    assert (counts["with_warnings"], counts["warning/transparent"]) == (1, 1)
    clips = read_rows(store, found.clips.key, Clip)
    assert [clip.warnings for clip in clips if clip.source == "a.mov"] == [
        ("transparent: shown without its transparency",)
    ]


def test_shards_and_workers_do_not_change_the_outcome(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    for index in range(3):
        write_video(folder / f"{index}.mp4", num_frames=40 + index)
    (folder / "note.md").write_text("not a video")
    one = replace(CONFIG, shard_size_videos=100, num_workers=1)
    many = replace(CONFIG, shard_size_videos=1, num_workers=3)
    other = Store(str(tmp_path / "other"))
    assert ingest(store, folder, one).clips.digest == ingest(other, folder, many).clips.digest


def test_links_out_of_the_folder_are_not_followed(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    write_video(tmp_path / "outside.mp4")
    write_video(folder / "inside.mp4")
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    (folder / "dir").symlink_to(tmp_path)
    (folder / "broken.mp4").symlink_to(tmp_path / "nothing")
    (folder / "same.mp4").symlink_to(folder / "inside.mp4")
    assert list_files(folder) == ["broken.mp4", "dir", "inside.mp4", "link.mp4", "same.mp4"]
    assert rejection_of(examine(store, folder, "link.mp4", CONFIG)).reason == Reason.OUTSIDE
    assert rejection_of(examine(store, folder, "dir", CONFIG)).reason == Reason.OUTSIDE
    assert rejection_of(examine(store, folder, "../outside.mp4", CONFIG)).reason == Reason.OUTSIDE
    assert rejection_of(examine(store, folder, "broken.mp4", CONFIG)).reason == Reason.UNREADABLE
    assert examine(store, folder, "same.mp4", CONFIG).clip is not None


def test_a_name_that_is_not_utf8_is_reported(store: Store, folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff.mp4", "wb") as file:
        file.write(b"x")
    (name,) = list_files(folder)
    assert rejection_of(examine(store, folder, name, CONFIG)).reason == Reason.UNREADABLE


def test_pipes_are_not_inputs(folder: Path) -> None:
    os.mkfifo(folder / "pipe.mp4")
    assert list_files(folder) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [(None, "nothing at"), ("file", "names no video"), ("folder", "holds no file")],
)
def test_a_useless_folder_is_one_clear_line(tmp_path: Path, make: str | None, message: str) -> None:
    path = tmp_path / "here"
    if make == "file":
        path.touch()
    elif make == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=message) as caught:
        list_shards(str(path), CONFIG)
    assert "\n" not in str(caught.value)


def test_a_folder_without_videos_ends_with_the_reasons(store: Store, folder: Path) -> None:
    (folder / "note.md").write_text("not a video")
    with pytest.raises(InputError, match=r"none of the 1 files.*1 not a video"):
        ingest(store, folder)


@pytest.mark.parametrize("share", [0.001, 0.999])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_a_small_folder_is_trained_on_with_a_warning(
    store: Store, folder: Path, caplog: pytest.LogCaptureFixture, share: float, number: int
) -> None:
    for index in range(number):
        write_video(folder / f"{index}.mp4", num_frames=40 + index)
    counts = ingest(store, folder, replace(CONFIG, heldout_share=share)).reports[-1].counts
    heldout = number // 2 if share < 0.5 else number - 1
    assert (counts["train"], counts["heldout"]) == (number - heldout, heldout)
    (warning,) = caplog.messages
    assert warning.startswith(
        f"{heldout} of {number} clips are held out, fewer than the 10 aimed at"
    )


def test_fewer_clips_than_training_needs_end_with_what_to_do(store: Store, folder: Path) -> None:
    write_video(folder / "a.mp4")
    (folder / "note.md").write_text("not a video")
    with pytest.raises(
        InputError, match=r"1 clips accepted, .* at least 2 needed .*1 not a video.*add videos"
    ):
        ingest(store, folder, replace(CONFIG, min_train_clips=2))


def test_videos_that_are_never_trained_on_are_held_out_and_not_remembered(
    store: Store, folder: Path
) -> None:
    write_video(folder / "a.mp4")
    write_video(folder / "b.mp4", num_frames=50)
    counts = ingest(store, folder, replace(CONFIG, for_training=False)).reports[-1].counts
    assert (counts["train"], counts["heldout"]) == (0, 2)
    assert (
        ingest(store, folder, replace(CONFIG, heldout_share=0.999)).reports[-1].counts["heldout"]
        == 1
    )


def test_videos_of_a_shard_that_failed_are_listed_with_that_reason(
    store: Store, folder: Path
) -> None:
    for number in range(7):
        write_video(folder / f"v{number}.mp4", num_frames=60 + 3 * number)
    config = replace(CONFIG, near_duplicates="keep")
    shards = list_shards(str(folder), config)
    results = [ingest_videos(store, shard, config) for shard in shards]
    whole = merge_shards(store, results, shards, config)
    found = merge_shards(store, [results[0], None, *results[2:]], shards, config)
    rejected = read_rows(store, found.rejected.key, Rejection)
    lost = [row.source for row in rejected if row.reason == Reason.SHARD_FAILED]
    assert lost == shards[1].names
    assert (found.reports[-1].counts["shards_failed"], found.reports[-1].counts["videos"]) == (
        1,
        whole.reports[-1].counts["videos"],
    )
    assert found.clips.key != whole.clips.key
