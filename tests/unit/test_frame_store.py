from pathlib import Path

import numpy as np
import pytest

from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.ingest_config import JPEG_QUALITY
from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.video.frame_store import load_frames, pack_clip, pack_frames, unpack_frames
from tasks.video.frames import Frames
from tests.helpers.videos import moving_frames

FRAMES = moving_frames(10)


def clip_at(frames_key: str) -> Clip:
    return Clip(
        clip_id="c",
        source="c.mp4",
        sha256="c",
        split=Split.TRAIN,
        duration_seconds=1.0,
        source_fps=10.0,
        width_px=96,
        height_px=64,
        timestamps_seconds=tuple(i / 10 for i in range(10)),
        frames_key=frames_key,
    )


def test_frames_come_back_nearly_as_they_were() -> None:
    restored = unpack_frames(pack_frames(FRAMES, jpeg_quality=95))
    assert restored.shape == FRAMES.shape
    assert np.abs(restored.astype(int) - FRAMES).mean() < 2


def test_equal_frames_give_equal_bytes() -> None:
    assert pack_frames(FRAMES, jpeg_quality=92) == pack_frames(FRAMES.copy(), jpeg_quality=92)


def _noisy(share: float) -> Frames:
    noise = np.random.default_rng(0).integers(0, 256, FRAMES.shape)
    return (FRAMES * (1 - share) + noise * share).astype(np.uint8)


@pytest.mark.parametrize(("share", "quality"), [(0.0, 90), (0.1, 85), (0.2, 75), (1.0, 70)])
def test_a_clip_gets_the_highest_quality_that_fits_or_else_the_lowest(
    share: float, quality: int
) -> None:
    frames, config = _noisy(share), IngestConfig()
    packed = pack_clip(frames, config)
    assert packed.jpeg_quality == quality
    assert packed.data == pack_frames(frames, jpeg_quality=quality)
    assert (_bits_per_px(frames, quality) <= config.max_bits_per_px) == (share < 1)
    if quality < JPEG_QUALITY:
        assert _bits_per_px(frames, quality + 5) > config.max_bits_per_px


def _bits_per_px(frames: Frames, quality: int) -> float:
    """Of the coded pictures alone: what a larger picture takes more than a small one of the same
    content."""
    zipped = pack_frames(frames, jpeg_quality=quality)
    tables = pack_frames(np.zeros((len(frames), 8, 8, 3), np.uint8), jpeg_quality=quality)
    return (len(zipped) - len(tables)) * 8 / frames[..., 0].size


def test_a_range_equals_the_same_part_of_the_whole() -> None:
    data = pack_frames(FRAMES, jpeg_quality=92)
    assert np.array_equal(unpack_frames(data, 3, 7), unpack_frames(data)[3:7])


@pytest.mark.parametrize("wanted", [(-1, 2), (3, 3), (5, 11)])
def test_a_range_outside_the_archive_is_refused(wanted: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="archive of 10"):
        unpack_frames(pack_frames(FRAMES, jpeg_quality=92), *wanted)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    data = bytearray(pack_frames(FRAMES, jpeg_quality=92))
    data[300] ^= 0xFF
    store.write_bytes("frames/x.zip", bytes(data))
    with pytest.raises(InputError, match=r"frames/x\.zip.*damaged"):
        load_frames(store, clip_at("frames/x.zip"))


def test_missing_frames_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"c\.mp4.*frames/gone\.zip"):
        load_frames(Store(str(tmp_path)), clip_at("frames/gone.zip"))
