"""The files of a data set: Parquet, JSON lines or a JSON list, of whatever layout."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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


def _read(path: Path) -> Iterator[tuple[int, object]]:
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            yield from enumerate(_parquet_rows(path))
            return
    text = path.read_text("utf-8")
    if text.lstrip().startswith("["):
        yield from enumerate(json.loads(text))
        return
    for number, line in enumerate(text.splitlines()):
        if line.strip():
            yield number, _loads(line)


def _parquet_rows(path: Path) -> Iterator[object]:
    with pq.ParquetFile(path) as table:
        for batch in table.iter_batches(_BATCH_ROWS, use_threads=False):
            yield from batch.to_pylist()


def _loads(line: str) -> object:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return line
