"""Measuring one shard of samples with rollouts of the current policy."""

import time
from collections.abc import Sequence

from tqdm import tqdm

from tasks.calibrate.measure import measure
from tasks.calibrate.outputs import MeasuredShard, Pool
from tasks.calibrate.spend import spend
from tasks.core.config import CalibrateConfig, RolloutConfig
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import CellEvidence, DifficultyPlan, Measurement
from tasks.core.store import Store
from tasks.core.types import Rollout, Sample
from tasks.rollout.collect import Collector


def measure_pool(
    store: Store,
    key: str,
    pool: Pool,
    plan: DifficultyPlan,
    collector: Collector,
    rollout: RolloutConfig,
    config: CalibrateConfig,
) -> MeasuredShard:
    """Spend the pool's share of the rollouts; measurements and rollouts are written below `key`."""
    started = time.perf_counter()
    samples = read_rows(store, pool.samples, Sample)
    history = read_rows(store, plan.evidence, CellEvidence) if plan.round else []
    measurements: list[Measurement] = []
    rollouts: list[Rollout] = []
    num_failed = 0
    sampling = collector.sampling(num_completions=config.rollouts_per_sample, temperature=rollout.temperature)

    def roll_out(batch: Sequence[Sample]) -> list[Measurement]:
        nonlocal num_failed
        collected = sampling.collect(batch, "calibrate", plan.round)
        rollouts.extend(rollout for group in collected.groups for rollout in group.rollouts)
        num_failed += len(collected.failures)
        progress.update(len(batch))
        return [measure(g.sample.sample_id, g.rewards, config.min_spread) for g in collected.groups]

    spending = spend(
        samples,
        history,
        roll_out,
        config,
        num_groups=pool.num_groups,
        batch_size=rollout.prompts_per_batch,
        now=plan.round + 1,
        seed=collector.seed,
    )
    with tqdm(total=min(pool.num_groups, len(samples)), desc="calibrate", unit="sample") as progress:
        for measured in spending:
            measurements += measured
    return MeasuredShard(
        samples=pool.samples,
        measurements=write_rows(store, f"{key}/measurements.parquet", Measurement, measurements),
        rollouts=write_rows(store, f"{key}/rollouts.parquet", Rollout, rollouts),
        num_failed=num_failed,
        seconds=time.perf_counter() - started,
    )
