"""Rows of JSON text, each read by itself: whatever is wrong with one costs that one.

A file is one JSON list, or a row a line, or rows that go over several lines. A list is read as a
whole if it can be; else it is cut at the commas between its rows, or where the next row's line
begins, in time linear in its length.
"""

import codecs
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(rb'[\[\]{},]|"[^"\\\n]*(?:\\.[^"\\\n]*)*"?')
"""What decides where a row ends; a text that is not closed ends with its line, where JSON allows
none to go on."""
_ROW_ON_A_LINE = re.compile(rb"[ \t\r]*(\n[ \t]{0,64})\{")
"""How the first row of a list begins, if each has a line of its own: the others begin alike, and
nothing inside one."""
_BLANKS = re.compile(r"\s*")
_DETAIL_CHARS = 200


@dataclass(frozen=True)
class Unreadable:
    """What stands in the place of a row that cannot be read."""

    reason: str


def json_rows(data: bytes, *, is_lines: bool) -> Iterator[tuple[int, object]]:
    """(row number, row) of every row that is not blank; `is_lines` says that a list is not
    expected.

    Raises:
        ValueError: the text is of an encoding that is not UTF-8, as its first bytes say.
    """
    data = _utf8(data)
    rows = _whole_list(data)
    if rows is not None:
        yield from enumerate(rows)
        return
    pieces = _pieces(data, is_lines)
    for number, piece in enumerate(pieces.rows):
        if piece.strip():
            yield number, _row(piece)
    if pieces.rest is not None:
        yield len(pieces.rows), Unreadable(pieces.rest)


def json_subset(data: bytes, numbers: Collection[int], *, is_lines: bool) -> bytes:
    """The rows with these numbers in the same form; a line, or a row of a list with broken ones,
    keeps its bytes."""
    data = _utf8(data)
    rows = _whole_list(data)
    if rows is not None:
        return _json_list([row for number, row in enumerate(rows) if number in numbers])
    pieces = _pieces(data, is_lines)
    chosen = [piece for number, piece in enumerate(pieces.rows) if number in numbers]
    if pieces.is_list:
        return b"[" + b",".join(chosen) + b"]"
    return b"".join(piece + b"\n" for piece in chosen)


@dataclass(frozen=True)
class _Pieces:
    """A text cut into its rows."""

    rows: Sequence[bytes]
    is_list: bool
    rest: str | None = None
    """Why there may have been more after the last row."""


def _json_list(rows: Sequence[object]) -> bytes:
    try:
        return json.dumps(rows, ensure_ascii=False, indent=1).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can write
        return json.dumps(rows, indent=1).encode()


def _utf8(data: bytes) -> bytes:
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            raise ValueError("its text is UTF-16, expected UTF-8")
    return data.removeprefix(codecs.BOM_UTF8)


def _whole_list(data: bytes) -> list[object] | None:
    if not _starts_as_list(data):
        return None
    whole = _row(data)
    return whole if isinstance(whole, list) else None


def _starts_as_list(data: bytes) -> bool:
    return data.lstrip()[:1] == b"["


def _pieces(data: bytes, is_lines: bool) -> _Pieces:
    first, _, others = data.lstrip().partition(b"\n")
    # The last case are rows that are lists themselves, a line each: then the first line is a whole
    # list, and others follow it.
    if not (
        is_lines or not _starts_as_list(data) or (others.strip() and isinstance(_row(first), list))
    ):
        return _list_pieces(data)
    # A first line that cannot be read by itself is either broken or the beginning of a row that
    # goes on; in the first case there are no values over lines, and lines are rows.
    rows = _rows_over_lines(data) if isinstance(_row(first), Unreadable) else []
    return _Pieces(
        rows or data.split(b"\n"), is_list=False
    )  # splitlines would know more ends than JSON lines have


def _rows_over_lines(data: bytes) -> list[bytes]:
    """Values one after the other, as `jq` writes them; none if one of them is broken."""
    rows, start, decoder = [], 0, json.JSONDecoder()
    try:
        text = data.decode("utf-8").strip()
        while start < len(text):
            _, stop = decoder.raw_decode(text, start)
            rows.append(text[start:stop].encode())
            start = _BLANKS.match(text, stop).end()  # type: ignore[union-attr]
    except (ValueError, RecursionError):
        return []
    return rows


def _list_pieces(data: bytes) -> _Pieces:
    begin = start = data.index(b"[") + 1
    rows: list[bytes] = []
    depth = 0
    lead = _ROW_ON_A_LINE.match(data, begin)
    for token in _TOKEN.finditer(data, begin):
        sign = token[0]
        if depth and sign == b"{" and lead and data.endswith(lead[1], start, token.start()):
            rows.append(
                data[start : token.start()]
            )  # what was not closed ends where the next row begins
            start, depth = token.start(), 1
        elif sign in (b"[", b"{"):
            depth += 1
        elif depth and sign in (b"]", b"}"):
            depth -= 1
        elif not depth and sign in (b",", b"]"):
            rows.append(data[start : token.start()])
            start = token.end()
            if sign == b"]":
                after = data[start:].strip()
                return _Pieces(
                    rows, is_list=True, rest="text after the end of the list" if after else None
                )
    return _Pieces(
        rows, is_list=True, rest="the list ends in the middle of this row; is the file cut off?"
    )


def _row(text: bytes) -> object:
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        reason = f"no UTF-8: {error.reason} at byte {error.start}"
    except RecursionError:
        reason = "nested too deep"
    except ValueError as error:  # JSONDecodeError, a name twice, or a number of thousands of digits
        reason = f"no JSON: {error}"
    return Unreadable(reason[:_DETAIL_CHARS])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"the name {twice!r:.80} stands twice")
    return fields
