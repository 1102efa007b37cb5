"""Manifests: rows of one dataclass as a Parquet file. Nested fields are kept as JSON text in their
column."""

import functools
import io
import itertools
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from tasks.core.checks import shown
from tasks.core.digest import digest_of_bytes
from tasks.core.errors import InputError
from tasks.core.kept import MADE_ANEW, damaged, read_kept, whole
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip

RowT = TypeVar("RowT")
_DAMAGE = (
    pa.ArrowException,
    ValueError,
    KeyError,
    TypeError,
    OSError,
    OverflowError,
    RecursionError,
)
"""What a file that is no manifest, or no longer one, raises."""
_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def write_rows(store: Store, key: str, row_type: type[RowT], rows: Iterable[RowT]) -> Artifact:
    """Write `rows` to `key`: same rows, same bytes. Of an iterator, only one batch of rows is held
    at a time."""
    # In memory, because a store takes a file whole, and its digest is that of the bytes.
    buffer, num_rows = io.BytesIO(), 0
    with pq.ParquetWriter(buffer, _schema(row_type), compression="zstd") as writer:  # type: ignore[arg-type]
        for table in _tables(row_type, rows):
            writer.write_table(table)
            num_rows += table.num_rows
    store.write_bytes(key, buffer.getvalue())
    return Artifact(key=key, digest=digest_of_bytes(buffer.getvalue()), num_rows=num_rows)


def read_rows(
    store: Store,
    manifest: Artifact | str,
    row_type: type[RowT],
    start: int = 0,
    stop: int | None = None,
) -> list[RowT]:
    """Read what `write_rows` wrote, or its rows [start, stop) alone.

    Raises:
        InputError: the file is not the artifact that was written, or a row does not have the fields
            of `row_type`; names the file, the row and the field.
    """
    return list(iterate_rows(store, manifest, row_type, start, stop))


def iterate_rows(
    store: Store,
    manifest: Artifact | str,
    row_type: type[RowT],
    start: int = 0,
    stop: int | None = None,
) -> Iterator[RowT]:
    """The rows of `read_rows` one after the other, for manifests that are too large to hold as
    rows."""
    key = manifest.key if isinstance(manifest, Artifact) else manifest
    data = (
        read_artifact(store, manifest) if isinstance(manifest, Artifact) else read_kept(store, key)
    )
    # Not pq.read_table: its background thread may still hold the buffer when Python exits, and then
    # aborts the process.
    with whole(store.path(key), *_DAMAGE):
        file = pq.ParquetFile(io.BytesIO(data))
        stop = file.metadata.num_rows if stop is None else stop
        first = 0
        for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
            if first >= stop:
                return
            begin, end = (min(max(0, bound - first), batch.num_rows) for bound in (start, stop))
            yield from _parse(
                batch.slice(begin, end - begin), first + begin, store.path(key), row_type
            )
            first += batch.num_rows


def read_artifact(store: Store, artifact: Artifact) -> bytes:
    """The file of an artifact, compared with its digest.

    Raises:
        InputError: it is missing, or not what was written; names it.
    """
    data = read_kept(store, artifact.key)
    found = digest_of_bytes(data)
    if found != artifact.digest:
        raise damaged(
            store.path(artifact.key),
            f"its digest is {found}, it was written with {artifact.digest}",
        )
    return data


class Rows(Collection[RowT]):
    """A manifest as a collection whose rows are read anew, batch by batch, whenever somebody goes
    through it."""

    def __init__(self, store: Store, manifest: Artifact, row_type: type[RowT]) -> None:
        self._store, self._manifest, self._row_type = store, manifest, row_type

    def __iter__(self) -> Iterator[RowT]:
        return iterate_rows(self._store, self._manifest, self._row_type)

    def __len__(self) -> int:
        return self._manifest.num_rows

    def __contains__(self, row: object) -> bool:
        return any(row == own for own in self)


def _parse(batch: pa.RecordBatch, first: int, path: str, row_type: type[RowT]) -> Iterator[RowT]:
    nested = [field.name for field in batch.schema if field.metadata == _NESTED]
    adapter = _adapter(row_type)  # type: ignore[arg-type]
    for number, record in enumerate(batch.to_pylist(), first):
        record.update({name: json.loads(record[name]) for name in nested})
        try:
            yield adapter.validate_python(record)
        except ValidationError as error:
            problem = error.errors()[0]
            field = ".".join(map(str, problem["loc"]))
            raise InputError(
                f"{path}, row {number}, field {field!r}: {problem['msg']} (got "
                f"{shown(problem['input'])}); expected the columns of {row_type.__name__}: "
                f"{', '.join(f.name for f in fields(row_type))}; "  # type: ignore[arg-type]
                f"if the file is damaged, {MADE_ANEW}"
            ) from error


def _tables(row_type: type[RowT], rows: Iterable[RowT]) -> Iterator[pa.Table]:
    """Batches of the rows. Always at least one, so that an empty manifest has its columns."""
    iterator = iter(rows)
    table = to_table(row_type, itertools.islice(iterator, _BATCH_ROWS))
    yield table
    while table.num_rows == _BATCH_ROWS:
        table = to_table(row_type, itertools.islice(iterator, _BATCH_ROWS))
        if table.num_rows:
            yield table


def read_clips(store: Store, clips: Artifact) -> dict[str, Clip]:
    """A clip manifest by clip id."""
    return {clip.clip_id: clip for clip in read_rows(store, clips, Clip)}


def to_table(row_type: type[RowT], rows: Iterable[RowT]) -> pa.Table:
    """The rows as an Arrow table, e.g. for pandas and Great Expectations."""
    adapter = _adapter(row_type)  # type: ignore[arg-type]
    schema = _schema(row_type)  # type: ignore[arg-type]
    is_nested = [column.metadata == _NESTED for column in schema]
    columns: list[list[Any]] = [[] for _ in schema]
    # Row by row: thousands of nested records held at once make garbage collection half of the work.
    for row in rows:
        record = adapter.dump_python(row, mode="json")
        for values, name, nested in zip(columns, schema.names, is_nested, strict=True):
            values.append(json.dumps(record[name]) if nested else record[name])
    arrays = [pa.array(values, column.type) for values, column in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


_NESTED = {b"encoding": b"json"}
_BATCH_ROWS = 10_000
"""A row group: tens of megabytes as Python rows."""


@functools.cache
def _adapter(row_type: type[Any]) -> TypeAdapter[Any]:
    """Built once a process: building takes longer than writing the rows of one clip."""
    return TypeAdapter(row_type)


@functools.cache
def _schema(row_type: type[Any]) -> pa.Schema:
    hints = get_type_hints(row_type)
    return pa.schema([_column(f.name, hints[f.name]) for f in fields(row_type)])


def _column(name: str, hint: Any) -> pa.Field:
    # A subclass is kept as what it is made of (an enumeration as text). `bool` is a subclass of
    # `int`, but has a type of its own.
    for scalar, arrow_type in _SCALARS.items():
        if (
            isinstance(hint, type)
            and issubclass(hint, scalar)
            and not (hint is bool and scalar is int)
        ):
            return pa.field(name, arrow_type)
    return pa.field(name, pa.string(), metadata=_NESTED)
