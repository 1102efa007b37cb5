"""Whose row is this? Every layout that is read, by the field that gives it away, or written."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.exchange.json_rows import Unreadable
from tasks.exchange.question_layouts import (
    read_long_video_reason,
    read_rewatch,
    read_universal,
    read_video_r1,
)
from tasks.exchange.row import Row, RowError, short
from tasks.exchange.trainer_layouts import (
    read_swift,
    read_trl,
    read_verl,
    write_swift,
    write_trl,
    write_verl,
)


class Layout(NamedTuple):
    """How one project writes a row, and in which kind of file."""

    to_record: Callable[[Row, int], dict[str, Any]]
    suffix: str
    write: Callable[[Sequence[Mapping[str, Any]]], bytes]


def parse_record(record: object) -> Row:
    """The row of a record of any layout.

    Raises:
        RowError: it could not be read, is of no known layout, or a field is missing or of another
            type.
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


def _parquet(records: Sequence[Mapping[str, Any]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist([dict(record) for record in records]), buffer, compression="zstd"
    )
    return buffer.getvalue()


def _json_lines(records: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()


LAYOUTS: dict[str, Layout] = {
    "verl": Layout(write_verl, ".parquet", _parquet),
    "swift": Layout(write_swift, ".jsonl", _json_lines),
    "trl": Layout(write_trl, ".parquet", _parquet),
}
# In this order because verl's rows have a `prompt` too, and those of ms-swift and TRL `solution`
# and `videos`: what one layout alone has comes first.
_READERS: tuple[tuple[str, Callable[[Mapping[str, Any]], Row]], ...] = (
    ("reward_model", read_verl),
    ("messages", read_swift),
    ("prompt", read_trl),
    ("video", read_universal),
    ("solution", read_video_r1),
    ("video_path", read_rewatch),
    ("videos", read_long_video_reason),
)
"""The field that gives a layout away; the first that a record has decides, null or not if all are
null."""
