"""Measuring one shard of samples with rollouts of the current policy."""

import time
from collections.abc import Sequence

from tqdm import tqdm

from tasks.calibrate.measure import measure
from tasks.calibrate.spend import spend
from tasks.core.config import CalibrateConfig, RolloutConfig
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import CellEvidence, DifficultyPlan, Measurement
from tasks.core.records import MeasuredShard, Pool
from tasks.core.store import Store
from tasks.core.types import Sample
from tasks.rollout.answerer import Answerer, Sampling
from tasks.rollout.ask import ReplyCache
from tasks.rollout.reward import rollouts_of
from tasks.rollout.videos import VideoSource


def measure_pool(
    store: Store,
    key: str,
    pool: Pool,
    plan: DifficultyPlan,
    answerer: Answerer,
    videos: VideoSource,
    rollout: RolloutConfig,
    config: CalibrateConfig,
    seed: int,
) -> MeasuredShard:
    """Spend the pool's share of the rollouts; measurements are written below `key`.

    What earlier batches said decides about the next one, and nothing else does: a shard that was
    killed makes the same batches again and finds the replies to those that were answered.
    """
    started = time.perf_counter()
    samples = read_rows(store, pool.samples, Sample)
    history = read_rows(store, plan.evidence, CellEvidence) if plan.round else []
    purpose = ("rollout", "calibrate", plan.round)
    sampling = Sampling(
        config.rollouts_per_sample, rollout.temperature, rollout.max_answer_tokens, purpose
    )
    cache = ReplyCache(store, answerer, videos, sampling, "calibrate", part=pool.samples.digest)
    measurements: list[Measurement] = []
    num_failed = 0

    def roll_out(batch: Sequence[Sample]) -> list[Measurement]:
        nonlocal num_failed
        replies = cache.ask(batch)
        groups = [
            rollouts_of(*pair) for pair in zip(batch, replies, strict=True) if not pair[1].failure
        ]
        num_failed += len(batch) - len(groups)
        progress.update(len(batch))
        return [
            measure(group[0].sample_id, [one.reward for one in group], config.min_spread)
            for group in groups
        ]

    # A generator: nothing is rolled out before the progress bar is there.
    spending = spend(
        samples,
        history,
        roll_out,
        config,
        num_groups=pool.num_groups,
        batch_size=rollout.prompts_per_batch,
        now=plan.round + 1,
        seed=seed,
    )
    with tqdm(
        total=min(pool.num_groups, len(samples)), desc="calibrate", unit="sample"
    ) as progress:
        for measured in spending:
            measurements += measured
    return MeasuredShard(
        samples=pool.samples,
        measurements=write_rows(store, f"{key}/measurements.parquet", Measurement, measurements),
        num_failed=num_failed,
        seconds=time.perf_counter() - started,
        num_tokens=cache.num_tokens,
    )
