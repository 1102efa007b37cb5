"""Annotation files as downloaded: rows of a known shape, or one line that names file, row and field."""

import ast
import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tasks.core.errors import InputError
from tasks.exchange.files import read_records
from tasks.exchange.json_rows import Unreadable
from tasks.exchange.row import RowError, short, validated

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Where:
    """A row of an annotation file."""

    file: Path
    row: int | str
    """Its number from 0, or its key."""

    def error(self, field: str, detail: str) -> InputError:
        """The error to raise about a field of this row."""
        return InputError(f"{self.file}, row {self.row}, field {field!r}: {detail}")

    def parse(self, row_type: type[RowT], record: object) -> RowT:
        """`record` as the dataclass `row_type`; fields that it does not have are ignored.

        Raises:
            InputError: a field is missing or of another type.
        """
        if not isinstance(record, Mapping):
            found = record.reason if isinstance(record, Unreadable) else f"got {short(record):.80}"
            raise InputError(f"{self.file}, row {self.row}: expected an object, {found}; is the file cut off?")
        try:
            parsed: RowT = validated(row_type, record)
        except RowError as error:
            raise InputError(f"{self.file}, row {self.row}, {error}") from error
        return parsed

    def texts(self, field: str, value: object) -> list[str]:
        """`value` as a list of texts; tables hold lists as Python or JSON literals.

        Raises:
            InputError: it is none.
        """
        try:
            found = ast.literal_eval(value) if isinstance(value, str) else value
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            raise self.error(field, f"got {value!r:.80}, expected a list of texts")
        return found


def find_file(root: Path, *names: str) -> Path:
    """The first of `names` in `root`, else anywhere below.

    Raises:
        InputError: there is none, or several below of which none is in the expected place.
    """
    if not root.is_dir():
        raise InputError(f"no folder {str(root)!r}; give the folder of the benchmark as downloaded")
    for name in names:
        if (root / name).is_file():
            return root / name
    for name in names:
        found = sorted(path for path in root.rglob(name) if path.is_file())
        if len(found) > 1:
            raise InputError(f"{len(found)} files {name} below {str(root)!r}, expected one: {found[0]}, ...")
        if found:
            return found[0]
    raise InputError(f"no annotation file in {str(root)!r}; expected {' or '.join(names)}")


def read_rows_of(path: Path, row_type: type[RowT]) -> Iterator[tuple[Where, RowT]]:
    """The rows of a JSON list, JSON lines, Parquet, or a table with a head (.csv, .tsv).

    Raises:
        InputError: see `Where.parse`; or the file cannot be read at all.
    """
    records = _table(path) if path.suffix in {".csv", ".tsv"} else read_records(path)
    for number, record in records:
        where = Where(path, number)
        yield where, where.parse(row_type, record)


def read_object(path: Path) -> Mapping[str, Any]:
    """A JSON file that holds one object.

    Raises:
        InputError: it does not, e.g. because it is cut off.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON: {error}; is the file cut off?") from error
    if not isinstance(found, Mapping):
        raise InputError(f"{path}: expected a JSON object, got a {type(found).__name__}")
    return found


def read_nested(path: Path, row_type: type[RowT]) -> Iterator[tuple[Where, RowT]]:
    """The rows of a JSON object whose values are rows; `Where.row` is the key.

    Raises:
        InputError: see `read_object` and `Where.parse`.
    """
    for key, record in read_object(path).items():
        where = Where(path, key)
        yield where, where.parse(row_type, record)


def is_list_file(path: Path) -> bool:
    """Whether the file holds rows one after the other (JSON list or lines, Parquet), and not one object of them."""
    with path.open("rb") as file:
        start = file.read(4096).lstrip()
    return path.suffix in {".jsonl", ".parquet"} or start[:1] == b"["


def _table(path: Path) -> Iterator[tuple[int, object]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            yield from enumerate(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no table: {error}") from error
