"""The doors of perturb: clip manifest in, sample manifest out. Edits are data; no pixel is touched
here."""

import logging
import time

from tasks.core.measurement import DifficultyPlan
from tasks.core.records import DataSet, Job, PlannedShard
from tasks.core.types import StageReport
from tasks.deployment.stage_task import stage_task

logger = logging.getLogger(__name__)


@stage_task("light")
def start_plan(data: DataSet, job: Job) -> DifficultyPlan:
    """The difficulty plan that this run starts from: the newest of the data root that other inputs
    have made.

    It is the first that knows how many clips are held out and how many a promotion needs, so it
    says what is missing.
    """
    from collections import Counter

    from tasks.core.heldout import promotion_advice
    from tasks.core.manifest import iterate_rows
    from tasks.core.plan_pointer import plan_to_start_from, run_inputs
    from tasks.core.store import Store
    from tasks.core.types import Clip, Split
    from tasks.tracking.run import stage

    store = Store(job.run.data_root)
    plan = plan_to_start_from(store, run_inputs(data.clips, job.config))
    sides = Counter(clip.split for clip in iterate_rows(store, data.clips.key, Clip))
    advice = promotion_advice(sides[Split.HELDOUT], sides[Split.TRAIN], job.config)
    with stage(job.run, "perturb") as tracker:
        start = {
            "difficulty_plan": plan.cells.key or "none",
            "difficulty_plan_round": str(plan.round),
        }
        tracker.set_tags({f"videossr.{name}": value for name, value in start.items()})
        tracker.set_tags({"videossr.too_few_videos": advice})
    if advice:
        logger.warning("nothing will be promoted: %s", advice)
    return plan


@stage_task("light")
def shard_clips(data: DataSet, job: Job) -> list[int]:
    """Row number where each shard of clips starts."""
    from tasks.perturb.plan import check_config

    check_config(job.config.perturb)
    return list(range(0, data.clips.num_rows, job.config.perturb.shard_size_clips))


@stage_task("cpu")
def perturb_shard(start: int, data: DataSet, plan: DifficultyPlan, job: Job) -> PlannedShard:
    """Plan the samples of one shard of clips, as often from each cell as the difficulty plan
    says."""
    from tasks.core.manifest import iterate_rows, read_rows, write_rows
    from tasks.core.measurement import PlannedCell
    from tasks.core.reuse import work_key
    from tasks.core.store import Store
    from tasks.core.types import Clip, Sample
    from tasks.perturb.donors import ring_donors
    from tasks.perturb.plan import num_donors
    from tasks.perturb.shard import plan_clips
    from tasks.tracking.run import stage

    began = time.monotonic()
    store, config, seed = Store(job.run.data_root), job.config.perturb, job.run.seed
    inputs = (data.clips.digest, plan.cells.digest, config, seed)
    key = f"{work_key('perturbed', 'perturb', *inputs)}/shard-{start:09}.parquet"
    with stage(job.run, "perturb"):
        shard = read_rows(store, data.clips, Clip, start, start + config.shard_size_clips)
        donors = ring_donors(shard, iterate_rows(store, data.clips, Clip), num_donors(config))
        cells = read_rows(store, plan.cells, PlannedCell) if plan.round else []
        odds = {cell.cell: cell.probability for cell in cells if cell.probability > 0}
        samples, counts = plan_clips(store, shard, config, seed, donors, odds)
        artifact = write_rows(store, key, Sample, samples)
    return PlannedShard(
        artifact, {name: float(number) for name, number in counts.items()}, time.monotonic() - began
    )


@stage_task("cpu")
def merge_samples(
    shards: list[PlannedShard], data: DataSet, plan: DifficultyPlan, job: Job
) -> DataSet:
    """Join the shards and add VIUBench."""
    from tasks.core.manifest import Rows
    from tasks.core.reuse import work_key
    from tasks.core.store import Store
    from tasks.core.types import Clip
    from tasks.perturb.shard import merge_shards
    from tasks.tracking.run import stage

    began = time.monotonic()
    store, config, seed = Store(job.run.data_root), job.config.perturb, job.run.seed
    inputs = (data.clips.digest, plan.cells.digest, config, seed)
    key = f"{work_key('perturbed', 'perturb', *inputs)}/samples.parquet"
    with stage(job.run, "perturb") as tracker:
        samples, counts = merge_shards(
            store, key, shards, Rows(store, data.clips, Clip), config, seed
        )
        tracker.log_metrics({f"perturb/{name}": value for name, value in counts.items()})
        tracker.log_dataset("samples", samples, "perturb")
    seconds = time.monotonic() - began + sum(shard.seconds for shard in shards)
    return data.with_samples(samples, StageReport(stage="perturb", seconds=seconds, counts=counts))


@stage_task("cpu")
def plan_benchmark_items(data: DataSet, job: Job) -> DataSet:
    """VIUBench on all clips: a folder that is held out as a whole."""
    from dataclasses import replace

    from tasks.core.store import Store
    from tasks.perturb.benchmark import plan_benchmark
    from tasks.tracking.run import stage

    began = time.monotonic()
    store, items_per_type = Store(job.run.data_root), job.config.perturb.viubench_items_per_type
    with stage(job.run, "perturb") as tracker:
        heldout, samples, counts = plan_benchmark(
            store, data.clips, data.rejected, items_per_type, job.run.seed
        )
        tracker.log_metrics({f"perturb/{name}": value for name, value in counts.items()})
    report = StageReport("perturb", time.monotonic() - began, counts)
    return replace(data, clips=heldout).with_samples(samples, report)
