"""Door of the calibrate stage: rollouts of the current policy over the training pool, and the samples worth keeping."""

import logging

from flytekit import task

from tasks.calibrate.outputs import MeasuredShard, Selection
from tasks.core.config import CalibrateConfig, ModelConfig, RolloutConfig
from tasks.core.types import Artifact, Run

logger = logging.getLogger(__name__)


@task
def shard_samples(samples: Artifact, run: Run, config: CalibrateConfig) -> list[Artifact]:
    """Split the training samples that fit the budget into shards for the map task."""
    from tasks.core.choose import choose_in_turn
    from tasks.core.digest import digest_of
    from tasks.core.manifest import read_rows, write_rows
    from tasks.core.store import Store
    from tasks.core.types import Sample, Split

    store = Store(run.data_root)
    pool = [sample for sample in read_rows(store, samples.key, Sample) if sample.split == Split.TRAIN]
    chosen = choose_in_turn(pool, config.max_samples, run.seed, "calibrate")
    logger.info("calibrate measures %d of %d training samples (calibrate.max_samples)", len(chosen), len(pool))
    key = digest_of("calibrate", samples.digest, config, run.seed)
    size = config.shard_size_samples
    return [
        write_rows(store, f"calibrated/{key}/shard-{start:07d}.parquet", Sample, chosen[start : start + size])
        for start in range(0, len(chosen), size)
    ]


@task
def measure_shard(
    shard: Artifact,
    clips: Artifact,
    policy: Artifact,
    run: Run,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: CalibrateConfig,
) -> MeasuredShard:
    """Measure one shard; one measured before with the same policy is not measured again."""
    from dataclasses import replace

    from tasks.calibrate.shard import measure_shard_samples
    from tasks.core.digest import digest_of
    from tasks.core.manifest import read_clips
    from tasks.core.reuse import find_output, keep_output
    from tasks.core.store import Store
    from tasks.policy.checkpoint import open_policy
    from tasks.rollout.setup import make_collector
    from tasks.tracking.run import stage

    store = Store(run.data_root)
    key = f"calibrated/{digest_of('measure', shard.digest, clips.digest, policy.digest, rollout, config, run.seed)}"
    found = find_output(store, key, MeasuredShard)
    if found is not None:
        return replace(found, seconds=0.0)
    with stage(run, "calibrate"):
        current = open_policy(store, policy, model.dtype)
        collector = make_collector(current, rollout, store, read_clips(store, clips), run.seed)
        measured = measure_shard_samples(store, key, shard, collector, rollout, config)
        collector.engine.close()
    return keep_output(store, key, measured)


@task
def select_samples(shards: list[MeasuredShard], run: Run, config: CalibrateConfig) -> Selection:
    """Keep the samples whose group has spread, and report the measured difficulty of every cell."""
    from tasks.calibrate.select import select
    from tasks.core.store import Store
    from tasks.tracking.run import stage

    with stage(run, "calibrate") as tracker:
        selection = select(Store(run.data_root), shards)
        tracker.log_metrics({f"calibrate/{name}": value for name, value in selection.report.counts.items()})
        tracker.log_dataset("selected samples", selection.samples, "train")
    return selection
