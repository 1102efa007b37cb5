"""Data sets of other projects in: rows, videos, times, and what is wrong with them."""

import io
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import ExifTags, Image

from rewards.answers import AnswerKind
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split
from tasks.exchange.import_rows import ImportPlan, import_rows
from tasks.exchange.import_videos import (
    ImportedVideo,
    VideoJob,
    VideoReading,
    import_video,
    read_video,
)
from tasks.exchange.layouts import parse_record
from tasks.exchange.sample import sample_of
from tasks.exchange.video_paths import VideoPaths, parse_rewrites
from tasks.video.frame_store import load_frames
from tasks.video.isolation import Outcome
from tests.helpers.clips import make_clip
from tests.helpers.datasets import CONFIG, import_from, release_row, samples_of, write_frames
from tests.helpers.videos import SHARED_VIDEOS, write_video

pytestmark = pytest.mark.slow


def test_rows_of_the_release_become_samples(store: Store, tmp_path: Path) -> None:
    frames = [f"/data/author/{name}" for name in write_frames(tmp_path / "frames")]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([release_row(frames)]), file)
    where = VideoPaths(root=tmp_path, rewrites=parse_rewrites(["/data/author/="]))
    imported = import_rows(store, ImportPlan(file=file, videos=where, config=CONFIG))
    (sample,) = samples_of(store, imported.samples.key)
    (clip,) = read_rows(store, imported.clips.key, Clip)
    assert (sample.pretext, sample.kind, sample.answer) == ("grounding", "rotate_180", "1.2-3.8")
    assert sample.answer_kind == AnswerKind.INTERVAL
    assert sample.question == "When is it turned?"
    assert clip.timestamps_seconds == tuple(round(index / 1.6, 3) for index in range(8))


def test_plain_rows_find_their_answer_kind(store: Store, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    answers = {
        "B": AnswerKind.CHOICE,
        "2.0-4.5": AnswerKind.INTERVAL,
        "a dog": AnswerKind.TEXT,
        "-3": AnswerKind.NUMBER,
    }
    rows = [
        {"video": frames, "question": "What?", "answer": answer, "fps": 2} for answer in answers
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    imported = import_from(store, file)
    assert {s.answer: s.answer_kind for s in samples_of(store, imported.samples.key)} == answers


@pytest.mark.parametrize(
    ("written", "read", "kind"),
    [
        (3, "3", AnswerKind.NUMBER),
        ("12", "12", AnswerKind.NUMBER),
        ("(B)", "B", AnswerKind.CHOICE),
        ("C.", "C", AnswerKind.CHOICE),
        ("<answer> D </answer>", "D", AnswerKind.CHOICE),
        ("<answer>a dog</answer>", "a dog", AnswerKind.TEXT),
        ("A dog", "A dog", AnswerKind.TEXT),
    ],
)
def test_answers_are_read_as_data_sets_write_them(
    written: object, read: str, kind: AnswerKind
) -> None:
    row = parse_record({"video": "a.mp4", "question": "What?", "answer": written})
    sample = sample_of(row, [make_clip()], "s", Split.TRAIN)
    assert (sample.answer, sample.answer_kind) == (read, kind)


def test_digits_are_an_order_only_of_as_many_videos() -> None:
    info = {
        "data_source": "",
        "reward_model": {"ground_truth": "21"},
        "prompt": [{"role": "user", "content": "?"}],
    }
    row = parse_record({**info, "videos": [{"video": "a.mp4"}, {"video": "b.mp4"}]})
    assert (
        sample_of(row, [make_clip("a"), make_clip("b")], "s", Split.TRAIN).answer_kind
        == AnswerKind.PERMUTATION
    )


def test_bad_rows_are_named_and_counted_and_stop_nothing(store: Store, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "inside" / "frames")
    write_frames(tmp_path / "outside")
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "inside" / "text.mp4").write_text("no video")
    plain = {"question": "What?", "answer": "B", "fps": 2}
    bad = {
        "videos": [
            {**plain, "video": ["../outside/0.jpg", "../outside/1.jpg"]},
            {**plain, "video": "/etc/passwd"},
            {**plain, "video": ["link/0.jpg", "link/1.jpg"]},
            {**plain, "video": "missing.mp4"},
            {**plain, "video": "text.mp4"},
            {**plain, "video": [*frames[:2], "text.mp4"]},
            {**plain, "video": frames, "fps": 0},
        ],
        "answer": [
            {"video": frames, "question": "What?", "fps": 2},
            release_row(frames, truth="soon"),
        ],
        "layout": [{"image": "a.png"}, "no object"],
        "question": [{**plain, "video": frames, "question": " "}],
    }
    lines = [json.dumps(row) for rows in bad.values() for row in rows] + [
        "{broken",
        json.dumps({**plain, "video": frames}),
    ]
    file = tmp_path / "inside" / "rows.jsonl"
    file.write_text("\n".join(lines))
    imported = import_from(store, file)
    assert imported.samples.num_rows == 1
    rejected = read_rows(store, imported.rejected.key, Rejection)
    assert sorted(int(row.source.rsplit(" ", 1)[1]) for row in rejected) == list(
        range(len(lines) - 1)
    )
    counts = imported.reports[0].counts
    assert counts["rows"] == len(lines)
    assert counts["rejected"] == len(lines) - 1
    assert counts["rejected/bad videos"] == len(bad["videos"])
    assert counts["rejected/bad layout"] == len(bad["layout"]) + 1


def test_a_file_that_is_no_data_set_is_refused(store: Store, tmp_path: Path) -> None:
    for name, data in {"a.parquet": b"PAR1 broken", "c.jsonl": b"\xff\xfe"}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="is no Parquet, JSON lines or JSON file"):
            import_from(store, tmp_path / name)
    with pytest.raises(InputError, match="no file"):
        import_from(store, tmp_path / "missing")
    for name, text in {
        "d.json": '[{"image": 1}]',
        "e.json": '[{"image": 1',
        "f.jsonl": '{"image": 1',
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match="none of the 1 rows"):
            import_from(store, tmp_path / name)
    for path in (tmp_path, tmp_path / ("x" * 300), tmp_path / "a\0b", tmp_path / "a\udcff"):
        with pytest.raises(InputError, match="dataset: "):
            import_from(store, path)


def test_pictures_are_taken_over_at_their_own_size(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text(
        json.dumps(
            [{"video": write_frames(tmp_path / "f"), "question": "?", "answer": "B", "fps": 2}]
        )
    )
    where = VideoPaths(root=tmp_path)
    config = replace(CONFIG, max_area_px=128 * 96)
    imported = import_rows(store, ImportPlan(file=file, videos=where, config=config))
    (clip,) = read_rows(store, imported.clips.key, Clip)
    assert (clip.width_px, clip.height_px) == (128, 96)
    assert Image.open(io.BytesIO((tmp_path / "f" / "0.jpg").read_bytes())).size == (128, 96)


def test_pictures_are_turned_as_their_camera_says(store: Store, tmp_path: Path) -> None:
    upright, stored, on_its_side = write_frames(tmp_path / "f"), tmp_path / "stored", Image.Exif()
    stored.mkdir()
    on_its_side[ExifTags.Base.Orientation] = 6  # To be turned to the right.
    for name in upright:
        Image.open(tmp_path / name).rotate(90, expand=True).save(
            stored / f"{Path(name).stem}.png", exif=on_its_side
        )
    rows = [
        {"video": names, "question": "?", "answer": "B", "fps": 2}
        for names in (upright, [f"stored/{Path(name).stem}.png" for name in upright])
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    clips = read_rows(store, import_from(store, file).clips.key, Clip)
    first, second = (load_frames(store, clip) for clip in clips)
    assert np.array_equal(first, second)


def test_a_video_under_two_names_stays_on_one_side(store: Store, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_frames(tmp_path / name)
    rows = [
        {
            "video": [f"{name}/{i}.jpg" for i in range(8)],
            "question": "?",
            "answer": "B",
            "fps": 2,
            "split": split,
        }
        for name, split in (("one", "train"), ("two", "heldout"), ("two", "train"))
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    imported = import_from(store, file, split="keep")
    (clip,) = read_rows(store, imported.clips.key, Clip)
    assert clip.split == "train"
    assert [sample.split for sample in samples_of(store, imported.samples.key)] == [
        "train",
        "train",
    ]
    (rejected,) = read_rows(store, imported.rejected.key, Rejection)
    assert (rejected.source, rejected.reason) == ("rows.json, row 1", "bad split")


def test_broken_pictures_and_times_that_do_not_fit_cost_their_row(
    store: Store, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames")
    picture = tmp_path / "frames" / "cut.png"
    Image.open(tmp_path / frames[0]).save(picture)
    picture.write_bytes(picture.read_bytes()[:60] + b"\0" * 400)
    plain = {"question": "?", "answer": "B", "fps": 2}
    rows = [
        {**plain, "video": frames},
        {**plain, "video": [*frames, "frames/cut.png"]},
        {**plain, "video": frames, "timestamps_seconds": [[0.0, 1.0]]},
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    imported = import_from(store, file)
    rejected = read_rows(store, imported.rejected.key, Rejection)
    assert [row.source for row in rejected] == ["rows.json, row 1", "rows.json, row 2"]
    assert "2 timestamps_seconds for 8 frames" in rejected[1].detail


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the shared videos")
def test_what_was_wrong_with_a_video_stays_on_its_clip(store: Store, tmp_path: Path) -> None:
    name = "webb-telescope-cleanroom.mp4"
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([{"video": name, "question": "?", "answer": "B"}]))
    where = VideoPaths(root=SHARED_VIDEOS)
    imported = import_rows(store, ImportPlan(file=file, videos=where, config=CONFIG))
    (clip,) = read_rows(store, imported.clips.key, Clip)
    assert any("2 video streams" in warning for warning in clip.warnings)


def test_times_of_a_long_video_count_from_its_start(store: Store, tmp_path: Path) -> None:
    write_video(tmp_path / "long.mp4", num_frames=60, fps=20.0)
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([{"video": "long.mp4", "question": "When?", "answer": "0.5-1.5"}]))
    imported = import_from(store, file)
    assert [sample.answer_kind for sample in samples_of(store, imported.samples.key)] == [
        AnswerKind.INTERVAL
    ]
    (clip,) = read_rows(store, imported.clips.key, Clip)
    frames, times = load_frames(store, clip), clip.timestamps_seconds
    assert len(times) == CONFIG.num_frames
    assert 0 < times[0] < 3 / CONFIG.num_frames
    assert times[-1] < 3
    # The bar moves to the right at a constant pace: where it stands tells the time.
    columns = [int(frame[frame.shape[0] * 7 // 8].sum(axis=-1).argmax()) for frame in frames]
    pace = np.polyfit(times, columns, 1)
    assert abs(np.polyval(pace, 0.0)) < 3


def test_a_video_that_stands_unchanged_is_not_read_again(store: Store, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in write_frames(tmp_path / "frames")]
    job = VideoJob(
        paths=tuple(paths),
        is_frames=True,
        fps=2.0,
        timestamps_seconds=(),
        source="a",
        split=Split.TRAIN,
        config=CONFIG,
    )

    num_read = 0

    def take(job: VideoJob) -> ImportedVideo:
        def read(asked: VideoJob) -> Outcome[VideoReading]:
            nonlocal num_read
            num_read += 1
            return Outcome(result=read_video(asked))

        return import_video(store, job, read)

    assert take(job).clip
    time.sleep(2.1)  # a file that changed a moment ago is not trusted
    first = take(job)
    assert first.clip
    assert num_read == 2
    assert take(replace(job, source="b")) == ImportedVideo(clip=replace(first.clip, source="b"))
    assert num_read == 2
    assert take(replace(job, fps=1.0)).clip != first.clip
    before = paths[0].stat()
    paths[0].write_bytes(bytes(reversed(paths[0].read_bytes())))
    os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert take(job).error, "same size and time of modification, but another content"
