"""Colored marks: discs of different colors appear one after another; in which order? The answer is a permutation.

Made from what was there already (edits, answers, rewards), as an example of a pretext task: this file and one entry of
`PRETEXTS`. It is off unless `perturb.pretexts` names it.
"""

from collections.abc import Sequence

import numpy as np

from rewards.answers import Permutation
from tasks.core.config import PerturbConfig
from tasks.core.edits import DrawEdit
from tasks.core.types import Clip, Sample
from tasks.perturb.difficulty import interpolate
from tasks.perturb.donors import Donor
from tasks.perturb.item import UnplannableError, build_sample, whole_view

_COLORS = {
    "red": (230, 30, 30),
    "green": (30, 200, 40),
    "blue": (40, 60, 230),
    "yellow": (240, 220, 30),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
_NUM_MARKS = (2, 3, 4, 5, 6)
_SIZE = (0.5, 0.4, 0.3, 0.25, 0.2)
"""Diameter as a share of the short side."""
_OPACITY = (1.0, 1.0, 1.0, 0.9, 0.7)
"""Each row is read like those of `tasks.perturb.difficulty`."""


class Marks:
    """Each mark is on one frame of its own; frames, places and the order are uniform."""

    name = "marks"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return ("colors",)

    def num_donors(self, kind: str) -> int:
        return 0

    def plan(
        self, clip: Clip, kind: str, level: float, rng: np.random.Generator, donors: Sequence[Donor] = ()
    ) -> Sample:
        num_frames, count = len(clip.timestamps_seconds), round(interpolate(_NUM_MARKS, level))
        if num_frames < count:
            raise UnplannableError(f"{num_frames} frames do not show {count} marks one after another")
        frames = np.sort(rng.choice(num_frames, size=count, replace=False)).tolist()
        order = rng.permutation(count).tolist()
        names = list(_COLORS)[:count]
        edits = tuple(_mark(frame, names[mark], level, rng) for frame, mark in zip(frames, order, strict=True))
        numbered = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=(whole_view(clip, edits),),
            question=f"Discs of these colors appear in this video, each once: {numbered}. In which order? "
            f"Answer with {count} digits: the numbers of the colors from first to last.",
            answer=Permutation(tuple(mark + 1 for mark in order)),
        )


def _mark(frame: int, color: str, level: float, rng: np.random.Generator) -> DrawEdit:
    size = interpolate(_SIZE, level)
    x, y = rng.uniform(size / 2, 1 - size / 2, size=2).tolist()
    return DrawEdit(
        frame=frame,
        shape="circle",
        centre_x=round(x, 4),
        centre_y=round(y, 4),
        size=size,
        angle_degrees=0.0,
        color=_COLORS[color],
        opacity=interpolate(_OPACITY, level),
    )
