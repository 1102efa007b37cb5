"""What a video looks like, in 256 bits: copies that were encoded again, scaled, brightened or
trimmed differ in few.

The bits are the signs of low frequencies in time and space. Signs do not change with brightness or
contrast, and low frequencies survive compression and scaling. The constant part of time (the
background) has a quarter of the bits only: two recordings of one scene differ in the other three,
which tell how the picture changes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.video.frames import Frame, Frames

_THUMBNAIL_PX = 32
_TIMES = 4
"""Frequencies in time, the constant one included: a trim of 5 % moves the fastest by less than a
quarter of pi."""
_PLANE = [(u, total - u) for total in range(1, 11) for u in range(total + 1)][:64]
"""The 64 lowest frequencies in space (down, across), without the mean."""
NUM_BITS = _TIMES * len(_PLANE)
_BLOCK = 1024
"""Rows compared at once: a block of distances takes 8 MiB."""


class Pair(NamedTuple):
    """Two videos that look alike, by their positions."""

    first: int
    second: int
    """Larger than `first` within one list."""
    distance: float
    """Share of bits that differ."""


def fingerprint(frames: Frames) -> str:
    """The fingerprint of frames (F, H, W, 3) that are evenly spread over a video."""
    thumbnails = np.stack([_thumbnail(frame) for frame in frames])
    # A cosine transform in time (t to f), down (r to u) and across (c to v), low frequencies only.
    spectrum = np.einsum(
        "tf,ur,frc,vc->tuv",
        _cosines(_TIMES, len(frames)),
        _SPACE,
        thumbnails,
        _SPACE,
        optimize=True,
    )
    signs = np.array([[spectrum[time][place] > 0 for place in _PLANE] for time in range(_TIMES)])
    return np.packbits(signs).tobytes().hex()


def fingerprint_distance(one: str, other: str) -> float:
    """Share of bits that differ between two fingerprints."""
    return (int(one, 16) ^ int(other, 16)).bit_count() / NUM_BITS


def near_pairs(fingerprints: Sequence[str], *, max_distance: float) -> Iterator[Pair]:
    """All pairs of which at most this share of bits differs; empty fingerprints look like
    nothing."""
    known, table = _table(fingerprints)
    # Blocks of rows against themselves and all later ones: each pair is seen, few are seen twice.
    for start in range(0, len(known), _BLOCK):
        for first, second, bits in _near(
            table[:, start : start + _BLOCK], table[:, start:], max_distance
        ):
            if first < second:
                yield Pair(known[start + first], known[start + second], bits / NUM_BITS)


def near_between(
    ours: Sequence[str], theirs: Sequence[str], *, max_distance: float
) -> Iterator[Pair]:
    """The same between two lists: `first` is a position in `ours`, `second` one in `theirs`."""
    our_places, our_table = _table(ours)
    their_places, their_table = _table(theirs)
    for start in range(0, len(our_places), _BLOCK):
        for first, second, bits in _near(
            our_table[:, start : start + _BLOCK], their_table, max_distance
        ):
            yield Pair(our_places[start + first], their_places[second], bits / NUM_BITS)


def _table(fingerprints: Sequence[str]) -> tuple[list[int], NDArray[np.uint64]]:
    """The places of those that are known, and their bits as (words of a fingerprint, videos)."""
    # Words come first in the table: each is a row that lies together in memory.
    known = [index for index, text in enumerate(fingerprints) if text]
    words = np.frombuffer(bytes.fromhex("".join(fingerprints[index] for index in known)), np.uint64)
    return known, words.reshape(len(known), NUM_BITS // 64).T


def _near(
    left: NDArray[np.uint64], right: NDArray[np.uint64], max_distance: float
) -> Iterator[tuple[int, int, int]]:
    """(column of `left`, column of `right`, bits that differ), block by block."""
    for start in range(0, right.shape[1], _BLOCK):
        block = right[:, start : start + _BLOCK]
        # 16 bits, because all 256 may differ.
        bits = np.zeros((left.shape[1], block.shape[1]), np.uint16)
        # One word of 64 bits at a time, so that no table of (left, right, words) is ever made.
        for mine, theirs in zip(left[:, :, None], block[:, None], strict=True):
            bits += np.bitwise_count(mine ^ theirs)
        for row, column in zip(*np.nonzero(bits <= int(max_distance * NUM_BITS)), strict=True):
            yield int(row), int(start + column), int(bits[row, column])


def _thumbnail(frame: Frame) -> NDArray[np.float32]:
    picture = (
        Image.fromarray(frame)
        .convert("L")
        .resize((_THUMBNAIL_PX, _THUMBNAIL_PX), Image.Resampling.BOX)
    )
    return np.asarray(picture, np.float32)


def _cosines(num_frequencies: int, length: int) -> NDArray[np.float32]:
    """Rows of the discrete cosine transform (DCT-II), unscaled: only signs are used."""
    places = (np.arange(length) + 0.5) / length
    return np.cos(np.pi * np.arange(num_frequencies)[:, None] * places).astype(np.float32)


_SPACE = _cosines(11, _THUMBNAIL_PX)
