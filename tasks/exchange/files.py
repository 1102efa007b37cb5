"""The files of a data set: Parquet, JSON lines or a JSON list, of whatever layout."""

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import InputError
from tasks.exchange import long_video_reason, plain, rewatch, swift, trl, verl, video_r1
from tasks.exchange.json_rows import Unreadable, json_rows, json_subset
from tasks.exchange.row import Row, RowError, short, why

_BATCH_ROWS = 1024


class Layout(NamedTuple):
    """How one project writes a row, and in which kind of file."""

    to_record: Callable[[Row, int], dict[str, Any]]
    suffix: str
    write: Callable[[Sequence[Mapping[str, Any]]], bytes]


def _parquet(records: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(record) for record in records]), buffer, compression="zstd")
    return buffer.getvalue()


def _json_lines(records: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


LAYOUTS: dict[str, Layout] = {
    "verl": Layout(verl.to_record, ".parquet", _parquet),
    "swift": Layout(swift.to_record, ".jsonl", _json_lines),
    "trl": Layout(trl.to_record, ".parquet", _parquet),
}
_READERS: tuple[tuple[str, Callable[[Mapping[str, Any]], Row]], ...] = (
    ("reward_model", verl.from_record),
    ("messages", swift.from_record),
    ("prompt", trl.from_record),
    ("video", plain.from_record),
    ("solution", video_r1.from_record),
    ("video_path", rewatch.from_record),
    ("videos", long_video_reason.from_record),
)
"""The field that gives a layout away; the first that a record has decides, null or not if all are null."""


def parse_record(record: object) -> Row:
    """The row of a record of any layout.

    Raises:
        RowError: it could not be read, is of no known layout, or a field is missing or of another type.
    """
    if isinstance(record, Unreadable):
        raise RowError("", record.reason)
    if not isinstance(record, Mapping):
        raise RowError("", f"expected an object, got {short(record)}")
    held = [field for field, value in record.items() if value is not None]
    for fields in (held, record):
        for field, from_record in _READERS:
            if field in fields:
                return from_record(record)
    expected = ", ".join(field for field, _ in _READERS)
    raise RowError("", f"got the fields {short(list(record))}; expected one of {expected}")


_PACKED = {b"\x1f\x8b": "gzip", b"PK\x03\x04": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2",
           b"7z\xbc\xaf": "7z"}  # fmt: skip
"""By the first bytes."""


def refuse_packed(path: Path) -> None:
    """Raises:
    InputError: the file is an archive.
    """
    with path.open("rb") as file:
        start = file.read(8)
    for sign, kind in _PACKED.items():
        if start.startswith(sign):
            raise InputError(f"{path} is packed ({kind}); unpack it")


def read_records(path: Path) -> Iterator[tuple[int, object]]:
    """(row number, record) of every row; one that cannot be read comes as `Unreadable`.

    Raises:
        InputError: the file cannot be read at all.
    """
    _check_file(path)
    refuse_packed(path)
    try:
        yield from _parquet_rows(path) if _is_parquet(path) else json_rows(path.read_bytes(), is_lines=_is_lines(path))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"dataset: {str(path)!r} is no Parquet, JSON lines or JSON file: {reason}") from error


def subset(path: Path, numbers: Collection[int]) -> bytes:
    """The rows of `path` with these numbers, as the file holds them: Parquet keeps its schema, a line its bytes.

    `path` is one that `read_records` reads.
    """
    if _is_parquet(path):
        return _parquet_subset(path, numbers)
    return json_subset(path.read_bytes(), numbers, is_lines=_is_lines(path))


def _check_file(path: Path) -> None:
    try:
        str(path).encode()
        is_file = path.is_file()
    except (OSError, ValueError) as error:
        raise InputError(f"dataset: {str(path)!r:.200} is no path: {why(error)}") from error
    if not is_file:
        raise InputError(f"dataset: no file {str(path)!r}; give a .parquet, .jsonl or .json file")


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_lines(path: Path) -> bool:
    return path.suffix.lower() == ".jsonl"


def _parquet_rows(path: Path) -> Iterator[tuple[int, object]]:
    number = 0
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            for row in _batch_rows(batch):
                yield number, row
                number += 1


def _batch_rows(batch: pa.RecordBatch) -> list[object]:
    """A value that Python cannot hold, e.g. a text that is no UTF-8, costs its row alone."""
    try:
        rows: list[object] = batch.to_pylist()
    except (pa.ArrowException, ValueError, OverflowError):
        if batch.num_rows > 1:
            return [row for place in range(batch.num_rows) for row in _batch_rows(batch.slice(place, 1))]
        return [Unreadable("a value of it cannot be read")]
    return rows


def _parquet_subset(path: Path, numbers: Collection[int]) -> bytes:
    buffer, start = io.BytesIO(), 0
    with pq.ParquetFile(path) as table, pq.ParquetWriter(buffer, table.schema_arrow, compression="zstd") as writer:
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            kept = [row for row in range(batch.num_rows) if start + row in numbers]
            writer.write_batch(batch.take(pa.array(kept, pa.int64())))
            start += batch.num_rows
    return buffer.getvalue()
