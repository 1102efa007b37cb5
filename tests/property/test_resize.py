import numpy as np
import pytest
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tasks.video.display import Display
from tasks.video.frames import Frame
from tasks.video.resize import Resizer, choose_size

SIDES = st.integers(16, 8000)
LIMITS = st.sampled_from([(32 * 32, 64 * 64), (128 * 128, 256 * 256), (32 * 32, 512 * 512)])


@given(SIDES, SIDES, LIMITS)
def test_both_sides_are_multiples_of_32_and_the_area_is_inside_the_limits(
    width: int, height: int, limits: tuple[int, int]
) -> None:
    size = choose_size(width, height, min_area_px=limits[0], max_area_px=limits[1])
    assert min(size) >= 32
    assert size[0] % 32 == size[1] % 32 == 0
    assert limits[0] <= size[0] * size[1] <= limits[1]


@given(SIDES, SIDES, LIMITS)
def test_a_turned_picture_gets_the_turned_shape(
    width: int, height: int, limits: tuple[int, int]
) -> None:
    low, high = limits
    size = choose_size(width, height, min_area_px=low, max_area_px=high)
    turned = choose_size(height, width, min_area_px=low, max_area_px=high)
    assert size[0] * size[1] == turned[0] * turned[1]


@given(st.integers(4, 16), st.integers(4, 16))
def test_a_shape_that_fits_exactly_is_not_stretched(columns: int, rows: int) -> None:
    width, height = choose_size(columns * 32, rows * 32, min_area_px=1024, max_area_px=512 * 512)
    assert width / height == pytest.approx(columns / rows, rel=0.03)


def test_known_sizes() -> None:
    assert choose_size(96, 96, min_area_px=32 * 32, max_area_px=64 * 64) == (64, 64)
    assert choose_size(1280, 720, min_area_px=128 * 128, max_area_px=256 * 256) == (288, 160)
    assert choose_size(854, 480, min_area_px=128 * 128, max_area_px=512 * 512) == (672, 384)


def test_limits_that_no_size_meets_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 32"):
        choose_size(640, 480, min_area_px=900, max_area_px=1000)


def resized(picture: Frame, *, side_px: int) -> Frame:
    resizer = Resizer(display=Display(), min_area_px=side_px**2, max_area_px=side_px**2)
    return resizer(VideoFrame.from_ndarray(picture, format="rgb24"))


def test_fine_stripes_become_even_grey() -> None:
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    small = resized(stripes, side_px=64)
    assert small.shape == (64, 64, 3)
    assert small.min() > 110
    assert small.max() < 145


@given(
    st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.sampled_from([90, 128, 301])
)
def test_an_even_colour_stays_what_it_was(red: int, green: int, blue: int, side_px: int) -> None:
    even = np.full((side_px, side_px, 3), (red, green, blue), np.uint8)
    assert np.abs(resized(even, side_px=64).astype(int) - (red, green, blue)).max() <= 1


def test_a_picture_is_shrunk_as_well_as_in_floating_point() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (40, 40, 3)).astype(np.uint8).repeat(12, 0).repeat(12, 1)
    exact = np.stack(
        [
            np.asarray(
                Image.fromarray(picture[..., channel].astype(np.float32)).resize(
                    (96, 96), Image.Resampling.BICUBIC
                )
            )
            for channel in range(3)
        ],
        axis=-1,
    ).clip(0, 255)
    difference = resized(picture, side_px=96) - exact
    assert abs(difference.mean()) < 0.25
    assert np.sqrt((difference**2).mean()) < 3


def test_of_an_interlaced_picture_one_moment_is_kept() -> None:
    combed = np.zeros((256, 256, 3), np.uint8)
    combed[::2] = 200
    frame = VideoFrame.from_ndarray(combed, format="rgb24").reformat(format="yuv444p")
    assert (
        90 < np.mean(Resizer(display=Display(), min_area_px=64**2, max_area_px=64**2)(frame)) < 110
    )
