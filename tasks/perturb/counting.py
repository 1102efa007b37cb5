"""Object counting: shapes are drawn on some frames; how many of each? The answer is three counts.

Above the hard point shapes are see-through, and some frames show diamonds or bars, which do not
count.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rewards.answers import Counts
from tasks.core.config import PerturbConfig
from tasks.core.edits import DrawEdit, Shape
from tasks.core.types import Clip, Sample
from tasks.perturb.difficulty import CountingDifficulty, counting_difficulty
from tasks.perturb.donors import Donor
from tasks.perturb.item import UnplannableError, build_sample, whole_view

SHAPES: tuple[Shape, ...] = ("circle", "square", "triangle")
_OTHER_SHAPES: tuple[Shape, ...] = ("diamond", "bar")
_SEPARATION_SHARE = 8 / 48
"""Altered frames of one shape are more than this share of the clip apart."""
_MARGIN_SHARE = 0.15
"""Centres lie inside the middle 70 %."""
_GAP_PX = 2.0
"""Least distance between two shapes, and from a shape to the edge of the picture: they never touch,
even diagonally."""
# Of each channel, half-open: 50 to 255, as in the paper's release.
_COLOR_RANGE = (50, 256)
_MAX_ATTEMPTS = 1000
_TRIES_PER_SIZE = 20
_SHRINK = 0.85
_MAX_SHRINKS = 8


class _Place(NamedTuple):
    """Centre as shares of width and height, diameter as a share of the short side."""

    x: float
    y: float
    size: float


class Counting:
    """Circles, squares and triangles; a frame shows shapes of one type only."""

    name = "counting"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return ("shapes",)

    def num_donors(self, kind: str) -> int:
        return 0

    def plan(
        self,
        clip: Clip,
        kind: str,
        level: float,
        rng: np.random.Generator,
        donors: Sequence[Donor] = (),
    ) -> Sample:
        difficulty = counting_difficulty(level, min(clip.width_px, clip.height_px))
        edits = [
            edit
            for shape, frame in _draw_frames(len(clip.timestamps_seconds), difficulty, rng)
            for edit in draw_shapes(shape, frame, clip, difficulty, rng)
        ]
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=(whole_view(clip, tuple(edits)),),
            question="Circles, squares and triangles are drawn on some frames of this video. How "
            "many of each in all? Answer with circles,squares,triangles as numbers, e.g. "
            "2,1,3.",
            answer=Counts(tuple(sum(edit.shape == shape for edit in edits) for shape in SHAPES)),
        )


def _draw_frames(
    num_frames: int, difficulty: CountingDifficulty, rng: np.random.Generator
) -> list[tuple[Shape, int]]:
    """Which shape each altered frame shows.

    Numbers and frames are drawn together until they fit, so that a short clip gets the same
    distribution, conditioned on what is possible in it.
    """
    for _ in range(_MAX_ATTEMPTS):
        counts = rng.integers(1, difficulty.max_frames + 1, size=len(SHAPES)).tolist()
        drawn = [_draw_separate(num_frames, count, rng) for count in counts]
        used = {frame for frames in drawn for frame in frames}
        free = [frame for frame in range(num_frames) if frame not in used]
        if all(drawn) and len(used) == sum(counts) and len(free) >= difficulty.num_other_frames:
            asked = [
                (shape, frame)
                for shape, frames in zip(SHAPES, drawn, strict=True)
                for frame in frames
            ]
            others = rng.choice(free, size=difficulty.num_other_frames, replace=False).tolist()
            return asked + [
                (_OTHER_SHAPES[int(rng.integers(len(_OTHER_SHAPES)))], frame) for frame in others
            ]
    raise UnplannableError(
        f"{num_frames} frames have no room for three shapes on frames of their own"
    )


def _draw_separate(num_frames: int, count: int, rng: np.random.Generator) -> list[int]:
    """`count` frames more than `_SEPARATION_SHARE` apart, uniform over all such choices; none if
    there is no room."""
    gap = int(_SEPARATION_SHARE * num_frames)
    room = num_frames - (count - 1) * gap
    if room < count:
        return []
    # Frames without the gaps between them: each such choice stands for one with gaps and each with
    # gaps for one without, so uniform draws here are uniform there.
    chosen = np.sort(rng.choice(room, size=count, replace=False))
    return [int(frame) for frame in chosen + gap * np.arange(count)]


def draw_shapes(
    shape: Shape, frame: int, clip: Clip, difficulty: CountingDifficulty, rng: np.random.Generator
) -> list[DrawEdit]:
    """The shapes of one frame; number, sizes and places are drawn again until all fit."""
    for _ in range(_MAX_ATTEMPTS):
        places = _draw_places(clip, difficulty, rng)
        if places:
            return [_draw_edit(shape, frame, place, difficulty.opacity, rng) for place in places]
    raise UnplannableError(
        f"a picture of {clip.width_px}x{clip.height_px} px has no room for shapes"
    )


def _draw_places(
    clip: Clip, difficulty: CountingDifficulty, rng: np.random.Generator
) -> list[_Place]:
    placed: list[_Place] = []
    for _ in range(int(rng.integers(1, difficulty.max_shapes + 1))):
        place = _find_place(placed, clip, difficulty, rng)
        if place is None:
            return []
        placed.append(place)
    return placed


def _find_place(
    placed: Sequence[_Place], clip: Clip, difficulty: CountingDifficulty, rng: np.random.Generator
) -> _Place | None:
    """A place clear of the others: a shape that finds none shrinks step by step to the smallest
    size."""
    # From here on lengths are in units of the short side, so that a distance is the same in x and
    # y.
    short = min(clip.width_px, clip.height_px)
    width, height, gap = clip.width_px / short, clip.height_px / short, _GAP_PX / short
    size = float(rng.uniform(difficulty.min_size, difficulty.max_size))
    for _ in range(_MAX_SHRINKS):
        edge = size / 2 + gap
        (left, right), (top, bottom) = _inside(width, edge), _inside(height, edge)
        for _ in range(_TRIES_PER_SIZE):
            # What rng.uniform gives, in a third of the time: this is the innermost loop of
            # planning.
            x = left + (right - left) * rng.random()
            y = top + (bottom - top) * rng.random()
            # Circumscribed circles that do not meet: right for any shape at any angle.
            if all(
                math.hypot(x - o.x * width, y - o.y * height) > (size + o.size) / 2 + gap
                for o in placed
            ):
                return _Place(round(x / width, 4), round(y / height, 4), round(size, 4))
        size = max(difficulty.min_size, size * _SHRINK)
    return None


def _inside(length: float, edge: float) -> tuple[float, float]:
    """The middle part of the picture, at least `edge` from its border."""
    margin = min(max(edge, _MARGIN_SHARE * length), length / 2)
    return margin, length - margin


def _draw_edit(
    shape: Shape, frame: int, place: _Place, opacity: float, rng: np.random.Generator
) -> DrawEdit:
    red, green, blue = rng.integers(*_COLOR_RANGE, size=3).tolist()
    return DrawEdit(
        frame=frame,
        shape=shape,
        centre_x=place.x,
        centre_y=place.y,
        size=place.size,
        angle_degrees=round(float(rng.uniform(0, 360)), 1),
        color=(red, green, blue),
        opacity=opacity,
    )
