"""Edits as data: what is done to the frames of a shown video. `tasks.video.edits` applies them.

Frame numbers count within the shown video (after its segment was cut out), from 0; ranges are half-open.
"""

from dataclasses import dataclass
from typing import Literal

Shape = Literal["circle", "square", "triangle"]


@dataclass(frozen=True, kw_only=True)
class SpanEdit:
    """One transform of every frame in [start_frame, stop_frame)."""

    type: Literal["span"] = "span"
    kind: str
    """Name of the transform: a key of `tasks.video.edits.SPAN_EDITS`."""
    start_frame: int
    stop_frame: int
    amount: float = 0.0
    """Strength where the transform has one (zoom factor, ...); its unit is the transform's."""


@dataclass(frozen=True, kw_only=True)
class ReorderEdit:
    """The frames [start_frame, start_frame + len(order)) are shown in another order."""

    type: Literal["reorder"] = "reorder"
    start_frame: int
    order: tuple[int, ...]
    """order[i] is the offset (from start_frame) of the original frame shown at start_frame + i."""


@dataclass(frozen=True, kw_only=True)
class DrawEdit:
    """One filled shape drawn on one frame; lengths are shares of the frame's short side, centre of width and height."""

    type: Literal["draw"] = "draw"
    frame: int
    shape: Shape
    centre_x: float
    centre_y: float
    size: float
    """Diameter of the circumscribed circle, as a share of the short side."""
    angle_degrees: float
    color: tuple[int, int, int]


Edit = SpanEdit | ReorderEdit | DrawEdit
