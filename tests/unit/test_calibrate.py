from dataclasses import replace
from pathlib import Path

import pytest

from tasks.calibrate.measure import evidence_of, measure
from tasks.calibrate.select import select
from tasks.core.choose import choose_in_turn
from tasks.core.config import CalibrateConfig, PerturbConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import NO_PLAN, CellEvidence, Measurement, PlannedCell
from tasks.core.records import MeasuredShard
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample
from tests.helpers.clips import make_clip
from tests.helpers.samples import plan_all

SAMPLES = plan_all([make_clip(name) for name in "abc"], PerturbConfig())


@pytest.mark.parametrize(
    ("rewards", "kept", "reason"),
    [
        ([1.0, 1.0], False, "all right"),
        ([0.0, 0.0], False, "all wrong"),
        ([0.4, 0.4], False, "all equal"),
        ([0.0, 1.0], True, "spread"),
    ],
)
def test_a_group_is_kept_only_if_its_rewards_differ(
    rewards: list[float], kept: bool, reason: str
) -> None:
    found = measure("s", rewards, min_spread=1e-6)
    assert (found.kept, found.reason) == (kept, reason)


def test_mean_and_spread_of_hand_computed_groups() -> None:
    found = measure("s", [0.0, 1.0, 1.0, 0.0], min_spread=0.0)
    assert (found.mean_reward, found.spread, found.num_rollouts) == (0.5, 0.5, 4)


def test_evidence_of_a_cell_is_the_mean_over_its_groups() -> None:
    first = SAMPLES[0]
    second = replace(first, sample_id="another")
    rows = [measure(first.sample_id, [0.0, 1.0], 0.0), measure(second.sample_id, [1.0, 1.0], 0.0)]
    (found,) = evidence_of(rows, {s.sample_id: s.cell for s in (first, second)}, 3)
    assert (found.round, found.cell, found.num_groups, found.num_rollouts) == (3, first.cell, 2, 4)
    assert (found.mean_reward, found.spread, found.share_with_spread) == (0.75, 0.25, 0.5)
    assert (found.mean_reward_squared, found.spread_squared) == (0.625, 0.125)


def test_a_small_budget_is_shared_by_all_cells() -> None:
    num_cells = len({sample.cell for sample in SAMPLES})
    chosen = choose_in_turn(SAMPLES, num_cells, 0, "test")
    assert len({sample.cell for sample in chosen}) == num_cells


def test_a_large_budget_takes_everything_once() -> None:
    chosen = choose_in_turn(SAMPLES, 10**6, 0, "test")
    assert sorted(s.sample_id for s in chosen) == sorted(s.sample_id for s in SAMPLES)


def _shard(store: Store, samples: list[Sample], rewards: list[list[float]]) -> MeasuredShard:
    rows = [measure(s.sample_id, r, 1e-6) for s, r in zip(samples, rewards, strict=False)]
    return MeasuredShard(
        samples=write_rows(store, "shard/samples.parquet", Sample, samples),
        measurements=write_rows(store, "shard/measurements.parquet", Measurement, rows),
        num_failed=1,
        seconds=2.0,
        num_tokens=30,
    )


def test_measured_groups_without_spread_are_left_out_and_counted_by_reason(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    rewards = [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.5, 0.5]]
    selection = select(store, [_shard(store, SAMPLES[:4], rewards)], NO_PLAN, CalibrateConfig(), 0)
    assert read_rows(store, selection.samples.key, Sample) == SAMPLES[:1]
    assert sum(cell.num_groups for cell in read_rows(store, selection.cells.key, CellEvidence)) == 4
    counts = selection.report.counts
    assert (
        counts["kept"]
        == counts["dropped_all_right"]
        == counts["dropped_all_wrong"]
        == counts["dropped_all_equal"]
        == 1
    )
    assert counts["share_with_spread"] == 0.25
    assert (counts["failed"], counts["tokens"]) == (1, 30)
    assert (counts["rollouts"], counts["selected"], counts["left_out_by_plan"]) == (8, 1, 0)


def test_without_calibration_everything_is_trained_on(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    shard = _shard(store, SAMPLES[:4], [[0.0, 1.0], [1.0, 1.0]])
    selection = select(store, [shard], NO_PLAN, CalibrateConfig(select_by="all"), 0)
    assert read_rows(store, selection.samples.key, Sample) == SAMPLES[:4]


def test_without_calibration_flat_samples_push_no_others_out(
    tmp_path: Path,
) -> None:
    store = Store(str(tmp_path))
    alike = [replace(SAMPLES[0], sample_id=f"s{number}") for number in range(10)]
    shard = _shard(store, alike, [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    selection = select(store, [shard], NO_PLAN, CalibrateConfig(select_by="all"), 0)
    assert read_rows(store, selection.samples.key, Sample) == alike


def test_selection_takes_no_more_than_wanted_and_measured_samples_first(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    cell = SAMPLES[0].cell
    alike = [replace(SAMPLES[0], sample_id=f"s{number}") for number in range(20)]
    shard = _shard(store, alike, [[0.0, 1.0]] * 5 + [[0.0, 0.0]])
    selection = select(store, [shard], NO_PLAN, CalibrateConfig(num_samples=8), 0)
    chosen = [sample.sample_id for sample in read_rows(store, selection.samples.key, Sample)]
    assert len(chosen) == 8
    assert set(chosen) > {f"s{number}" for number in range(5)}
    assert "s5" not in chosen, "measured, and without spread"
    (planned,) = read_rows(store, selection.plan.cells.key, PlannedCell)
    assert (planned.cell, planned.probability) == (cell, 1.0)


def test_the_next_round_starts_from_the_evidence_of_this_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    shard = _shard(store, SAMPLES[:4], [[0.0, 1.0]] * 4)
    first = select(store, [shard], NO_PLAN, CalibrateConfig(), 0).plan
    second = select(store, [shard], first, CalibrateConfig(), 0).plan
    assert {row.round for row in read_rows(store, second.evidence.key, CellEvidence)} == {1, 2}
    forgetful = select(store, [shard], first, CalibrateConfig(round_correlation=0.01), 0).plan
    assert {row.round for row in read_rows(store, forgetful.evidence.key, CellEvidence)} == {2}


def test_nothing_to_learn_from_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(InputError, match=r"none of 2 measured samples .* warm_start.num_steps"):
        select(
            store,
            [_shard(store, SAMPLES[:2], [[0.0, 0.0], [0.0, 0.0]])],
            NO_PLAN,
            CalibrateConfig(),
            0,
        )


def test_artifacts_of_equal_rows_are_equal(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first, second = (write_rows(store, "rows.parquet", Sample, SAMPLES) for _ in range(2))
    assert first == second
    assert first == Artifact(key="rows.parquet", digest=first.digest, num_rows=len(SAMPLES))
