"""What a video looks like, in 256 bits: copies that were encoded again, scaled, brightened or trimmed differ in few.

The bits are the signs of low frequencies in time and space. Signs do not change with brightness or contrast, and low
frequencies survive compression and scaling. The constant part of time (the background) has a quarter of the bits only:
two recordings of one scene differ in the other three, which tell how the picture changes.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.video.frames import Frame, Frames

_THUMBNAIL_PX = 32
_TIMES = 4
"""Frequencies in time, the constant one included: a trim of 5 % moves the fastest by less than a quarter of pi."""
_PLANE = [(u, total - u) for total in range(1, 11) for u in range(total + 1)][:64]
"""The 64 lowest frequencies in space (down, across), without the mean."""
NUM_BITS = _TIMES * len(_PLANE)
_BLOCK = 1024
"""Rows compared at once: a block of distances takes 8 MiB."""


class Pair(NamedTuple):
    """Two videos that look alike, by their positions."""

    first: int
    second: int
    """Larger than `first`."""
    distance: float
    """Share of bits that differ."""


def fingerprint(frames: Frames) -> str:
    """The fingerprint of frames (F, H, W, 3) that are evenly spread over a video."""
    thumbnails = np.stack([_thumbnail(frame) for frame in frames])
    spectrum = np.einsum("tf,ur,frc,vc->tuv", _cosines(_TIMES, len(frames)), _SPACE, thumbnails, _SPACE, optimize=True)
    signs = np.array([[spectrum[time][place] > 0 for place in _PLANE] for time in range(_TIMES)])
    return np.packbits(signs).tobytes().hex()


def near_pairs(fingerprints: Sequence[str], *, max_distance: float) -> Iterator[Pair]:
    """All pairs of which at most this share of bits differs; empty fingerprints look like nothing."""
    known = [index for index, text in enumerate(fingerprints) if text]
    words = np.frombuffer(bytes.fromhex("".join(fingerprints[index] for index in known)), np.uint64)
    table = words.reshape(len(known), NUM_BITS // 64).T
    edges = [*range(0, len(known), _BLOCK), len(known)]
    for start, stop in pairwise(edges):
        for first, second, bits in _near_in_block(table, start, stop, int(max_distance * NUM_BITS)):
            yield Pair(known[first], known[second], bits / NUM_BITS)


def _near_in_block(table: NDArray[np.uint64], start: int, stop: int, max_bits: int) -> Iterator[tuple[int, int, int]]:
    """Rows [start, stop) against all later ones. `table` is (words of a fingerprint, videos)."""
    for other in range(start, table.shape[1], _BLOCK):
        left, right = table[:, start:stop, None], table[:, None, other : other + _BLOCK]
        bits = np.zeros((stop - start, right.shape[2]), np.uint16)
        for mine, theirs in zip(left, right, strict=True):
            bits += np.bitwise_count(mine ^ theirs)
        for row, column in zip(*np.nonzero(bits <= max_bits), strict=True):
            if start + row < other + column:
                yield int(start + row), int(other + column), int(bits[row, column])


def _thumbnail(frame: Frame) -> NDArray[np.float32]:
    picture = Image.fromarray(frame).convert("L").resize((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.BOX)
    return np.asarray(picture, np.float32)


def _cosines(num_frequencies: int, length: int) -> NDArray[np.float32]:
    """Rows of the discrete cosine transform (DCT-II), unscaled: only signs are used."""
    places = (np.arange(length) + 0.5) / length
    return np.cos(np.pi * np.arange(num_frequencies)[:, None] * places).astype(np.float32)


_SPACE = _cosines(11, _THUMBNAIL_PX)
