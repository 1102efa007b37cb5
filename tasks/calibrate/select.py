"""From what the shards measured to the plan, and by it to the samples that are trained on."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from tasks.calibrate.belief import still_tell
from tasks.calibrate.measure import evidence_of
from tasks.calibrate.plan import allot, make_plan
from tasks.core.config import CalibrateConfig
from tasks.core.errors import InputError
from tasks.core.manifest import iterate_rows, read_rows, write_rows
from tasks.core.measurement import (
    CellEvidence,
    CellKey,
    DifficultyPlan,
    Measurement,
    PlannedCell,
    Selection,
)
from tasks.core.records import MeasuredShard
from tasks.core.reuse import work_key
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.core.types import Sample, StageReport


def select(
    store: Store,
    shards: Sequence[MeasuredShard],
    start: DifficultyPlan,
    config: CalibrateConfig,
    seed: int,
) -> Selection:
    """Learn from what the shards measured, plan, and draw the samples to train on. Pools pass
    through row by row.

    Raises:
        InputError: no measured sample has spread.
    """
    measured = {
        m.sample_id: m
        for shard in shards
        for m in read_rows(store, shard.measurements, Measurement)
    }
    cell_of, pool, available = _look_at(store, shards, measured)
    evidence = evidence_of(measured.values(), cell_of, start.round + 1)
    reasons = Counter(m.reason for m in measured.values())
    if not reasons["spread"]:
        raise InputError(
            f"none of {len(measured)} measured samples has rollouts that differ in reward "
            f"({dict(reasons)}): GRPO cannot learn from them; change perturb.levels, or raise "
            "warm_start.num_steps if the answers miss the format"
        )
    history = _history(store, start, evidence, config)
    plan = make_plan(history, pool, config, now=start.round + 1)
    takes_all = config.select_by == "all"
    wanted = pool if takes_all else allot(plan, available, config.num_samples)
    measured_by = [(s.measurements.digest, s.samples.digest) for s in shards]
    key = work_key("calibrated", "calibrate", "select", start, config, seed, measured_by)
    chosen = _SampleChoice(wanted, measured, config, seed)
    samples = write_rows(store, f"{key}/samples.parquet", Sample, chosen.of(store, shards))
    return Selection(
        samples=samples,
        cells=write_rows(store, f"{key}/cells.parquet", CellEvidence, evidence),
        measurements=write_rows(
            store, f"{key}/measurements.parquet", Measurement, measured.values()
        ),
        plan=DifficultyPlan(
            round=start.round + 1,
            cells=write_rows(store, f"{key}/plan.parquet", PlannedCell, plan),
            evidence=write_rows(store, f"{key}/evidence.parquet", CellEvidence, history),
        ),
        report=_report(
            shards, list(measured.values()), plan, sum(available.values()), samples.num_rows, config
        ),
    )


def _look_at(
    store: Store, shards: Sequence[MeasuredShard], measured: Mapping[str, Measurement]
) -> tuple[dict[str, CellKey], Counter[CellKey], Counter[CellKey]]:
    """The cells of the measured samples; how many samples each cell has, and how many could be
    trained on."""
    cell_of: dict[str, CellKey] = {}
    pool: Counter[CellKey] = Counter()
    available: Counter[CellKey] = Counter()
    for shard in shards:
        for sample in iterate_rows(store, shard.samples, Sample):
            found = measured.get(sample.sample_id)
            if found is not None:
                cell_of[sample.sample_id] = sample.cell
            pool[sample.cell] += 1
            available[sample.cell] += found is None or found.kept
    return cell_of, pool, available


def _history(
    store: Store, start: DifficultyPlan, evidence: Sequence[CellEvidence], config: CalibrateConfig
) -> list[CellEvidence]:
    earlier = read_rows(store, start.evidence, CellEvidence) if start.round else []
    return still_tell(
        [*earlier, *evidence], now=start.round + 1, round_correlation=config.round_correlation
    )


class _SampleChoice:
    """Draws what is wanted of each cell: measured samples with spread first, then unmeasured ones
    at random."""

    def __init__(
        self,
        wanted: Mapping[CellKey, int],
        measured: Mapping[str, Measurement],
        config: CalibrateConfig,
        seed: int,
    ) -> None:
        self._wanted, self._measured, self._config, self._seed = wanted, measured, config, seed

    def of(self, store: Store, shards: Sequence[MeasuredShard]) -> Iterator[Sample]:
        """In the order of the pools."""
        # Two passes, so that of each sample only its rank is held.
        ranks: defaultdict[CellKey, list[tuple[bool, float, str]]] = defaultdict(list)
        for sample in _samples(store, shards):
            if self._may_be_taken(sample):
                ranks[sample.cell].append(self._rank(sample))
        last = {cell: sorted(found)[self._wanted[cell] - 1] for cell, found in ranks.items()}
        for sample in _samples(store, shards):
            if self._may_be_taken(sample) and self._rank(sample) <= last[sample.cell]:
                yield sample

    def _may_be_taken(self, sample: Sample) -> bool:
        if self._config.select_by == "all":
            return True
        found = self._measured.get(sample.sample_id)
        return self._wanted.get(sample.cell, 0) > 0 and (found is None or found.kept)

    def _rank(self, sample: Sample) -> tuple[bool, float, str]:
        # False sorts first: what was measured is taken before what was not.
        unknown = sample.sample_id not in self._measured
        return unknown, uniform_hash("select", self._seed, sample.sample_id), sample.sample_id


def _samples(store: Store, shards: Sequence[MeasuredShard]) -> Iterator[Sample]:
    for shard in shards:
        yield from iterate_rows(store, shard.samples, Sample)


def _report(
    shards: Sequence[MeasuredShard],
    measurements: Sequence[Measurement],
    plan: Sequence[PlannedCell],
    num_usable: int,
    num_selected: int,
    config: CalibrateConfig,
) -> StageReport:
    reasons = Counter(m.reason for m in measurements)
    pretext_shares = Counter[str]()
    for cell in plan:
        pretext_shares[cell.pretext] += cell.probability  # type: ignore[assignment]
    return StageReport(
        stage="calibrate",
        seconds=sum(shard.seconds for shard in shards),
        counts={
            "pool": float(sum(shard.samples.num_rows for shard in shards)),
            "samples": float(len(measurements)),
            "rollouts": float(sum(m.num_rollouts for m in measurements)),
            "tokens": float(sum(shard.num_tokens for shard in shards)),
            "failed": float(sum(shard.num_failed for shard in shards)),
            "kept": float(reasons["spread"]),
            "dropped_all_right": float(reasons["all right"]),
            "dropped_all_wrong": float(reasons["all wrong"]),
            "dropped_all_equal": float(reasons["all equal"]),
            "share_with_spread": fmean(m.kept for m in measurements),
            "mean_reward": fmean(m.mean_reward for m in measurements),
            "selected": float(num_selected),
            "left_out_by_plan": float(num_usable - num_selected)
            if config.select_by == "plan"
            else 0.0,
            "planned_share_with_spread": sum(c.probability * c.share_with_spread for c in plan),
            "planned_spread": sum(c.probability * c.spread for c in plan),
            "planned_level": sum(c.probability * c.level for c in plan),
            **{
                f"planned_share/{name}": float(share)
                for name, share in sorted(pretext_shares.items())
            },
        },
    )
