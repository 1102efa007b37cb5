"""Doors of calibrate: rollouts where they teach most, the plan, and the samples worth training
on."""

import logging

from tasks.core.measurement import DifficultyPlan, Selection
from tasks.core.records import DataSet, Job, MeasuredShard, Pool
from tasks.core.types import Artifact
from tasks.deployment.stage_task import stage_task

logger = logging.getLogger(__name__)


@stage_task("light")
def shard_samples(data: DataSet, job: Job) -> list[Pool]:
    """Split the training samples into pools for the map task; each gets its share of the
    rollouts."""
    from tasks.calibrate.pools import make_pools
    from tasks.core.store import Store

    pools = make_pools(Store(job.run.data_root), data.samples, job.config.calibrate)
    logger.info(
        "calibrate measures up to %d of %d training samples (calibrate.max_rollouts)",
        sum(min(pool.num_groups, pool.samples.num_rows) for pool in pools),
        sum(pool.samples.num_rows for pool in pools),
    )
    return pools


@stage_task("gpu")
def measure_shard(
    pool: Pool,
    data: DataSet,
    policy: Artifact,
    plan: DifficultyPlan,
    job: Job,
) -> MeasuredShard:
    """Measure one pool; one measured before with the same policy is not measured again."""
    from dataclasses import replace

    from tasks.calibrate.shard import measure_pool
    from tasks.core.manifest import read_clips
    from tasks.core.reuse import once, work_key
    from tasks.core.store import Store
    from tasks.rollout.open_answerer import open_policy_answerer
    from tasks.rollout.videos import ClipVideos
    from tasks.tracking.run import stage

    run, rollout, config = job.run, job.config.rollout, job.config.calibrate
    store = Store(run.data_root)
    inputs = (
        pool,
        data.clips.digest,
        policy.digest,
        plan,
        job.config.model.dtype,
        rollout,
        config,
        run.seed,
    )
    key = work_key("calibrated", "calibrate", "measure", *inputs)

    def measure() -> MeasuredShard:
        videos = ClipVideos(store, read_clips(store, data.clips))
        with open_policy_answerer(store, policy, job.config.model, rollout, run.seed) as answerer:
            return measure_pool(store, key, pool, plan, answerer, videos, rollout, config, run.seed)

    with stage(run, "calibrate"):
        measured = once(store, key, MeasuredShard, measure)
    # Seconds, and the tokens of them, are what this run spent.
    found = measured.output
    return replace(found, seconds=0.0, num_tokens=0) if measured.reused else found


@stage_task("cpu")
def select_samples(shards: list[MeasuredShard], plan: DifficultyPlan, job: Job) -> Selection:
    """Plan by what was measured, and draw the samples to train on; `plan` is the one that the round
    started from."""
    from tasks.calibrate.plan import plan_metrics
    from tasks.calibrate.select import select
    from tasks.core.manifest import read_rows
    from tasks.core.measurement import PlannedCell
    from tasks.core.store import Store
    from tasks.tracking.run import stage

    store = Store(job.run.data_root)
    with stage(job.run, "calibrate") as tracker:
        selection = select(store, shards, plan, job.config.calibrate, job.run.seed)
        cells = read_rows(store, selection.plan.cells, PlannedCell)
        counts = {f"calibrate/{name}": value for name, value in selection.report.counts.items()}
        tracker.log_step(
            counts | plan_metrics(cells), selection.plan.round, series=selection.plan.cells.key
        )
        tracker.log_dataset("selected samples", selection.samples, "train")
        tracker.log_dataset("difficulty plan", selection.plan.cells, "plan")
    return selection


@stage_task("light")
def publish_plan(start: DifficultyPlan, selection: Selection, data: DataSet, job: Job) -> None:
    """Make the plan of the last round the one that the next run starts from; `start` is where this
    run started."""
    from tasks.core import plan_pointer
    from tasks.core.store import Store

    inputs = plan_pointer.run_inputs(data.clips, job.config)
    plan_pointer.publish_plan(Store(job.run.data_root), inputs, start, selection.plan)
