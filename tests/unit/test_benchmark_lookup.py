"""Which file is a benchmark's video: examples from the authors' own layouts, and from what
downloaders leave."""

from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.lookup import VideoFolder
from tasks.core.types import Sample, VideoFile
from tests.helpers import benchmark_folders as folders
from tests.helpers import choice_folders
from tests.helpers.files import touch, write_json, write_lines, write_parquet


def _samples(name: str, root: Path) -> list[Sample]:
    return list(BENCHMARKS[name].open(root).samples())


def _file(sample: Sample) -> VideoFile:
    found = sample.views[0].file
    assert found is not None
    return found


def test_cvbench_as_its_authors_lay_it_out_has_one_name_in_two_folders(tmp_path: Path) -> None:
    rows = [
        choice_folders.cvbench_row(n, ["A. x", "B. y"], "A", [f"{n}/a.mp4", f"{n}/b.mp4"])
        for n in (159, 450)
    ]
    write_json(tmp_path / "CVBench.json", rows)
    touch(tmp_path, "CVBench/159/a.mp4", "CVBench/159/b.mp4", "CVBench/450/a.mp4")
    first, second = _samples("cvbench", tmp_path)
    assert [view.file.paths for view in first.views if view.file] == [
        ("CVBench/159/a.mp4",),
        ("CVBench/159/b.mp4",),
    ]
    assert _file(second).paths == ("CVBench/450/a.mp4",)
    lost = second.views[1].file
    assert lost is not None
    assert lost.paths == ()
    assert (
        lost.missing
        == "no video '450/b.mp4': 'CVBench/159/b.mp4' has this name, but counts only in videos/, "
        + ("CVBench/, the top")
    )


def test_mvbench_takes_a_video_from_its_tasks_folder_alone(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    for task in ("moving_count", "action_count", "scene_transition"):
        write_json(
            tmp_path / f"json/{task}.json", [choice_folders.mvbench_row(video="video_1.mp4")]
        )
    touch(
        tmp_path, "video/clevrer/video_validation/video_1.mp4", "video_1.mp4", "video/video_1.mp4"
    )
    by_task = {sample.kind: sample for sample in _samples("mvbench", tmp_path)}
    assert _file(by_task["moving_count"]).paths == ("video/clevrer/video_validation/video_1.mp4",)
    assert _file(by_task["action_count"]).paths == _file(by_task["scene_transition"]).paths == ()
    clips = {
        by_task[task].views[0].clip_id
        for task in ("moving_count", "action_count", "scene_transition")
    }
    assert len(clips) == 3, "questions on different videos are independent"


def test_mvbench_files_that_were_added_later_count_where_the_rest_has_none(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    rows = [
        choice_folders.mvbench_row(video="v0.mp4"),
        choice_folders.mvbench_row(video="late.mp4"),
    ]
    write_json(tmp_path / "json/moving_count.json", rows)
    later = "video/data0613/clevrer/video_validation"
    touch(tmp_path, f"{later}/v0.mp4", f"{later}/late.mp4")
    first, second = (s for s in _samples("mvbench", tmp_path) if s.kind == "moving_count")
    assert _file(first).paths == ("video/clevrer/video_validation/v0.mp4",)
    assert _file(second).paths == (f"{later}/late.mp4",)


def test_vinoground_keeps_whole_and_joined_videos_apart(tmp_path: Path) -> None:
    folders.vinoground(tmp_path)
    (tmp_path / "vinoground_videos/1_pos.mp4").unlink()
    sample = next(s for s in _samples("vinoground", tmp_path) if s.sample_id.endswith("1_pos"))
    assert _file(sample).paths == ()


@pytest.fixture
def lvbench(tmp_path: Path) -> Path:
    folders.lvbench(tmp_path)
    (tmp_path / "all_videos/aB-1.mp4").unlink()
    return tmp_path


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/watch?v=aB-1",
        "https://youtu.be/aB-1?t=4",
        "https://www.youtube.com/shorts/aB-1",
    ],
)
def test_what_video2dataset_stored_is_known_by_its_link(lvbench: Path, url: str) -> None:
    for number, link in enumerate(["https://www.youtube.com/watch?v=other", url]):
        touch(lvbench, f"scripts/videos/00000/00000000{number}.mp4")
        # Its own `key` is a number, which must not be taken for the benchmark's.
        write_json(
            lvbench / f"scripts/videos/00000/00000000{number}.json",
            {"url": link, "key": f"00000000{number}", "status": "success", "error_message": None},
        )
    touch(lvbench, "scripts/videos/00000_stats.json")
    assert _file(_samples("lvbench", lvbench)[0]).paths == ("scripts/videos/00000/000000001.mp4",)


def test_parts_that_video2dataset_cut_are_not_the_video(lvbench: Path) -> None:
    touch(lvbench, "videos/00000/000000000_000.mp4")
    url = "https://www.youtube.com/watch?v=aB-1"
    write_json(
        lvbench / "videos/00000/000000000_000.json",
        {"url": url, "clips": [["00:00:01", "00:00:05"]]},
    )
    assert _file(_samples("lvbench", lvbench)[0]).missing == "no video 'aB-1'"


def test_what_yt_dlp_stored_is_known_by_its_info_file_or_its_default_name(tmp_path: Path) -> None:
    row = {"question_id": "1", "question": "?", "options": ["A. a", "B. b"], "answer": "A"}
    ids = ("dQw4w9WgXcQ", "-_x4w9WgXcQ")
    write_parquet(
        tmp_path / "videomme.parquet", [row | {"videoID": v, "question_id": v} for v in ids]
    )
    touch(tmp_path, "videos/A title (2020) [dQw4w9WgXcQ].webm", "videos/Another.mkv")
    write_json(tmp_path / "videos/Another.info.json", {"id": ids[1], "title": "Another"})
    assert [_file(sample).paths for sample in _samples("videomme", tmp_path)] == [
        ("videos/A title (2020) [dQw4w9WgXcQ].webm",), ("videos/Another.mkv",),
    ]  # fmt: skip


def test_what_youtube_dl_stored_is_known_by_its_default_name(tmp_path: Path) -> None:
    row = {
        "question_id": "1",
        "question": "?",
        "options": ["A. a", "B. b"],
        "answer": "A",
        "videoID": "-Qw4w9Wg-cQ",
    }
    write_parquet(tmp_path / "videomme.parquet", [row])
    touch(tmp_path, "videos/A title - part 2--Qw4w9Wg-cQ.mp4", "videos/Another-dQw4w9WgXcQ.mp4")
    (sample,) = _samples("videomme", tmp_path)
    assert _file(sample).paths == ("videos/A title - part 2--Qw4w9Wg-cQ.mp4",)


def test_a_folder_in_other_case_counts_if_none_is_called_as_expected_and_a_file_never(
    tmp_path: Path,
) -> None:
    row = {
        "question_id": "1",
        "question": "?",
        "options": ["A. a", "B. b"],
        "answer": "A",
        "videoID": "dQw4w9WgXcQ",
    }
    write_parquet(tmp_path / "videomme.parquet", [row])
    touch(tmp_path, "Videos/dqw4w9wgxcq.mp4")
    assert not _file(_samples("videomme", tmp_path)[0]).paths
    touch(tmp_path, "Videos/dQw4w9WgXcQ.mp4")
    assert _file(_samples("videomme", tmp_path)[0]).paths == ("Videos/dQw4w9WgXcQ.mp4",)
    touch(tmp_path, "videos/dQw4w9WgXcQ.mp4")
    assert _file(_samples("videomme", tmp_path)[0]).paths == ("videos/dQw4w9WgXcQ.mp4",)


def test_two_downloads_of_one_link_are_ambiguous_and_a_file_with_the_name_comes_first(
    lvbench: Path,
) -> None:
    for number in range(2):
        touch(lvbench, f"videos/00000/{number}.mp4")
        write_json(
            lvbench / f"videos/00000/{number}.json", {"url": "https://www.youtube.com/watch?v=aB-1"}
        )
    missing = _file(_samples("lvbench", lvbench)[0]).missing
    assert missing == "ambiguous: 2 files fit 'aB-1': 'videos/00000/0.mp4', 'videos/00000/1.mp4'"
    touch(lvbench, "videos/aB-1.mp4")
    assert _file(_samples("lvbench", lvbench)[0]).paths == ("videos/aB-1.mp4",)


def test_a_broken_file_beside_a_video_says_so_and_nothing_else(
    lvbench: Path, caplog: pytest.LogCaptureFixture
) -> None:
    touch(lvbench, "videos/00000/0.mp4", "videos/00000/0.json")
    assert _file(_samples("lvbench", lvbench)[0]).missing == "no video 'aB-1'"
    assert "videos/00000/0.json, which may say what a video is, cannot be read" in caplog.text


def test_another_ending_is_the_same_video_and_the_very_ending_comes_first(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.webm", "videos/b.mp4", "videos/b.webm", "videos/c.MKV")
    videos = VideoFolder(tmp_path)
    assert videos.find("a.mp4", ("videos",)).paths == ("videos/a.webm",)
    assert videos.find("b.webm", ("videos",)).paths == ("videos/b.webm",)
    assert videos.find("b", ("videos",)).missing.startswith("ambiguous: 2 files fit 'b'")
    assert videos.find("c.mp4", ("videos",)).paths == ("videos/c.MKV",)


def test_whole_components_have_to_fit(tmp_path: Path) -> None:
    touch(tmp_path, "1159/a.mp4", "x/159/b.mp4")
    videos = VideoFolder(tmp_path)
    assert videos.find("159/a.mp4").paths == ()
    assert videos.find("./159/b.mp4").paths == ("x/159/b.mp4",)
    assert videos.find("../159/b.mp4").missing == "the name '../159/b.mp4' leads out of the folder"


def test_a_link_to_nothing_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    assert VideoFolder(tmp_path).find("a.mp4").paths == ()


def test_listed_pictures_need_their_folder_and_stand_for_one_video(tmp_path: Path) -> None:
    touch(tmp_path, "0.jpg", "frames/a1/0.jpg", "frames/a1/1.jpg")
    videos = VideoFolder(tmp_path)
    found = videos.find_listed(["/disk/one/frames/a1/0.jpg", "/disk/one/frames/a1/1.jpg"], 2.0)
    assert found.paths == ("frames/a1/0.jpg", "frames/a1/1.jpg")
    assert (
        videos.find_listed(["/disk/one/frames/b2/0.jpg"], 2.0).missing
        == "no picture '/disk/one/frames/b2/0.jpg'"
    )
    assert "stands for both" in videos.find_listed(["/disk/other/frames/a1/0.jpg"], 2.0).missing


def test_a_downloaders_file_beside_a_video_is_no_file_of_questions(tmp_path: Path) -> None:
    folders.universal(tmp_path)
    write_lines(tmp_path / "a.json", [{"url": "https://example.org/a"}])
    assert len(_samples("universal", tmp_path)) == 4
