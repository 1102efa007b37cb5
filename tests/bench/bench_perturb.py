"""How long does it take to render a sample from the frame store, and to plan 30,000? One thread,
medians."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

from tasks.core.config import IngestConfig, PerturbConfig
from tasks.core.manifest import write_rows
from tasks.core.records import PlannedShard
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split
from tasks.perturb.donors import Donor, ring_donors
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.plan import num_donors
from tasks.perturb.pretext import PRETEXTS
from tasks.perturb.shard import merge_shards, plan_clips
from tasks.video.frame_store import load_frames, pack_clip
from tasks.video.render import render_sample
from tests.helpers.clips import make_clip, make_frames

NUM_REPEATS = 9
NUM_CLIPS = 1000
"""With 30 samples each."""


def test_rendering(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clip, donor = _store_clip(store, "a"), _store_clip(store, "b")
    clips = {clip.clip_id: clip, donor.clip_id: donor}
    config = PerturbConfig(grounding_kinds=GROUNDING_KINDS, jigsaw_kinds=JIGSAW_KINDS)
    print(
        "\n| pretext task | kind | level | ms for a sample | of which reading frames "
        "|\n|---|---|---|---|---|"
    )
    for (name, task), level in itertools.product(PRETEXTS.items(), (0.0, 0.5, 1.0)):
        for kind in task.kinds(config):
            sample = task.plan(clip, kind, level, np.random.default_rng(0), [Donor.of(donor)])
            reading, total = _median_ms(
                lambda: load_frames(store, clip),
                lambda sample=sample: render_sample(store, sample, clips),  # type: ignore[misc]
            )
            print(
                f"| {name} | {kind} | {level:g} | {total:.1f} | {min(1.0, reading / total):.0%} |",
                flush=True,
            )


def _store_clip(store: Store, name: str) -> Clip:
    """Textured frames, as ingest would keep them."""
    clip = make_clip(name, side_px=256)
    frames = make_frames(len(clip.timestamps_seconds), height_px=256, width_px=256)
    store.write_bytes(clip.frames_key, pack_clip(frames, IngestConfig()).data)
    return clip


def test_planning(tmp_path: Path) -> None:
    print(
        "\n| configuration | samples | plan and keep by clip, s | merge and write, s | again, all "
        "reused, s |"
    )
    print("|---|---|---|---|---|")
    clips = [make_clip(f"{number:08}", side_px=256) for number in range(NUM_CLIPS)]
    clips = [_renamed(clip, number) for number, clip in enumerate(clips)]
    every_kind = PerturbConfig(grounding_kinds=GROUNDING_KINDS, viubench_items_per_type=1)
    for title, config in (
        ("default", PerturbConfig(viubench_items_per_type=1)),
        ("every kind", every_kind),
    ):
        store, donors = Store(str(tmp_path / title)), ring_donors(clips, clips, num_donors(config))
        began = time.perf_counter()
        samples, counts = plan_clips(store, clips, config, 0, donors)
        planned = time.perf_counter()
        shard = PlannedShard(write_rows(store, "shard.parquet", Sample, samples), dict(counts), 0.0)
        merge_shards(store, "samples.parquet", [shard], [*clips, _heldout(clips[0])], config, 0)
        merged = time.perf_counter()
        plan_clips(store, clips, config, 0, donors)
        again = time.perf_counter()
        seconds = f"{planned - began:.1f} | {merged - planned:.1f} | {again - merged:.1f}"
        print(f"| {title} | {len(samples)} | {seconds} |", flush=True)


def _renamed(clip: Clip, number: int) -> Clip:
    return replace(clip, clip_id=f"{number:016x}")


def _heldout(clip: Clip) -> Clip:
    return replace(clip, clip_id="f" * 16, split=Split.HELDOUT)


def _median_ms(*acts: Callable[[], object]) -> list[float]:
    """Of each act, taking turns."""
    seconds: list[list[float]] = [[] for _ in acts]
    for _ in range(NUM_REPEATS):
        for number, act in enumerate(acts):
            began = time.perf_counter()
            act()
            seconds[number].append(time.perf_counter() - began)
    return [1000 * median(times) for times in seconds]
