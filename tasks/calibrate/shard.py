"""Measuring one shard of samples with rollouts of the current policy."""

import time

from tqdm import tqdm

from tasks.calibrate.measure import measure
from tasks.calibrate.outputs import MeasuredShard
from tasks.core.config import CalibrateConfig, RolloutConfig
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import Measurement
from tasks.core.store import Store
from tasks.core.types import Artifact, Rollout, Sample
from tasks.rollout.collect import Collector


def measure_shard_samples(
    store: Store, key: str, shard: Artifact, collector: Collector, rollout: RolloutConfig, config: CalibrateConfig
) -> MeasuredShard:
    """Roll out every sample of `shard`; measurements and rollouts are written below `key`."""
    started = time.perf_counter()
    samples = read_rows(store, shard.key, Sample)
    measurements: list[Measurement] = []
    rollouts: list[Rollout] = []
    num_failed = 0
    measuring = collector.sampling(num_completions=config.rollouts_per_sample, temperature=rollout.temperature)
    with tqdm(total=len(samples), desc="calibrate", unit="sample") as progress:
        for collected in measuring.collect_batches(samples, rollout.prompts_per_batch, "calibrate"):
            measurements += [measure(g.sample.sample_id, g.rewards, config.min_spread) for g in collected.groups]
            rollouts += [rollout for group in collected.groups for rollout in group.rollouts]
            num_failed += len(collected.failures)
            progress.update(len(collected.groups) + len(collected.failures))
    return MeasuredShard(
        samples=shard,
        measurements=write_rows(store, f"{key}/measurements.parquet", Measurement, measurements),
        rollouts=write_rows(store, f"{key}/rollouts.parquet", Rollout, rollouts),
        num_failed=num_failed,
        seconds=time.perf_counter() - started,
    )
