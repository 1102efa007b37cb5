"""The sample filter: groups without spread teach GRPO nothing, so their samples are left out, and counted."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from tasks.calibrate.measure import measure_cells
from tasks.calibrate.outputs import MeasuredShard, Selection
from tasks.core.digest import digest_of
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import Measurement
from tasks.core.store import Store
from tasks.core.types import Cell, Sample, StageReport


def select(store: Store, shards: Sequence[MeasuredShard]) -> Selection:
    """Merge what the shards measured and keep the samples with spread.

    Raises:
        InputError: no sample has spread.
    """
    samples = [sample for shard in shards for sample in read_rows(store, shard.samples.key, Sample)]
    measurements = [m for shard in shards for m in read_rows(store, shard.measurements.key, Measurement)]
    kept_ids = {m.sample_id for m in measurements if m.kept}
    kept = [sample for sample in samples if sample.sample_id in kept_ids]
    reasons = Counter(m.reason for m in measurements)
    if not kept:
        raise InputError(
            f"none of {len(measurements)} measured samples has rollouts that differ in reward ({dict(reasons)}): "
            "GRPO cannot learn from them; change perturb.levels, or raise warm_start.num_steps if the answers "
            "miss the format"
        )
    key = f"calibrated/{digest_of('select', *(shard.measurements.digest for shard in shards))}"
    return Selection(
        samples=write_rows(store, f"{key}/samples.parquet", Sample, kept),
        cells=write_rows(store, f"{key}/cells.parquet", Cell, measure_cells(samples, measurements)),
        measurements=write_rows(store, f"{key}/measurements.parquet", Measurement, measurements),
        report=_report(shards, samples, measurements, reasons),
    )


def _report(
    shards: Sequence[MeasuredShard],
    samples: Sequence[Sample],
    measurements: Sequence[Measurement],
    reasons: Counter[str],
) -> StageReport:
    num_rollouts = sum(m.num_rollouts for m in measurements)
    return StageReport(
        stage="calibrate",
        seconds=sum(shard.seconds for shard in shards),
        counts={
            "samples": float(len(samples)),
            "rollouts": float(num_rollouts),
            "failed": float(sum(shard.num_failed for shard in shards)),
            "kept": float(reasons["spread"]),
            "dropped_all_right": float(reasons["all right"]),
            "dropped_all_wrong": float(reasons["all wrong"]),
            "dropped_all_equal": float(reasons["all equal"]),
            "share_with_spread": fmean(m.kept for m in measurements),
            "mean_reward": fmean(m.mean_reward for m in measurements),
        },
    )
