"""Samples out to other projects' layouts and back in."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from rewards.answers import AnswerKind
from tasks.adopt.adopt import AdoptPlan, adopt
from tasks.adopt.outputs import AdoptedSet
from tasks.adopt.paths import Whereabouts, parse_rewrites
from tasks.core.config import IngestConfig, PerturbConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Sample
from tasks.export.export import ExportPlan, export_samples
from tasks.export.outputs import ExportedSet
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.prompt import render_prompt
from tasks.rollout.reward import reward_answer
from tasks.video.render import render_sample
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.datasets import release_row, write_frames
from tests.helpers.samples import plan_all
from tests.helpers.videos import SHARED_VIDEOS

CONFIG = IngestConfig(num_frames=16, min_area_px=32 * 32, max_area_px=64 * 64, num_workers=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "root"))


@pytest.fixture
def plan(store: Store) -> ExportPlan:
    clips = [store_clip(store, make_clip(name, num_frames=16, step_seconds=0.3), seed=ord(name)) for name in "ab"]
    config = PerturbConfig(levels=(0.5,), train_samples_per_clip=(3, 1, 1), heldout_samples_per_clip=(3, 1, 1))
    samples = plan_all(clips, config)
    write_rows(store, "samples.parquet", Sample, samples)
    write_rows(store, "clips.parquet", Clip, clips)
    return ExportPlan(samples="samples.parquet", clips="clips.parquet", layout="verl", videos="frames")


def samples_of(store: Store, key: str) -> list[Sample]:
    return read_rows(store, key, Sample)


def import_from(store: Store, file: Path, root: Path | None = None, split: str = "train") -> AdoptedSet:
    where = Whereabouts(root=root or file.parent)
    return adopt(store, AdoptPlan(file=file, whereabouts=where, config=CONFIG, split=split))


def exported_file(exported: ExportedSet, folder: Path) -> Path:
    assert not exported.left_out
    assert Path(exported.file) == folder / json.loads((folder / "manifest.json").read_text())["file"]
    return Path(exported.file)


@pytest.mark.parametrize("layout", ["verl", "swift", "trl"])
@pytest.mark.parametrize("videos", ["mp4", "frames"])
def test_what_goes_out_comes_back(store: Store, plan: ExportPlan, tmp_path: Path, layout: str, videos: str) -> None:
    out = tmp_path / "out"
    exported = export_samples(store, Store(str(out)), replace(plan, layout=layout, videos=videos))
    adopted = import_from(store, exported_file(exported, out), split="keep")
    before = {sample.sample_id: sample for sample in samples_of(store, plan.samples)}
    after = {sample.sample_id: sample for sample in samples_of(store, adopted.samples.key)}
    clips = {clip.clip_id: clip for clip in read_rows(store, adopted.clips.key, Clip)}
    old_clips = {clip.clip_id: clip for clip in read_rows(store, plan.clips, Clip)}
    assert before.keys() == after.keys()
    # The store's JPEG once more; the colour noise of the test clips does not survive 4:2:0.
    most = {"frames": 4, "mp4": 10}[videos]
    for name, old in before.items():
        new = after[name]
        for field in ("split", "pretext", "kind", "level", "question", "answer", "answer_kind"):
            assert getattr(new, field) == getattr(old, field), field
        for one, other in zip(render_sample(store, old, old_clips), render_sample(store, new, clips), strict=True):
            assert other.timestamps_seconds == pytest.approx(one.timestamps_seconds, abs=1e-3)
            assert np.abs(one.frames.astype(int) - other.frames).mean() < most


def test_frames_go_out_bit_for_bit(store: Store, plan: ExportPlan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    exported = export_samples(store, Store(str(out)), plan)
    clips = {clip.clip_id: clip for clip in read_rows(store, plan.clips, Clip)}
    samples = {sample.sample_id: sample for sample in samples_of(store, plan.samples)}
    for row in pq.read_table(exported_file(exported, out)).to_pylist():
        shown = render_sample(store, samples[row["extra_info"]["sample_id"]], clips)
        for video, rendered in zip(row["videos"], shown, strict=True):
            written = np.stack([np.asarray(Image.open(out / path)) for path in video["video"]])
            assert np.array_equal(written, rendered.frames)


def test_names_tell_nothing_and_the_same_export_has_the_same_bytes(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        export_samples(store, Store(str(folder)), replace(plan, videos="mp4"))
    one, two = ({p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders)
    assert one == two
    assert all(path.stem.isalnum() and len(path.stem) == 16 for path in one if path.suffix == ".mp4")


def test_a_killed_export_keeps_the_videos_that_were_whole(store: Store, plan: ExportPlan, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_samples(store, Store(str(out)), replace(plan, videos="mp4"))
    kept = sorted((out / "videos").iterdir())
    kept[0].unlink()
    marked = kept[1].stat().st_mtime_ns
    export_samples(store, Store(str(out)), replace(plan, videos="mp4"))
    assert kept[0].exists()
    assert kept[1].stat().st_mtime_ns == marked


def test_imported_samples_are_prompted_and_rewarded_like_our_own(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    exported = export_samples(store, Store(str(out)), plan)
    adopted = import_from(store, exported_file(exported, out))
    clips = {clip.clip_id: clip for clip in read_rows(store, adopted.clips.key, Clip)}
    samples = samples_of(store, adopted.samples.key)
    policy = make_tiny_policy(hidden_size=32, num_layers=1, seed=0, texts=[sample.question for sample in samples])
    for sample in samples:
        prompt = render_prompt(policy.processor, sample, render_sample(store, sample, clips))
        assert prompt.text.count("<|video_pad|>") == len(sample.views)
        assert "<video>" not in sample.question
        rollout = reward_answer(sample, 0, sample.answer, truncated=False, num_tokens=1)
        assert (rollout.reward, rollout.strict_reward) == (1.0, 1.0)


def test_rows_of_the_release_become_samples(store: Store, tmp_path: Path) -> None:
    frames = [f"/data/author/{name}" for name in write_frames(tmp_path / "frames")]
    file = tmp_path / "train.parquet"
    pq.write_table(pa.Table.from_pylist([release_row(frames)]), file)
    where = Whereabouts(root=tmp_path, rewrites=parse_rewrites(["/data/author/="]))
    adopted = adopt(store, AdoptPlan(file=file, whereabouts=where, config=CONFIG))
    (sample,) = samples_of(store, adopted.samples.key)
    (clip,) = read_rows(store, adopted.clips.key, Clip)
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
    rows = [{"video": frames, "question": "What?", "answer": answer, "fps": 2} for answer in answers]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    adopted = import_from(store, file)
    assert {s.answer: s.answer_kind for s in samples_of(store, adopted.samples.key)} == answers


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
        "answer": [{"video": frames, "question": "What?", "fps": 2}, release_row(frames, truth="soon")],
        "layout": [{"image": "a.png"}, "no object"],
        "question": [{**plain, "video": frames, "question": " "}],
    }
    lines = [json.dumps(row) for rows in bad.values() for row in rows] + [
        "{broken",
        json.dumps({**plain, "video": frames}),
    ]
    file = tmp_path / "inside" / "rows.jsonl"
    file.write_text("\n".join(lines))
    adopted = import_from(store, file)
    assert adopted.samples.num_rows == 1
    rejected = read_rows(store, adopted.rejected.key, Rejection)
    assert sorted(int(row.source.rsplit(" ", 1)[1]) for row in rejected) == list(range(len(lines) - 1))
    counts = adopted.report.counts
    assert counts["rows"] == len(lines)
    assert counts["rejected"] == len(lines) - 1
    assert counts["rejected/bad videos"] == len(bad["videos"])
    assert counts["rejected/bad layout"] == len(bad["layout"]) + 1


def test_a_file_that_is_no_data_set_is_refused(store: Store, tmp_path: Path) -> None:
    for name, data in {"a.parquet": b"PAR1 broken", "b.json": b"[1, 2", "c.jsonl": b"\xff\xfe"}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="is no Parquet, JSON lines or JSON file"):
            import_from(store, tmp_path / name)
    with pytest.raises(InputError, match="no file"):
        import_from(store, tmp_path / "missing")
    (tmp_path / "d.json").write_text('[{"image": 1}]')
    with pytest.raises(InputError, match="none of the 1 rows"):
        import_from(store, tmp_path / "d.json")


def test_hugging_face_datasets_reads_the_files(store: Store, plan: ExportPlan, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for layout, loader in {"trl": "parquet", "verl": "parquet", "swift": "json"}.items():
        out = tmp_path / layout
        file = exported_file(export_samples(store, Store(str(out)), replace(plan, layout=layout)), out)
        loaded = datasets.load_dataset(loader, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
        assert len(loaded) == len(samples_of(store, plan.samples))


def test_pictures_are_taken_over_at_their_own_size(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([{"video": write_frames(tmp_path / "f"), "question": "?", "answer": "B", "fps": 2}]))
    where = Whereabouts(root=tmp_path)
    config = replace(CONFIG, max_area_px=128 * 96)
    adopted = adopt(store, AdoptPlan(file=file, whereabouts=where, config=config))
    (clip,) = read_rows(store, adopted.clips.key, Clip)
    assert (clip.width_px, clip.height_px) == (128, 96)
    assert Image.open(io.BytesIO((tmp_path / "f" / "0.jpg").read_bytes())).size == (128, 96)


def test_a_video_under_two_names_stays_on_one_side(store: Store, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_frames(tmp_path / name)
    rows = [
        {"video": [f"{name}/{i}.jpg" for i in range(8)], "question": "?", "answer": "B", "fps": 2, "split": split}
        for name, split in (("one", "train"), ("two", "heldout"), ("two", "train"))
    ]
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(rows))
    adopted = import_from(store, file, split="keep")
    (clip,) = read_rows(store, adopted.clips.key, Clip)
    assert clip.split == "train"
    assert [sample.split for sample in samples_of(store, adopted.samples.key)] == ["train", "train"]
    (rejected,) = read_rows(store, adopted.rejected.key, Rejection)
    assert (rejected.source, rejected.reason) == ("rows.json, row 1", "bad split")


def test_broken_pictures_and_times_that_do_not_fit_cost_their_row(store: Store, tmp_path: Path) -> None:
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
    adopted = import_from(store, file)
    rejected = read_rows(store, adopted.rejected.key, Rejection)
    assert [row.source for row in rejected] == ["rows.json, row 1", "rows.json, row 2"]
    assert "2 timestamps_seconds for 8 frames" in rejected[1].detail


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the shared videos")
def test_what_was_wrong_with_a_video_stays_on_its_clip(store: Store, tmp_path: Path) -> None:
    name = "webb-telescope-cleanroom.mp4"
    file = tmp_path / "rows.json"
    file.write_text(json.dumps([{"video": name, "question": "?", "answer": "B"}]))
    where = Whereabouts(root=SHARED_VIDEOS)
    adopted = adopt(store, AdoptPlan(file=file, whereabouts=where, config=CONFIG))
    (clip,) = read_rows(store, adopted.clips.key, Clip)
    assert any("2 video streams" in warning for warning in clip.warnings)
