import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Rollout, Sample
from tests.helpers import records


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(str(tmp_path_factory.mktemp("data_root")))


@pytest.mark.slow
@given(rows=st.lists(records.clips, max_size=4))
def test_clips_read_as_written(store: Store, rows: list[Clip]) -> None:
    _assert_round_trip(store, Clip, rows)


@pytest.mark.slow
@given(rows=st.lists(records.samples, max_size=4))
def test_samples_with_all_edits_read_as_written(store: Store, rows: list[Sample]) -> None:
    _assert_round_trip(store, Sample, rows)


@pytest.mark.slow
@given(rows=st.lists(records.rollouts, max_size=4))
def test_rollouts_read_as_written(store: Store, rows: list[Rollout]) -> None:
    _assert_round_trip(store, Rollout, rows)


def _assert_round_trip(store: Store, row_type: type, rows: list) -> None:
    first, second = (
        write_rows(store, f"{uuid.uuid4().hex}.parquet", row_type, rows) for _ in range(2)
    )
    assert first.num_rows == len(rows)
    assert first.digest == second.digest
    assert read_rows(store, first.key, row_type) == rows
