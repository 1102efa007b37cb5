"""Samples out to other projects' layouts and back in."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tasks.core.config import PerturbConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.records import ExportedSet
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split
from tasks.exchange.export_manifest import ExportPlan, read_manifests
from tasks.exchange.export_samples import export_samples
from tasks.policy.tiny import make_tiny_policy
from tasks.rollout.prompt import render_prompt
from tasks.rollout.reward import reward_answer
from tasks.video.render import render_sample
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.datasets import import_from, samples_of
from tests.helpers.samples import plan_all


@pytest.fixture
def plan(store: Store) -> ExportPlan:
    clips = [
        store_clip(store, make_clip(name, num_frames=16, step_seconds=0.3), seed=ord(name))
        for name in "ab"
    ]
    config = PerturbConfig(
        levels=(0.5,), train_samples_per_clip=(3, 1, 1), heldout_samples_per_clip=(3, 1, 1)
    )
    samples = plan_all(clips, config)
    write_rows(store, "samples.parquet", Sample, samples)
    write_rows(store, "clips.parquet", Clip, clips)
    return ExportPlan(
        samples="samples.parquet", clips="clips.parquet", layout="verl", videos="frames"
    )


def exported_file(exported: ExportedSet, folder: Path) -> Path:
    assert not exported.left_out
    assert (
        Path(exported.file)
        == folder / json.loads((folder / "train.manifest.json").read_text())["file"]
    )
    return Path(exported.file)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["verl", "swift", "trl"])
@pytest.mark.parametrize("videos", ["mp4", "frames"])
def test_what_goes_out_comes_back(
    store: Store, plan: ExportPlan, tmp_path: Path, layout: str, videos: str
) -> None:
    out = tmp_path / "out"
    exported = export_samples(store, Store(str(out)), replace(plan, layout=layout, videos=videos))
    imported = import_from(store, exported_file(exported, out), split="keep")
    before = {sample.sample_id: sample for sample in samples_of(store, plan.samples)}
    after = {sample.sample_id: sample for sample in samples_of(store, imported.samples.key)}
    clips = {clip.clip_id: clip for clip in read_rows(store, imported.clips.key, Clip)}
    old_clips = {clip.clip_id: clip for clip in read_rows(store, plan.clips, Clip)}
    assert before.keys() == after.keys()
    # The store's JPEG once more; the colour noise of the test clips does not survive 4:2:0.
    most = {"frames": 4, "mp4": 10}[videos]
    for name, old in before.items():
        new = after[name]
        for field in ("split", "pretext", "kind", "level", "question", "answer", "answer_kind"):
            assert getattr(new, field) == getattr(old, field), field
        for one, other in zip(
            render_sample(store, old, old_clips), render_sample(store, new, clips), strict=True
        ):
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


@pytest.mark.slow
def test_names_tell_nothing_and_the_same_export_has_the_same_bytes(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        export_samples(store, Store(str(folder)), replace(plan, videos="mp4"))
    one, two = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders
    )
    assert one == two
    assert all(
        path.stem.isalnum() and len(path.stem) == 16 for path in one if path.suffix == ".mp4"
    )


@pytest.mark.slow
def test_a_killed_export_keeps_the_videos_that_were_whole(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_samples(store, Store(str(out)), replace(plan, videos="mp4"))
    kept = sorted((out / "videos").iterdir())
    kept[0].unlink()
    marked = kept[1].stat().st_mtime_ns
    export_samples(store, Store(str(out)), replace(plan, videos="mp4"))
    assert kept[0].exists()
    assert kept[1].stat().st_mtime_ns == marked


@pytest.mark.slow
def test_imported_samples_are_prompted_and_rewarded_like_our_own(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    exported = export_samples(store, Store(str(out)), plan)
    imported = import_from(store, exported_file(exported, out))
    clips = {clip.clip_id: clip for clip in read_rows(store, imported.clips.key, Clip)}
    samples = samples_of(store, imported.samples.key)
    policy = make_tiny_policy(
        hidden_size=32, num_layers=1, seed=0, texts=[sample.question for sample in samples]
    )
    for sample in samples:
        prompt = render_prompt(policy.processor, sample, render_sample(store, sample, clips))
        assert prompt.text.count("<|video_pad|>") == len(sample.views)
        assert "<video>" not in sample.question
        rollout = reward_answer(sample, 0, sample.answer, truncated=False, num_tokens=1)
        assert (rollout.reward, rollout.strict_reward) == (1.0, 1.0)


@pytest.mark.slow
def test_hugging_face_datasets_reads_the_files(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    for layout, loader in {"trl": "parquet", "verl": "parquet", "swift": "json"}.items():
        out = tmp_path / layout
        file = exported_file(
            export_samples(store, Store(str(out)), replace(plan, layout=layout)), out
        )
        loaded = datasets.load_dataset(
            loader, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache")
        )
        assert len(loaded) == len(samples_of(store, plan.samples))


def test_splits_in_one_folder_share_a_readme_and_keep_their_manifests(
    store: Store, plan: ExportPlan, tmp_path: Path
) -> None:
    out = Store(str(tmp_path / "out"))
    samples = samples_of(store, plan.samples)
    halves = [
        replace(s, split=Split.HELDOUT if i % 2 else Split.TRAIN) for i, s in enumerate(samples)
    ]
    write_rows(store, plan.samples, Sample, halves)
    for split in ("heldout", "train"):
        export_samples(store, out, replace(plan, split=split))
    manifests = {m.plan.split: m for m in read_manifests(out)}
    assert {split: m.num_rows for split, m in manifests.items()} == {"train": 5, "heldout": 5}
    readme = (tmp_path / "out" / "README.md").read_text()
    for split in manifests:
        assert f"- split: {split}\n    path: {split}.parquet\n" in readme
        assert f"| {split} | grounding |" in readme
    with pytest.raises(
        InputError, match=r"heldout\.manifest\.json' is of layout verl with frames, not trl"
    ):
        export_samples(store, out, replace(plan, layout="trl"))
