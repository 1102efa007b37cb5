"""What is to be seen on each pair of frames, which the vision tower merges into one step: told to
it directly, besides what the questions tell.

Answers alone teach a fresh tower very slowly, since one number stands for thirty pictures. These
targets are dense: the colours and the shapes of each place, and of each frame how many shapes it
shows, what was done to it and how late it is. The heads that read them off are thrown away
afterwards.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mse_loss,
)

from tasks.core.edits import DrawEdit, SpanEdit
from tasks.core.types import View
from tasks.perturb.counting import SHAPES
from tasks.pretrain.lessons import KIND_WORDS
from tasks.pretrain.scenes import NUM_FRAMES, Scene
from tasks.video.edits import shape_mask
from tasks.video.frames import Frames

KINDS = tuple(KIND_WORDS)
PATCH_PX = 8
"""Half of the usual: pictures are small, and a shape's outline must fall on several patches."""
_TOKEN_PX, _CELL_PX = 2 * PATCH_PX, PATCH_PX
_CELLS = (_TOKEN_PX // _CELL_PX) ** 2
_UNKNOWN = -100
"""What `cross_entropy` leaves out."""
# What is learned last counts most.
_OF_SHAPES, _OF_COLORS, _OF_NUMBERS, _OF_KINDS, _OF_LATENESS = 24.0, 2.0, 6.0, 0.5, 5.0
_MOST_SHAPES = 4
"""Of one frame, at the levels that are learned."""


@dataclass(frozen=True)
class Seen:
    """Of the pairs P of a video's frames, with K tokens each."""

    colors: Float[Tensor, "PK 24"]
    """Of the four cells of a token's place on both frames, from -1 to 1."""
    covered: Float[Tensor, "PK 24"]
    """Share of each cell that each of the three shapes covers."""
    numbers: Int[Tensor, "P 6"]
    """How many of each shape each frame shows."""
    kinds: Int[Tensor, "P 2"]
    """0 unaltered, else 1 + the place in `KINDS`; `_UNKNOWN` where one frame cannot tell."""
    lateness: Float[Tensor, " P"]
    """Share of the clip that has passed; no number where pictures do not tell."""
    tokens: Int[Tensor, " P"]
    """K."""


def seen_in(scene: Scene, view: View, frames: Frames) -> Seen:
    """Of `view` as it is shown: `frames` are those after its edits."""
    if len(frames) % 2:  # as the processor does
        frames = np.concatenate([frames, frames[-1:]])
    num, height, width = frames.shape[:3]
    numbers = np.zeros((num, len(SHAPES)), np.int64)
    covered = np.zeros((num, height, width, len(SHAPES)), np.float32)
    kinds = np.zeros(num, np.int64)
    for edit in view.edits:
        match edit:
            case DrawEdit():
                shape = SHAPES.index(edit.shape)
                numbers[edit.frame, shape] += 1
                mask = shape_mask(edit, height_px=height, width_px=width)
                covered[edit.frame, ..., shape] += mask
            case SpanEdit():
                kinds[edit.start_frame : edit.stop_frame] = 1 + KINDS.index(edit.kind)
    middle = view.start_frame + np.arange(0, num, 2) + 0.5
    return Seen(
        colors=_by_token(frames.astype(np.float32)) / 127.5 - 1,
        covered=_by_token(covered),
        numbers=torch.from_numpy(numbers.reshape(num // 2, -1)),
        kinds=torch.from_numpy(kinds.reshape(-1, 2)) if scene.is_landscape else _unknown(num),
        lateness=torch.tensor(
            middle / NUM_FRAMES if scene.is_landscape else np.full(num // 2, np.nan),
            dtype=torch.float32,
        ),
        tokens=torch.full((num // 2,), height * width // _TOKEN_PX**2),
    )


def _unknown(num: int) -> Int[Tensor, "P 2"]:
    return torch.full((num // 2, 2), _UNKNOWN)


def _by_token(values: Float[np.ndarray, "F H W C"]) -> Float[Tensor, "PK D"]:
    """Means of cells, those of one token together."""
    num, height, width, channels = values.shape
    # Rows before columns, which lie further apart: three times as fast as both at once.
    rows = values.reshape(num, height // _CELL_PX, _CELL_PX, width * channels).mean(2)
    cells = rows.reshape(num, height // _CELL_PX, width // _CELL_PX, _CELL_PX, channels).mean(3)
    side = _TOKEN_PX // _CELL_PX
    split = cells.reshape(
        num // 2, 2, height // _TOKEN_PX, side, width // _TOKEN_PX, side, channels
    )
    # To (pair, row, column, frame, row of cells, column of cells, channel).
    ordered = split.transpose(0, 2, 4, 1, 3, 5, 6)
    return torch.from_numpy(np.ascontiguousarray(ordered.reshape(-1, 2 * side * side * channels)))


def join(parts: Sequence[Seen]) -> Seen:
    """Of several videos, one after the other."""
    return Seen(*(torch.cat([getattr(p, field.name) for p in parts]) for field in fields(Seen)))


class SeeingHeads(nn.Module):
    """Linear maps from what the vision tower gives to what is to be seen."""

    def __init__(self, width: int) -> None:
        super().__init__()
        values = 2 * _CELLS * len(SHAPES)
        self.colors, self.covered = nn.Linear(width, values), nn.Linear(width, values)
        self.numbers = nn.Linear(width, 2 * len(SHAPES) * (1 + _MOST_SHAPES))
        self.kinds = nn.Linear(width, 2 * (1 + len(KINDS)))
        self.lateness = nn.Linear(width, 1)

    def losses(self, output: Float[Tensor, "PK W"], seen: Seen) -> Iterator[tuple[str, Tensor]]:
        """Each is a mean, weighted."""
        pairs = torch.arange(len(seen.tokens)).repeat_interleave(seen.tokens)
        totals = output.new_zeros(len(seen.tokens), output.shape[1]).index_add(0, pairs, output)
        means = totals / seen.tokens[:, None]
        covered = seen.covered.clamp(max=1)
        yield "shapes", _OF_SHAPES * binary_cross_entropy_with_logits(self.covered(output), covered)
        yield "colors", _OF_COLORS * mse_loss(self.colors(output), seen.colors)
        numbers = self.numbers(means).view(-1, 1 + _MOST_SHAPES)
        yield "numbers", _OF_NUMBERS * cross_entropy(numbers, seen.numbers.flatten())
        kinds = self.kinds(means).view(-1, 1 + len(KINDS))
        known = (seen.kinds != _UNKNOWN).sum().clamp(min=1)  # no video may tell
        of_kinds = cross_entropy(
            kinds, seen.kinds.flatten(), ignore_index=_UNKNOWN, reduction="sum"
        )
        yield "kinds", _OF_KINDS * of_kinds / known
        tells = ~seen.lateness.isnan()
        late = self.lateness(means)[tells, 0]
        off = mse_loss(late, seen.lateness[tells], reduction="sum")
        yield "lateness", _OF_LATENESS * off / tells.sum().clamp(min=1)
