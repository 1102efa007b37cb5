"""Manifests: rows of one dataclass as a Parquet file. Nested fields are kept as JSON text in their column."""

import functools
import io
import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from tasks.core.digest import digest_of_bytes
from tasks.core.errors import InputError
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip

RowT = TypeVar("RowT")
_SCALARS: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def write_rows(store: Store, key: str, row_type: type[RowT], rows: Iterable[RowT]) -> Artifact:
    """Write `rows` to `key`: same rows, same bytes."""
    table = to_table(row_type, rows)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    store.write_bytes(key, buffer.getvalue())
    return Artifact(key=key, digest=digest_of_bytes(buffer.getvalue()), num_rows=table.num_rows)


def read_rows(store: Store, key: str, row_type: type[RowT]) -> list[RowT]:
    """Read what `write_rows` wrote.

    Raises:
        InputError: a row does not have the fields of `row_type`; names the file, the row and the field.
    """
    # Not pq.read_table: its background thread may still hold the buffer when Python exits, and then aborts the process.
    table = pq.ParquetFile(io.BytesIO(store.read_bytes(key))).read(use_threads=False)
    nested = [name for name in table.column_names if table.schema.field(name).metadata == _NESTED]
    adapter = _adapter(row_type)  # type: ignore[arg-type]
    rows = []
    for number, record in enumerate(table.to_pylist()):
        record.update({name: json.loads(record[name]) for name in nested})
        try:
            rows.append(adapter.validate_python(record))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise InputError(
                f"{key}, row {number}, field {field!r}: {first['msg']} (got {first['input']!r}); "
                f"expected the columns of {row_type.__name__}: {', '.join(f.name for f in fields(row_type))}"  # type: ignore[arg-type]
            ) from error
    return rows


def read_clips(store: Store, clips: Artifact) -> dict[str, Clip]:
    """A clip manifest by clip id."""
    return {clip.clip_id: clip for clip in read_rows(store, clips.key, Clip)}


def to_table(row_type: type[RowT], rows: Iterable[RowT]) -> pa.Table:
    """The rows as an Arrow table, e.g. for pandas and Great Expectations."""
    adapter = _adapter(row_type)  # type: ignore[arg-type]
    records = [adapter.dump_python(row, mode="json") for row in rows]
    schema = _schema(row_type)  # type: ignore[arg-type]
    columns = {}
    for column in schema:
        values = [record[column.name] for record in records]
        is_nested = column.metadata == _NESTED
        columns[column.name] = pa.array([json.dumps(v) for v in values] if is_nested else values, column.type)
    return pa.table(columns, schema=schema)


_NESTED = {b"encoding": b"json"}


@functools.cache
def _adapter(row_type: type[Any]) -> TypeAdapter[Any]:
    """Built once a process: building takes longer than writing the rows of one clip."""
    return TypeAdapter(row_type)


@functools.cache
def _schema(row_type: type[Any]) -> pa.Schema:
    hints = get_type_hints(row_type)
    return pa.schema([_column(f.name, hints[f.name]) for f in fields(row_type)])


def _column(name: str, hint: Any) -> pa.Field:
    for scalar, arrow_type in _SCALARS.items():
        if isinstance(hint, type) and issubclass(hint, scalar) and not (hint is bool and scalar is int):
            return pa.field(name, arrow_type)
    return pa.field(name, pa.string(), metadata=_NESTED)
