import io
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core import manifest
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Rejection, Rollout

_ROLLOUT = Rollout(
    sample_id="s",
    index=0,
    text="1-2",
    reward=0.5,
    strict_reward=0.0,
    parsed=True,
    truncated=False,
    num_tokens=3,
)


@dataclass(frozen=True, kw_only=True)
class _OlderRollout:
    sample_id: str
    index: int


def test_empty_manifest_reads_as_no_rows(data_root: str) -> None:
    artifact = write_rows(Store(data_root), "empty.parquet", Rollout, [])
    assert artifact.num_rows == 0
    assert read_rows(Store(data_root), "empty.parquet", Rollout) == []


@pytest.mark.parametrize(
    ("start", "stop"), [(0, None), (0, 4), (3, 3), (2, 5), (3, 9), (6, 7), (7, 20), (9, None)]
)
def test_some_rows_are_those_of_the_whole(
    data_root: str, monkeypatch: pytest.MonkeyPatch, start: int, stop: int | None
) -> None:
    monkeypatch.setattr(manifest, "_BATCH_ROWS", 3)
    rows = [replace(_ROLLOUT, index=number) for number in range(7)]
    write_rows(Store(data_root), "rows.parquet", Rollout, rows)
    assert read_rows(Store(data_root), "rows.parquet", Rollout, start, stop) == rows[start:stop]


def test_other_rows_have_another_digest(data_root: str) -> None:
    store = Store(data_root)
    first = write_rows(store, "one.parquet", Rollout, [_ROLLOUT])
    second = write_rows(store, "two.parquet", Rollout, [replace(_ROLLOUT, reward=0.25)])
    assert first.digest != second.digest


def test_malformed_value_is_reported_with_file_row_and_field(data_root: str) -> None:
    store = Store(data_root)
    rejections = [Rejection(source="a.mp4", reason="short", detail="3 frames") for _ in range(3)]
    write_rows(store, "bad.parquet", Rejection, rejections)
    table = pq.read_table(io.BytesIO(store.read_bytes("bad.parquet")))
    _write_table(store, table.set_column(1, "reason", pa.array(["short", None, "short"])))
    with pytest.raises(
        InputError, match=r"bad\.parquet, row 1, field 'reason': .*got None.*columns of Rejection"
    ):
        read_rows(store, "bad.parquet", Rejection)


def test_missing_column_is_reported_with_its_name(data_root: str) -> None:
    store = Store(data_root)
    write_rows(store, "old.parquet", _OlderRollout, [_OlderRollout(sample_id="s", index=0)])
    with pytest.raises(InputError, match=r"old\.parquet, row 0, field 'text'"):
        read_rows(store, "old.parquet", Rollout)


def _write_table(store: Store, table: pa.Table) -> None:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    store.write_bytes("bad.parquet", buffer.getvalue())
