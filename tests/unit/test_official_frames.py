"""The official processor's choice of frames and sizes, against qwen-vl-utils itself (0.0.14)."""

import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from qwen_vl_utils import vision_process as official

from tasks.video.official import official_size, select_frames

_AREA = {"min_area_px": 128 * 128, "max_area_px": 512 * 512}

num_frames = st.integers(1, 200_000)
rates = st.one_of(
    st.sampled_from([24.0, 25.0, 29.97, 30000 / 1001, 60.0, 8.0]), st.floats(0.5, 240)
)
max_frames = st.sampled_from([4, 32, 48, 63, 64])
sides = st.integers(16, 4096)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger=official.logger.name)


@given(num_frames, rates, max_frames)
def test_whole_files_give_the_official_frames(total: int, rate: float, most: int) -> None:
    try:
        count = official.smart_nframes({"fps": 2.0, "max_frames": most}, total, rate)
    except ValueError:
        with pytest.raises(ValueError, match="expected at least 2"):
            select_frames(total, rate, fps=2.0, max_frames=most)
        return
    found = select_frames(total, rate, fps=2.0, max_frames=most)
    assert list(found.indices) == torch.linspace(0, total - 1, count).round().long().tolist()
    assert found.timestamps_seconds == tuple(index / rate for index in found.indices)


@given(num_frames, rates, st.floats(0, 5000), st.floats(0.01, 5000), st.booleans())
def test_parts_of_files_give_the_official_frames(
    total: int, rate: float, start: float, length: float, to_the_end: bool
) -> None:
    part = {"start_seconds": start, "stop_seconds": None if to_the_end else start + length}
    ele = {"video_start": start, "video_end": part["stop_seconds"], "fps": 2.0, "max_frames": 48}
    try:
        first, last, count_all = official.calculate_video_frame_range(ele, total, rate)
        count = official.smart_nframes(ele, count_all, rate)
    except ValueError:
        with pytest.raises(ValueError, match=r"there is no frame|expected at least"):
            select_frames(total, rate, fps=2.0, max_frames=48, **part)
        return
    found = select_frames(total, rate, fps=2.0, max_frames=48, **part)
    assert list(found.indices) == torch.linspace(first, last, count).round().long().tolist()


@pytest.mark.slow
@given(sides, sides)
def test_sizes_are_the_official_ones(width: int, height: int) -> None:
    if max(width, height) > 200 * min(width, height):
        with pytest.raises(ValueError, match="200 times"):
            official_size(width, height, **_AREA)
        return
    expected = official.smart_resize(
        height, width, 32, min_pixels=_AREA["min_area_px"], max_pixels=_AREA["max_area_px"]
    )
    assert official_size(width, height, **_AREA) == (expected[1], expected[0])
