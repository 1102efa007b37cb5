"""Numbers and tables as text: one way for the terminal, Markdown and pages.

What is not known, be it None or not finite, is a dash. Shares and scores are from 0 to 1.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

UNKNOWN = "–"
_LABEL_CHARS = 20


def percent(share: float | None, digits: int = 0) -> str:
    """ "75%"."""
    return f"{share:.{digits}%}" if is_known(share) else UNKNOWN


def points(share: float | None) -> str:
    """Of 100, as benchmarks are published: "51.9"."""
    return f"{100 * share:.1f}" if is_known(share) else UNKNOWN


def number(value: float | None, digits: int = 3) -> str:
    """ "0.512"."""
    return f"{value:.{digits}f}" if is_known(value) else UNKNOWN


def signed(value: float | None, digits: int = 3) -> str:
    """ "+0.066", for gains."""
    return f"{value:+.{digits}f}" if is_known(value) else UNKNOWN


def whole(value: float) -> str:
    """ "12,345"."""
    return f"{value:,.0f}"


def with_se(mean: float | None, se: float | None) -> str:
    """ "0.165 ± 0.007"; the mean alone if its standard error is not known."""
    return f"{number(mean)} ± {number(se)}" if is_known(mean) and is_known(se) else number(mean)


def is_known(value: float | None) -> TypeGuard[float]:
    """Whether there is a number to show."""
    return value is not None and math.isfinite(value)


def as_json(value: Any) -> Any:
    """`value` for a JSON file: numbers that are not known are null, at whatever depth."""
    if isinstance(value, Mapping):
        return {name: as_json(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(part) for part in value]
    # Python would write NaN and Infinity, which other readers of JSON refuse.
    return None if isinstance(value, float) and not math.isfinite(value) else value


def labelled_lines(rows: Iterable[tuple[str, str]]) -> str:
    """Lines of (label, text), for a terminal; an empty label goes on with the one above."""
    return "".join(f"{label:<{_LABEL_CHARS}}{text}".rstrip() + "\n" for label, text in rows)


def aligned_table(head: Sequence[str], rows: Sequence[Sequence[str]], gap: int = 3) -> str:
    """For a terminal: labels on the left, numbers to the right, columns `gap` blanks apart."""
    lines = [
        (" " * gap).join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(cells)
        )
        for cells in _with_widths([head, *rows])
    ]
    lines.insert(1, "─" * len(lines[0]))
    return "".join(f"{line.rstrip()}\n" for line in lines)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown that also reads well in a terminal."""
    marked = [[cell.replace("|", "\\|") for cell in row] for row in (head, *rows)]
    lines = [
        " | ".join(cell.ljust(width) for cell, width in cells) for cells in _with_widths(marked)
    ]
    lines.insert(1, " | ".join("-" * width for _, width in _with_widths(marked)[0]))
    return "".join(f"| {line} |\n" for line in lines)


def _with_widths(rows: Sequence[Sequence[str]]) -> list[list[tuple[str, int]]]:
    """Each cell with the width of its column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [list(zip(row, widths, strict=True)) for row in rows]
