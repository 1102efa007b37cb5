"""Edits as data: what is done to the frames of a shown video. `tasks.video.edits` applies them.

Frame numbers count within the shown video (after its segment was cut out), from 0; ranges are
half-open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Shape = Literal["circle", "square", "triangle", "diamond", "bar"]
"""Diamonds and bars are slim, so that neither is taken for a square."""


@dataclass(frozen=True, kw_only=True)
class SpanEdit:
    """One transform of every frame in [start_frame, stop_frame)."""

    type: Literal["span"] = "span"
    kind: str
    """Name of the transform: a key of `tasks.video.transforms.SPAN_TRANSFORMS`."""
    start_frame: int
    stop_frame: int
    amount: float = 0.0
    """Strength where the transform has one (zoom factor, ...); its unit is the transform's."""
    seed: int = 0
    """Of the transform's noise, if it has any."""


@dataclass(frozen=True, kw_only=True)
class ReorderEdit:
    """The frames [start_frame, start_frame + len(order)) are shown in another order."""

    type: Literal["reorder"] = "reorder"
    start_frame: int
    order: tuple[int, ...]
    """order[i] is the offset (from start_frame) of the original frame shown at start_frame + i."""


@dataclass(frozen=True, kw_only=True)
class ReplaceEdit:
    """The frames [start_frame, stop_frame) are replaced by as many of another clip, fitted to the
    size of these."""

    type: Literal["replace"] = "replace"
    start_frame: int
    stop_frame: int
    donor_clip_id: str
    donor_start_frame: int


@dataclass(frozen=True, kw_only=True)
class DrawEdit:
    """One filled shape drawn on one frame; lengths are shares of the frame's short side, centre of
    width and height."""

    type: Literal["draw"] = "draw"
    frame: int
    shape: Shape
    centre_x: float
    centre_y: float
    size: float
    """Diameter of the circumscribed circle, as a share of the short side."""
    angle_degrees: float
    color: tuple[int, int, int]
    opacity: float = 1.0
    """Share of the colour in each pixel; the rest is the picture's."""


Edit = SpanEdit | ReorderEdit | ReplaceEdit | DrawEdit


def donor_clip_ids(edits: Iterable[Edit]) -> list[str]:
    """The other clips that `edits` take frames from, each once."""
    return list(
        dict.fromkeys(edit.donor_clip_id for edit in edits if isinstance(edit, ReplaceEdit))
    )
