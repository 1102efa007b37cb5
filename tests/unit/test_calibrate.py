from pathlib import Path

import pytest

from tasks.calibrate.measure import measure, measure_cells
from tasks.calibrate.outputs import MeasuredShard
from tasks.calibrate.select import select
from tasks.core.choose import choose_in_turn
from tasks.core.config import PerturbConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import Measurement
from tasks.core.store import Store
from tasks.core.types import Artifact, Cell, Rollout, Sample
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
def test_a_group_is_kept_only_if_its_rewards_differ(rewards: list[float], kept: bool, reason: str) -> None:
    found = measure("s", rewards, min_spread=1e-6)
    assert (found.kept, found.reason) == (kept, reason)


def test_mean_and_spread_of_hand_computed_groups() -> None:
    found = measure("s", [0.0, 1.0, 1.0, 0.0], min_spread=0.0)
    assert (found.mean_reward, found.spread, found.num_rollouts) == (0.5, 0.5, 4)


def test_a_cell_is_the_mean_of_its_samples() -> None:
    first = SAMPLES[0]
    second = next(s for s in SAMPLES[1:] if s.cell == first.cell)
    rows = [measure(first.sample_id, [0.0, 1.0], 0.0), measure(second.sample_id, [1.0, 1.0], 0.0)]
    (cell,) = measure_cells([first, second], rows)
    assert (cell.pretext, cell.kind, cell.level) == first.cell
    assert (cell.num_samples, cell.num_rollouts) == (2, 4)
    assert (cell.mean_reward, cell.spread, cell.share_with_spread) == (0.75, 0.25, 0.5)


def test_a_small_budget_is_shared_by_all_cells() -> None:
    num_cells = len({sample.cell for sample in SAMPLES})
    chosen = choose_in_turn(SAMPLES, num_cells, 0, "test")
    assert len({sample.cell for sample in chosen}) == num_cells


def test_a_large_budget_takes_everything_once() -> None:
    chosen = choose_in_turn(SAMPLES, 10**6, 0, "test")
    assert sorted(s.sample_id for s in chosen) == sorted(s.sample_id for s in SAMPLES)


def _shard(store: Store, samples: list[Sample], rewards: list[list[float]]) -> MeasuredShard:
    rows = [measure(s.sample_id, r, 1e-6) for s, r in zip(samples, rewards, strict=True)]
    return MeasuredShard(
        samples=write_rows(store, "shard/samples.parquet", Sample, samples),
        measurements=write_rows(store, "shard/measurements.parquet", Measurement, rows),
        rollouts=write_rows(store, "shard/rollouts.parquet", Rollout, []),
        num_failed=1,
        seconds=2.0,
    )


def test_selection_keeps_spread_and_counts_the_rest_by_reason(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    rewards = [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0], [0.5, 0.5]]
    selection = select(store, [_shard(store, SAMPLES[:4], rewards)])
    assert read_rows(store, selection.samples.key, Sample) == SAMPLES[:1]
    assert sum(cell.num_samples for cell in read_rows(store, selection.cells.key, Cell)) == 4
    counts = selection.report.counts
    assert (
        counts["kept"] == counts["dropped_all_right"] == counts["dropped_all_wrong"] == counts["dropped_all_equal"] == 1
    )
    assert counts["share_with_spread"] == 0.25
    assert counts["failed"] == 1


def test_nothing_to_learn_from_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    with pytest.raises(InputError, match=r"none of 2 measured samples .* warm_start.num_steps"):
        select(store, [_shard(store, SAMPLES[:2], [[0.0, 0.0], [0.0, 0.0]])])


def test_artifacts_of_equal_rows_are_equal(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first, second = (write_rows(store, "rows.parquet", Sample, SAMPLES) for _ in range(2))
    assert first == second
    assert first == Artifact(key="rows.parquet", digest=first.digest, num_rows=len(SAMPLES))
