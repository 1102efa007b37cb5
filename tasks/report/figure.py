"""What all charts have in common: size, colours, plain axes, PNG bytes that repeat."""

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, GREY, AMBER, GREEN, VIOLET, RED = (
    "#2563eb",
    "#9aa5b1",
    "#d97706",
    "#059669",
    "#9333ea",
    "#dc2626",
)
PALE_GREY, PALE_VIOLET = "#d6dbe1", "#d8b4fe"
WIDTH_INCHES = 9
_PANEL_INCHES = 2.7
_DPI = 110


def panels(num_rows: int, num_columns: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with a grid of plain axes, row by row."""
    figure = Figure(figsize=(WIDTH_INCHES, _PANEL_INCHES * num_rows), layout="constrained")
    grid = list(np.ravel(figure.subplots(num_rows, num_columns)))
    for axes in grid:
        make_plain(axes)
    return figure, grid


def make_plain(axes: Axes) -> None:
    """Without the frame's upper and right lines."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def png_bytes(figure: Figure) -> bytes:
    """Same figure, same bytes."""
    buffer = io.BytesIO()
    # Matplotlib would write its version into the file.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
