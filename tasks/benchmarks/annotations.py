"""Annotation files as downloaded: rows of a known shape, or one line that names file, row and
field.

A byte order mark and the line ends of another system do not change what is read. Packed files are
refused.
"""

import ast
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from tasks.core.errors import InputError
from tasks.exchange.files import read_records, refuse_packed
from tasks.exchange.json_rows import Unreadable
from tasks.exchange.row import RowError, short, validated

RowT = TypeVar("RowT")

_PART = re.compile(r"-(\d{5})-of-(\d{5})")
"""How the hub numbers the files of one table."""
_PACKED = {".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar"}
_TABLES = {".json", ".jsonl", ".parquet", ".csv", ".tsv", ".txt"}
_COMMON = {"data.json", "test.json", "test.jsonl", "val.json"}
"""Names that other data sets have too, some with the same fields."""


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
            raise InputError(
                f"{self.file}, row {self.row}: expected an object, {found}; is the file cut off?"
            )
        try:
            parsed: RowT = validated(row_type, record)
        except RowError as error:
            raise InputError(
                f"{self.file}, row {self.row}, {error}{_fields_hint(row_type, record)}"
            ) from error
        return parsed

    def texts(self, field: str, value: object, least: int = 0) -> list[str]:
        """`value` as a list of at least so many texts; tables hold lists as Python or JSON
        literals.

        Raises:
            InputError: it is none. A list that was written without commas has a single text.
        """
        try:
            found = ast.literal_eval(value) if isinstance(value, str) else value
        # Python's parser raises the last two at text that is nested too deep.
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            found = None
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            raise self.error(field, f"got {value!r:.80}, expected a list of texts")
        # numpy prints lists without commas, and Python joins texts that stand side by side into
        # one.
        if len(found) < least:
            raise self.error(
                field,
                f"got {value!r:.80}, expected a list of at least {least} texts with commas between",
            )
        return found


def find_file(root: Path, *names: str) -> Path:
    """The first of `names`, as `find_parts` finds it.

    Raises:
        InputError: see there; or it is in several parts.
    """
    first, *others = find_parts(root, *names)
    if others:
        raise InputError(f"{first} is one of {1 + len(others)} parts, expected a single file")
    return first


def find_parts(root: Path, *names: str) -> list[Path]:
    """The first of `names` in `root`, else anywhere below, as written or else in other case, with
    all its parts: a name with `*` stands for a table that the hub cut into several files
    (`data/test-*.parquet`). That one and names such as test.json, which any data set may have,
    count in `root` alone.

    Raises:
        InputError: there is none, a part is missing, or it is there several times below and not in
            the expected place.
    """
    if not root.is_dir():
        raise InputError(f"no folder {str(root)!r}; give the folder of the benchmark as downloaded")
    below = [name for name in names if not _is_common(name)]
    # In other case only if nothing is called as written: some file systems hold both.
    for find in (_as_written, _whatever_case):
        for name in names:
            found = find(root, name)
            if found:
                return _all_parts(found)
        for name in below:
            found = find(root, f"**/{name}")
            if len({path.parent for path in found}) > 1:
                raise InputError(
                    f"{len(found)} files {name} below {str(root)!r}, expected one: {found[0]}, ..."
                )
            if found:
                return _all_parts(found)
    raise InputError(
        f"no annotation file in {str(root)!r}; expected {' or '.join(names)}{_hint(root, names)}"
    )


def _as_written(root: Path, pattern: str) -> list[Path]:
    return sorted(path for path in root.glob(pattern) if path.is_file())


def _whatever_case(root: Path, pattern: str) -> list[Path]:
    # `Path.glob` can leave case aside from Python 3.12 on only.
    letters = (f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in pattern)
    return _as_written(root, "".join(letters))


def read_rows_of(
    files: Path | Sequence[Path], row_type: type[RowT], renamed: Mapping[str, str] | None = None
) -> Iterator[tuple[Where, RowT]]:
    """The rows of a JSON list, JSON lines, Parquet, or a table with a head (.csv, .tsv); of several
    parts in order.

    `renamed` says what fields of `row_type` are called in another export, as {its name: ours}.

    Raises:
        InputError: see `Where.parse`; or a file cannot be read at all.
    """
    paths = [files] if isinstance(files, Path) else files
    for part, path in enumerate(paths):
        for number, record in (
            _table(path) if path.suffix.lower() in {".csv", ".tsv"} else read_records(path)
        ):
            where = Where(path, number if len(paths) == 1 else f"{part}-{number}")
            yield where, where.parse(row_type, _with_names(record, renamed or {}))


def read_object(path: Path) -> Mapping[str, Any]:
    """A JSON file that holds one object.

    Raises:
        InputError: it does not, e.g. because it is cut off.
    """
    try:
        found = json.loads(read_text(path))
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
    """Whether the file holds rows one after the other (JSON list or lines, Parquet), and not one
    object of them."""
    with path.open("rb") as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    return path.suffix.lower() in {".jsonl", ".parquet"} or start[:1] == b"["


def read_text(path: Path) -> str:
    """The text of a file, without a byte order mark and with line ends as here.

    Raises:
        InputError: it is packed, or no UTF-8.
    """
    refuse_packed(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8: {error}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _table(path: Path) -> Iterator[tuple[int, object]]:
    # The csv module finds the ends of rows itself, because quoted fields may hold line ends.
    # `strict` makes it report a quote that is never closed, the mark of a file that is cut off.
    text = io.StringIO(read_text(path), newline="")
    try:
        yield from enumerate(
            csv.DictReader(
                text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
            )
        )
    except csv.Error as error:
        raise InputError(f"{path} is no table: {error}") from error


def _is_common(name: str) -> bool:
    return "*" in name or name in _COMMON


def _hint(root: Path, names: Sequence[str]) -> str:
    """What may be meant."""
    packed = (
        path
        for name in names
        for path in root.rglob(f"{PurePosixPath(name).name}.*")
        if path.suffix.lower() in _PACKED
    )
    below = (path for name in names if _is_common(name) for path in root.rglob(name))
    there = sorted(path.name for path in root.iterdir() if path.suffix.lower() in _TABLES)
    said = [
        *(f"; unpack {path}" for path in packed),
        *(f"; if {path} is it, give its folder" for path in below),
    ]
    if there and not said:
        said = [
            f"; there {'is' if len(there) == 1 else 'are'} "
            f"{', '.join(there[:3])}{', ...' if there[3:] else ''}"
        ]
    return said[0] if said else ""


def _all_parts(found: Sequence[Path]) -> list[Path]:
    """`found` if the numbers in their names are complete."""
    numbers = [_PART.search(path.name) for path in found]
    total = max((int(number[2]) for number in numbers if number), default=len(found))
    if len(found) != total:
        raise InputError(
            f"{len(found)} files like {found[0]}, expected {total} by the numbers in their names"
        )
    return list(found)


def _with_names(record: object, renamed: Mapping[str, str]) -> object:
    if not isinstance(record, Mapping):
        return record
    known = {
        ours: record[theirs]
        for theirs, ours in renamed.items()
        if theirs in record and ours not in record
    }
    return {**record, **known}


def _fields_hint(row_type: type[Any], record: Mapping[Any, object]) -> str:
    needed = [
        field.name
        for field in fields(row_type)
        if field.default is MISSING and field.default_factory is MISSING
    ]
    if all(name in record for name in needed):
        return ""
    found = ", ".join(short(name).strip("'") for name in record) or "none"
    return f"; it has the fields {found}, expected {', '.join(needed)}"[:600]
