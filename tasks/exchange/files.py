"""The files of a data set: Parquet, JSON lines or a JSON list, of whatever layout."""

import io
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.core.errors import InputError
from tasks.exchange import plain, swift, trl, verl
from tasks.exchange.row import Row, RowError

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
)
"""The field that gives a layout away; the first that a record has decides."""


def parse_record(record: object) -> Row:
    """The row of a record of any layout.

    Raises:
        RowError: it is of no known layout, or a field is missing or of another type.
    """
    if not isinstance(record, Mapping):
        raise RowError("", f"expected an object, got {record!r:.200}")
    for field, from_record in _READERS:
        if field in record:
            return from_record(record)
    expected = ", ".join(field for field, _ in _READERS)
    raise RowError("", f"got the fields {', '.join(map(str, record)) or 'none'}; expected one of {expected}")


def read_records(path: Path) -> Iterator[tuple[int, object]]:
    """(row number, record) of every row; a line that is no JSON comes as its text.

    Raises:
        InputError: the file cannot be read at all.
    """
    if not path.is_file():
        raise InputError(f"dataset: no file {str(path)!r}; give a .parquet, .jsonl or .json file")
    try:
        yield from _read(path)
    except (pa.ArrowException, UnicodeDecodeError, json.JSONDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"dataset: {str(path)!r} is no Parquet, JSON lines or JSON file: {reason}") from error


def subset(path: Path, numbers: Collection[int]) -> bytes:
    """The rows of `path` with these numbers, as the file holds them: Parquet keeps its schema, a line its bytes.

    `path` is one that `read_records` reads.
    """
    if _is_parquet(path):
        return _parquet_subset(path, numbers)
    text = path.read_bytes().decode("utf-8")
    if _is_list(text):
        kept = [record for number, record in enumerate(json.loads(text)) if number in numbers]
        return json.dumps(kept, ensure_ascii=False, indent=1).encode()
    return "".join(f"{line}\n" for number, line in enumerate(_lines(text)) if number in numbers).encode()


def _read(path: Path) -> Iterator[tuple[int, object]]:
    if _is_parquet(path):
        yield from enumerate(_parquet_rows(path))
        return
    text = path.read_bytes().decode("utf-8")
    if _is_list(text):
        yield from enumerate(json.loads(text))
        return
    for number, line in enumerate(_lines(text)):
        if line.strip():
            yield number, _loads(line)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_list(text: str) -> bool:
    return text.lstrip().startswith("[")


def _lines(text: str) -> list[str]:
    """Not splitlines: JSON allows other line separators of Unicode inside a string."""
    return text.split("\n")


def _parquet_rows(path: Path) -> Iterator[object]:
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            yield from batch.to_pylist()


def _parquet_subset(path: Path, numbers: Collection[int]) -> bytes:
    buffer, start = io.BytesIO(), 0
    with pq.ParquetFile(path) as table, pq.ParquetWriter(buffer, table.schema_arrow, compression="zstd") as writer:
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            kept = [row for row in range(batch.num_rows) if start + row in numbers]
            writer.write_batch(batch.take(pa.array(kept, pa.int64())))
            start += batch.num_rows
    return buffer.getvalue()


def _loads(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return line
