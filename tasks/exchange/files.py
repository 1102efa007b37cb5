"""The files of a data set: Parquet, JSON lines or a JSON list. For their rows see `layouts`."""

import io
from collections.abc import Collection, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import InputError
from tasks.exchange.json_rows import Unreadable, json_rows, json_subset
from tasks.exchange.row import why

_BATCH_ROWS = 1024
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ": "xz",
    b"BZh": "bzip2",
    b"7z\xbc\xaf": "7z",
}
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
        yield from (
            _parquet_rows(path)
            if _is_parquet(path)
            else json_rows(path.read_bytes(), is_lines=_is_lines(path))
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"dataset: {str(path)!r} is no Parquet, JSON lines or JSON file: {reason}"
        ) from error


def subset(path: Path, numbers: Collection[int]) -> bytes:
    """The rows of `path` with these numbers, as the file holds them: Parquet keeps its schema, a
    line its bytes.

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
        # The batch does not tell which of its rows it is, so each is tried alone.
        if batch.num_rows > 1:
            return [
                row for place in range(batch.num_rows) for row in _batch_rows(batch.slice(place, 1))
            ]
        return [Unreadable("a value of it cannot be read")]
    return rows


def _parquet_subset(path: Path, numbers: Collection[int]) -> bytes:
    buffer, start = io.BytesIO(), 0
    with (
        pq.ParquetFile(path) as table,
        pq.ParquetWriter(buffer, table.schema_arrow, compression="zstd") as writer,
    ):
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            kept = [row for row in range(batch.num_rows) if start + row in numbers]
            # With its type, because an empty list would be of type null, by which `take` cannot
            # choose.
            writer.write_batch(batch.take(pa.array(kept, pa.int64())))
            start += batch.num_rows
    return buffer.getvalue()
