"""A million samples through planning, merging, validation and selection: seconds, and the memory
that each stage needs.

Every stage runs in a process of its own, as on a cluster. The clips are made up and share the
frames of one stored clip, so that drawn rows can be rendered. What the pools of
calibration measure is made up too: rollouts need a model, the choice of what to measure and to
train on does not.
"""

import os
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tasks.calibrate.measure import measure
from tasks.calibrate.pools import make_pools
from tasks.calibrate.select import select
from tasks.calibrate.spend import spend
from tasks.core.config import CalibrateConfig, PerturbConfig, ValidateConfig
from tasks.core.manifest import Rows, iterate_rows, read_rows, write_rows
from tasks.core.measurement import NO_PLAN, Measurement, Selection
from tasks.core.records import MeasuredShard, PlannedShard, Pool
from tasks.core.seeding import generator
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Rejection, Sample, Split
from tasks.perturb.donors import ring_donors
from tasks.perturb.plan import num_donors
from tasks.perturb.shard import merge_shards, plan_clips
from tasks.validate.check import find_or_check
from tests.helpers.clips import make_clip, store_clip

NUM_SAMPLES = int(os.environ.get("NUM", "1000000"))
CONFIG = PerturbConfig(shard_size_clips=1000)
CALIBRATE = CalibrateConfig()


def test_a_million_rows(tmp_path: Path) -> None:
    root = str(tmp_path)
    clips = _in_its_own_process("make clips", _make_clips, root)
    starts = range(0, clips.num_rows, CONFIG.shard_size_clips)
    shards, seconds, peak = [], 0.0, 0.0
    for start in starts:
        shard, took, memory = _measured(_plan, root, clips, start)
        shards.append(shard)
        seconds, peak = seconds + took, max(peak, memory)
    print(
        f"| plan, {len(starts)} shards of {CONFIG.shard_size_clips} clips | {seconds:.0f} | "
        f"{peak:.0f} |",
        flush=True,
    )
    samples = _in_its_own_process("merge and VIUBench", _merge, root, clips, shards)
    _in_its_own_process("validate", _validate, root, clips, samples)
    pools = _in_its_own_process("pools", _pools, root, samples)
    measured = _in_its_own_process("choose what to measure, a pool", _spend, root, pools[0])
    others = [_measured(_spend, root, pool)[0] for pool in pools[1:]]
    selection = _in_its_own_process(
        f"select, {len(pools)} pools", _select, root, [measured, *others]
    )
    size = len(Store(root).read_bytes(samples.key)) / 1e6
    print(
        f"\n{selection.samples.num_rows} of {samples.num_rows} samples selected, manifest "
        f"{size:.0f} MB"
    )


def _make_clips(root: str) -> Artifact:
    store = Store(root)
    original = store_clip(store, make_clip("original", side_px=64))
    rows = []
    for number in range(NUM_SAMPLES // sum(CONFIG.train_samples_per_clip)):
        digest = sha256(str(number).encode()).hexdigest()
        split = Split.HELDOUT if number % 10 == 0 else Split.TRAIN
        rows.append(
            replace(
                original, clip_id=digest[:16], sha256=digest, source=f"{number}.mp4", split=split
            )
        )
    return write_rows(store, "clips.parquet", Clip, rows)


def _plan(root: str, clips: Artifact, start: int) -> PlannedShard:
    store = Store(root)
    shard = read_rows(store, clips.key, Clip, start, start + CONFIG.shard_size_clips)
    donors = ring_donors(shard, iterate_rows(store, clips.key, Clip), num_donors(CONFIG))
    samples, counts = plan_clips(store, shard, CONFIG, 0, donors)
    artifact = write_rows(store, f"shard-{start:09}.parquet", Sample, samples)
    return PlannedShard(artifact, {name: float(number) for name, number in counts.items()}, 0.0)


def _merge(root: str, clips: Artifact, shards: list[PlannedShard]) -> Artifact:
    store = Store(root)
    return merge_shards(store, "samples.parquet", shards, Rows(store, clips, Clip), CONFIG, 0)[0]


def _validate(root: str, clips: Artifact, samples: Artifact) -> Artifact:
    store = Store(root)
    rejected = write_rows(store, "rejected.parquet", Rejection, [])
    findings, _ = find_or_check(
        store, "findings.json", clips, rejected, samples, ValidateConfig(), 0
    )
    assert not any(finding.stops_the_run for finding in findings), [
        f for f in findings if f.stops_the_run
    ]
    return samples


def _pools(root: str, samples: Artifact) -> list[Pool]:
    return make_pools(Store(root), samples, CALIBRATE)


def _spend(root: str, pool: Pool) -> MeasuredShard:
    """As `measure_pool`, with answers that are the better the easier the sample is."""
    store = Store(root)
    rows = read_rows(store, pool.samples.key, Sample)
    chance = generator(0, "bench", pool.samples.key)

    def made_up(batch: Sequence[Sample]) -> list[Measurement]:
        rewards = [
            chance.binomial(1, 1.0 - s.cell[2], CALIBRATE.rollouts_per_sample).tolist()
            for s in batch
        ]
        return [measure(s.sample_id, found, 0.0) for s, found in zip(batch, rewards, strict=True)]

    spending = spend(
        rows, [], made_up, CALIBRATE, num_groups=pool.num_groups, batch_size=64, now=1, seed=0
    )
    measurements = write_rows(
        store, f"{pool.samples.key}-measured", Measurement, [m for found in spending for m in found]
    )
    return MeasuredShard(pool.samples, measurements, 0, 0.0)


def _select(root: str, shards: list[MeasuredShard]) -> Selection:
    return select(Store(root), shards, NO_PLAN, CALIBRATE, 0)


def _in_its_own_process(title: str, stage: Callable[..., Any], *args: object) -> Any:
    result, seconds, peak = _measured(stage, *args)
    print(f"| {title} | {seconds:.0f} | {peak:.0f} |", flush=True)
    return result


def _measured(stage: Callable[..., object], *args: object):  # type: ignore[no-untyped-def]
    """(its result, seconds, peak memory in MiB)."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_run, stage, args).result()


def _run(stage: Callable[..., object], args: tuple[object, ...]) -> tuple[object, float, float]:
    began = time.perf_counter()
    result = stage(*args)
    return (
        result,
        time.perf_counter() - began,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )
