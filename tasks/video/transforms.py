"""The span transforms: each takes all frames of a span (uint8, F x H x W x 3) and gives as many,
altered.

Adding one is one function and one entry of `SPAN_TRANSFORMS`. All are deterministic to the bit;
noise comes from the edit's seed alone. Pixels outside the picture are black, as the frame keeps its
size.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tasks.video.frames import Frame, Frames

_NUM_QUANTILES = 1 << 16
_ONE = 256
"""Weights of a blur are shares of this: 255 times their sum still fits 16 bits, with the half level
that rounds."""


@dataclass(frozen=True, kw_only=True)
class SpanTransform:
    """How a span is altered, and from which amount on that makes sense."""

    apply: Callable[[Frames, float, int], Frames]
    """Frames, amount, seed -> frames."""
    min_amount: float = 0.0


def _grayscale(frames: Frames, amount: float, seed: int) -> Frames:
    """Luma of ITU-R BT.601, as in JPEG."""
    tall = Image.fromarray(frames.reshape(-1, frames.shape[2], 3))
    return np.repeat(np.asarray(tall.convert("L")).reshape(*frames.shape[:3], 1), 3, axis=-1)


def _saturation(frames: Frames, amount: float, seed: int) -> Frames:
    """Every pixel `amount` times as far from its luma."""
    luma = np.array([0.299, 0.587, 0.114])
    # luma + amount (pixel - luma), as one matrix for red, green and blue.
    matrix = amount * np.eye(3) + (1 - amount) * luma
    # half a level, because Pillow cuts decimals off
    rows = np.column_stack([matrix, np.full(3, 0.5)])
    tall = Image.fromarray(frames.reshape(-1, frames.shape[2], 3))
    return np.asarray(tall.convert("RGB", tuple(rows.ravel().tolist()))).reshape(frames.shape)


def _noise(frames: Frames, amount: float, seed: int) -> Frames:
    """Gaussian noise of `amount` grey levels; frame i of the span has stream (seed, i) of a
    counter-based generator."""
    levels = np.rint(amount * _normal_quantiles()).astype(np.int16)
    noisy = np.empty_like(frames)
    for index, frame in enumerate(frames):
        # Four numbers of 16 bits from each word; little-endian by name, so that every machine draws
        # the same.
        bits = (
            np.random.Philox(key=[seed, index])
            .random_raw(-(-frame.size // 4))
            .astype("<u8")
            .view("<u2")
        )
        np.clip(
            frame + levels[bits[: frame.size]].reshape(frame.shape),
            0,
            255,
            out=noisy[index],
            casting="unsafe",
        )
    return noisy


@functools.cache
def _normal_quantiles() -> NDArray[np.float64]:
    """The normal distribution as equally likely values: one for each number of 16 bits."""
    from scipy.special import ndtri

    quantiles: NDArray[np.float64] = ndtri((np.arange(_NUM_QUANTILES) + 0.5) / _NUM_QUANTILES)
    return quantiles


def _blur(frames: Frames, amount: float, seed: int) -> Frames:
    return np.stack([blurred(frame, amount) for frame in frames])


def _hold(frames: Frames, amount: float, seed: int) -> Frames:
    """The first frame of the span stands still to its end."""
    return np.repeat(frames[:1], len(frames), axis=0)


def _turn(frames: Frames, quarters: int) -> Frames:
    """By quarters of a turn to the left; a picture that is not square is shrunk until it fits,
    inside black."""
    height, width = frames.shape[1:3]
    turned = np.rot90(frames, quarters, axes=(1, 2))  # Counter-clockwise: axis 1 runs down.
    if height == width:
        return turned
    scale = min(height, width) / max(height, width)
    return _inside_black(
        turned, max(1, round(width * scale)), max(1, round(height * scale)), height, width
    )


def _zoom_out(frames: Frames, amount: float, seed: int) -> Frames:
    """The picture at 1 / amount of its size, in the centre of a black frame."""
    height, width = frames.shape[1:3]
    return _inside_black(
        frames, max(1, round(height / amount)), max(1, round(width / amount)), height, width
    )


def _zoom_in(frames: Frames, amount: float, seed: int) -> Frames:
    """The middle 1 / amount of the picture, enlarged to the whole frame."""
    height, width = frames.shape[1:3]
    part_height, part_width = max(1, round(height / amount)), max(1, round(width / amount))
    top, left = (height - part_height) // 2, (width - part_width) // 2
    part = frames[:, top : top + part_height, left : left + part_width]
    return np.stack([_resized(frame, height, width) for frame in part])


def _inside_black(
    frames: Frames, small_height: int, small_width: int, height: int, width: int
) -> Frames:
    top, left = (height - small_height) // 2, (width - small_width) // 2
    framed = np.zeros((len(frames), height, width, 3), np.uint8)
    for target, frame in zip(framed, frames, strict=True):
        target[top : top + small_height, left : left + small_width] = _resized(
            frame, small_height, small_width
        )
    return framed


def _resized(frame: Frame, height: int, width: int) -> Frame:
    picture = Image.fromarray(np.ascontiguousarray(frame))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def cover(frames: Frames, height: int, width: int) -> Frames:
    """Frames that fill height x width: their middle part of that shape, resized."""
    own_height, own_width = frames.shape[1:3]
    if (own_height, own_width) == (height, width):
        return frames
    # The larger ratio fills both sides; what is too much of the other side is cut off evenly before
    # resizing.
    scale = max(height / own_height, width / own_width)
    part_height = min(own_height, max(1, round(height / scale)))
    part_width = min(own_width, max(1, round(width / scale)))
    top, left = (own_height - part_height) // 2, (own_width - part_width) // 2
    part = frames[:, top : top + part_height, left : left + part_width]
    return np.stack([_resized(frame, height, width) for frame in part])


def blurred(frame: Frame, radius_px: float) -> Frame:
    """The frame (H, W, 3) blurred by a Gaussian of standard deviation `radius_px`; its border
    pixels are repeated.

    In whole numbers: the same bytes on every machine, and 1 ms for 256 x 256 pixels. (Pillow's
    takes 2.5 ms and is three box blurs that come near a Gaussian.)
    """
    height, width, channels = frame.shape
    weights = _half_kernel(radius_px)
    # A Gaussian is the product of one down and one across: 2 (2 N + 1) products a pixel, not (2 N +
    # 1)^2.
    reach = len(weights) - 1
    rows = np.pad(frame.reshape(height, -1), ((reach, reach), (0, 0)), mode="edge")
    down = _weighted([rows[i : i + height] for i in range(2 * reach + 1)], weights)
    # Channels lie side by side in a row, so one pixel to the right is `channels` bytes further.
    columns = np.pad(
        down.reshape(frame.shape), ((0, 0), (reach, reach), (0, 0)), mode="edge"
    ).reshape(height, -1)
    size = width * channels
    across = _weighted(
        [columns[:, i * channels : i * channels + size] for i in range(2 * reach + 1)], weights
    )
    return across.reshape(frame.shape)


def _weighted(shifted: list[NDArray[np.uint8]], weights: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The weighted mean of 2 N + 1 pictures; weights are those of the middle one and of the pairs
    around it."""
    reach = len(weights) - 1
    # Both pixels of a pair have one weight, so they are added first; half a level makes the last
    # shift round.
    total = shifted[reach] * weights[0] + np.uint16(_ONE // 2)
    pair = np.empty_like(total)
    for k in range(1, reach + 1):
        np.add(shifted[reach - k], shifted[reach + k], out=pair, dtype=np.uint16)
        pair *= weights[k]
        total += pair
    total >>= np.uint16(8)
    rounded: NDArray[np.uint8] = total.astype(np.uint8)
    return rounded


def _half_kernel(radius_px: float) -> NDArray[np.uint16]:
    """Weights of the middle and of each pixel to one side; with both sides they add up to
    `_ONE`."""
    # Further pixels would get weights that round to 0.
    reach = int(np.ceil(3 * radius_px))
    density = np.exp(-0.5 * (np.arange(reach + 1) / radius_px) ** 2)
    weights = np.rint(_ONE * density / (2 * density.sum() - density[0])).astype(np.int64)
    # What rounding took goes to the middle, so that an even picture keeps its level exactly.
    weights[0] = _ONE - 2 * weights[1:].sum()
    half: NDArray[np.uint16] = np.trim_zeros(weights, "b").astype(np.uint16)
    return half


SPAN_TRANSFORMS: dict[str, SpanTransform] = {
    "blur": SpanTransform(apply=_blur, min_amount=0.3),
    "channel_swap": SpanTransform(apply=lambda frames, amount, seed: frames[..., [2, 1, 0]]),
    "grayscale": SpanTransform(apply=_grayscale),
    "hold": SpanTransform(apply=_hold),
    "invert": SpanTransform(apply=lambda frames, amount, seed: np.uint8(255) - frames),
    "mirror": SpanTransform(apply=lambda frames, amount, seed: frames[:, :, ::-1]),
    "noise": SpanTransform(apply=_noise),
    "rotate_90": SpanTransform(apply=lambda frames, amount, seed: _turn(frames, -1)),
    "rotate_180": SpanTransform(apply=lambda frames, amount, seed: frames[:, ::-1, ::-1]),
    "rotate_270": SpanTransform(apply=lambda frames, amount, seed: _turn(frames, 1)),
    "saturation": SpanTransform(apply=_saturation),
    "zoom_in": SpanTransform(apply=_zoom_in, min_amount=1.0),
    "zoom_out": SpanTransform(apply=_zoom_out, min_amount=1.0),
}
