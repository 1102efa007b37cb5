"""Small clips for tests: rows without frames, and pictures in which order, orientation and colour
can be told."""

import numpy as np
from numpy.typing import NDArray

from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.video.frame_store import pack_frames

_JPEG_QUALITY = 92


def make_clip(
    name: str = "a",
    *,
    num_frames: int = 48,
    split: Split = Split.TRAIN,
    step_seconds: float = 0.5,
    side_px: int = 64,
) -> Clip:
    """A clip row whose id is made of `name`; its frames need not exist."""
    return Clip(
        clip_id=(name.encode().hex() * 16)[:16],
        source=f"{name}.mp4",
        sha256=(name.encode().hex() * 64)[:64],
        split=split,
        duration_seconds=num_frames * step_seconds,
        source_fps=1 / step_seconds,
        width_px=side_px,
        height_px=side_px,
        timestamps_seconds=tuple(round(i * step_seconds, 6) for i in range(num_frames)),
        frames_key=f"frames/{name}",
        jpeg_quality=_JPEG_QUALITY,
    )


def make_frames(
    num_frames: int = 48, *, height_px: int = 64, width_px: int = 64, seed: int = 0
) -> NDArray[np.uint8]:
    """A bright blob wanders over a coloured gradient with a fixed texture: every frame differs from
    every other."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height_px, :width_px]
    texture = rng.integers(0, 30, size=(height_px, width_px, 3))
    background = (
        np.stack([rows * 120 / height_px + 60, columns * 120 / width_px + 20, rows * 0 + 90], -1)
        + texture
    )
    frames = np.empty((num_frames, height_px, width_px, 3), np.uint8)
    for index in range(num_frames):
        x = width_px * (0.1 + 0.8 * index / num_frames)
        y = height_px * (0.2 + 0.5 * index / num_frames)
        blob = ((columns - x) ** 2 + (rows - y) ** 2 < (min(height_px, width_px) / 8) ** 2)[
            ..., None
        ]
        frames[index] = np.clip(np.where(blob, [250, 60 + index, 20], background), 0, 255)
    return frames


def store_clip(store: Store, clip: Clip, *, seed: int = 0) -> Clip:
    """Write frames for `clip` to its key."""
    frames = make_frames(
        len(clip.timestamps_seconds), height_px=clip.height_px, width_px=clip.width_px, seed=seed
    )
    store.write_bytes(clip.frames_key, pack_frames(frames, jpeg_quality=_JPEG_QUALITY))
    return clip
