"""Where the small vision tower begins: with the cosines that JPEG knows pictures by, not with
noise.

A patch of a picture is mostly smooth, so filters of noise all give nearly the same few numbers, and
learning begins with finding others. Cosines of low frequency, for brightness and two differences of
colour, of the two merged frames' sum and of their difference, are apart from the start; each is
scaled to what it gives on real patches.
"""

from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_BRIGHTNESS = np.array([1, 1, 1]) / np.sqrt(3)
_COLORS = (np.array([1, 0, -1]) / np.sqrt(2), np.array([1, -2, 1]) / np.sqrt(6))
_FRAMES = (np.array([1, 1]) / np.sqrt(2), np.array([-1, 1]) / np.sqrt(2))
_MOST_WAVES = {"brightness": 7, "color": 3}
"""Half waves down and across together."""
_LEAST_DEVIATION = 0.02
"""What gives less on patches is not enlarged further."""
_SCALE = 0.5


@torch.no_grad()
def start_filters(projection: torch.nn.Conv3d, patches: Float[Tensor, "K D"]) -> None:
    """Give the filters of a patch embedding their first weights, in place; those beyond the bank
    keep theirs. `patches` are what the processor makes of frames."""
    bank = torch.tensor(_bank(projection.kernel_size[-1]), dtype=torch.float32)
    bank = bank[: projection.out_channels]
    given = patches @ bank.T
    scale = _SCALE / (given.std(dim=0) + _LEAST_DEVIATION)
    projection.weight.flatten(1)[: len(bank)] = bank * scale[:, None]
    assert projection.bias is not None
    projection.bias[: len(bank)] = -given.mean(dim=0) * scale


def _bank(side_px: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """(filters, channel x frame x row x column), the order of a patch."""
    kinds = [(_BRIGHTNESS, _MOST_WAVES["brightness"])]
    kinds += [(color, _MOST_WAVES["color"]) for color in _COLORS]
    return np.stack(
        [
            np.einsum("c,t,h,w->cthw", color, frames, _wave(side_px, down), _wave(side_px, across))
            for color, most in kinds
            for frames, down, across in product(_FRAMES, range(most + 1), range(most + 1))
            if down + across <= most
        ]
    ).reshape(-1, 3 * 2 * side_px * side_px)


def _wave(side_px: int, half_waves: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of the discrete cosine transform, of length 1."""
    places = np.cos(np.pi * (np.arange(side_px) + 0.5) * half_waves / side_px)
    wave: np.ndarray[tuple[int], np.dtype[np.float64]] = places / np.linalg.norm(places)
    return wave
