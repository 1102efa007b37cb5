"""All eight ways to turn and mirror a picture, and every matrix that is none of them, against
FFmpeg itself."""

import struct
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tasks.core.types import VideoFile
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.display import orientation_of
from tasks.video.errors import Problem, VideoError
from tasks.video.fingerprint import fingerprint
from tasks.video.frames import Frames
from tasks.video.official import Showing, show_file
from tests.helpers.videos import as_ffmpeg_shows, ffmpeg, write_pattern

CHOICE = FrameChoice(
    num_frames=10, edge_share=0.0, min_area_px=1024, max_area_px=96 * 64, max_damaged_share=0.02
)
ALL_EIGHT = list(product((0, 90, 180, 270), ((), ("-display_hflip",))))
ONE = 1 << 16


def gap(frames: Frames, all_frames: Frames) -> float:
    """How far the worst frame is from the most similar one of `all_frames`, in grey levels."""
    assert frames.shape[1:] == all_frames.shape[1:]
    return max(
        float(np.abs(all_frames.astype(np.int16) - frame).mean(axis=(1, 2, 3)).min())
        for frame in frames
    )


def assert_shown_as_by_ffmpeg(path: Path) -> Frames:
    skipping, plain = decode_video(path, CHOICE), decode_video(path, CHOICE, may_skip=False)
    height, width = skipping.frames.shape[1:3]
    shown = as_ffmpeg_shows(path, width, height)
    assert gap(skipping.frames, shown) < 1
    assert np.array_equal(skipping.frames, plain.frames)
    assert fingerprint(skipping.frames) == fingerprint(shown[1::2]), (
        "those in the middle of ten equal parts"
    )
    showing = Showing(fps=10.0, max_frames=20, min_area_px=1024, max_area_px=96 * 64)
    official = show_file(path.parent, VideoFile(paths=(path.name,)), showing)
    assert gap(official.frames, shown) < 1
    return skipping.frames


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pattern(tmp_path_factory.mktemp("stored") / "a.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
def test_all_eight_orientations_are_shown_as_by_ffmpeg(
    stored: Path, tmp_path: Path, ending: str
) -> None:
    seen = set()
    for number, (degrees, mirror) in enumerate(ALL_EIGHT):
        path = tmp_path / f"{number}.{ending}"
        ffmpeg("-display_rotation", degrees, *mirror, "-i", stored, "-c", "copy", path)
        seen.add(assert_shown_as_by_ffmpeg(path).tobytes())
    assert len(seen) == 8


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["mp4", "ts", "mkv"])
def test_an_orientation_that_only_the_first_picture_states_holds_for_all(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"a.{ending}"
    stored = write_pattern(
        tmp_path / "stored.mp4", "-c:v", "libx264", "-g", "25", "-pix_fmt", "yuv444p", seconds=25
    )
    filter = "h264_metadata=display_orientation=insert:rotate=90:flip=horizontal"
    ffmpeg("-i", stored, "-c", "copy", "-bsf:v", filter, path)
    few = FrameChoice(**{**vars(CHOICE), "num_frames": 3})
    frames = decode_video(path, few).frames
    assert frames.shape[1:3] == (96, 64)
    assert gap(frames, as_ffmpeg_shows(path, 64, 96)) < 1


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [33, 45, 135.5, 3, 267, 0.7, 359, 90.7])
def test_a_matrix_that_is_none_of_the_eight_is_refused_by_its_name(
    stored: Path, tmp_path: Path, degrees: float
) -> None:
    ffmpeg("-display_rotation", degrees, "-i", stored, "-c", "copy", tmp_path / "a.mp4")
    with pytest.raises(
        VideoError, match=r"the display matrix is \[.* .* 0\] \[.* .* 0\] \[0 0 1\]"
    ) as caught:
        decode_video(tmp_path / "a.mp4", CHOICE)
    assert caught.value.problem is Problem.DISPLAY_MATRIX


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [0.4, 89.6, 359.7])
def test_a_matrix_that_ffmpeg_rounds_to_a_quarter_is_one(
    stored: Path, tmp_path: Path, degrees: float
) -> None:
    ffmpeg("-display_rotation", degrees, "-i", stored, "-c", "copy", tmp_path / "a.mp4")
    assert_shown_as_by_ffmpeg(tmp_path / "a.mp4")


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["avi", "mov"])
def test_pictures_of_a_camera_are_turned_as_their_exif_data_say(
    tmp_path: Path, ending: str
) -> None:
    """EXIF data are side data that PyAV does not name; they must not hide the rest."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=2", tmp_path / "%02d.png")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for path in tmp_path.glob("*.png"):
        Image.open(path).convert("RGB").save(
            path.with_suffix(".jpg"), exif=exif, quality=95, subsampling=0
        )
    ffmpeg("-framerate", 10, "-i", tmp_path / "%02d.jpg", "-c", "copy", tmp_path / f"a.{ending}")
    assert assert_shown_as_by_ffmpeg(tmp_path / f"a.{ending}").shape[1:3] == (96, 64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("upper_left", "accepted"),
    [((2, 0, 0, 2), True), ((0, 0, 0, 0), True), ((1, 0, 0, 2), False), ((1, 0.3, 0, 1), False)],
    ids=["larger", "zeros", "stretched", "sheared"],
)
def test_matrices_written_by_hand(
    stored: Path, tmp_path: Path, upper_left: tuple[float, ...], accepted: bool
) -> None:
    path = tmp_path / "a.mp4"
    data = bytearray(stored.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # Version 0 of ISO/IEC 14496-12, 8.3.2.
    identity = struct.pack(">9i", ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
    assert data[start : start + 36] == identity
    a, b, c, d = (round(part * ONE) for part in upper_left)
    data[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    if not accepted:
        with pytest.raises(VideoError) as caught:
            decode_video(path, CHOICE)
        assert caught.value.problem is Problem.DISPLAY_MATRIX
        return
    footage = decode_video(path, CHOICE)
    assert np.array_equal(footage.frames, decode_video(stored, CHOICE).frames)
    assert [warning.partition(":")[0] for warning in footage.warnings] == ["odd display matrix"]


_EIGHT_BY_HAND = [(a, 0, 0, d) for a, d in product((1, -1), repeat=2)] + [
    (0, b, c, 0) for b, c in product((1, -1), repeat=2)
]


@given(
    st.sampled_from(_EIGHT_BY_HAND), st.integers(2, 1 << 13), st.integers(-(1 << 31), (1 << 31) - 1)
)
def test_scale_and_place_do_not_change_the_orientation(
    parts: tuple[int, ...], scale: int, place: int
) -> None:
    a, b, c, d = (part * scale * 8 for part in parts)
    exact = orientation_of(
        (
            *(part * ONE for part in parts[:2]),
            0,
            *(part * ONE for part in parts[2:]),
            0,
            0,
            0,
            1 << 30,
        )
    )
    assert orientation_of((a, b, 0, c, d, 0, place, place, 1 << 30)) == exact


@given(st.sampled_from(_EIGHT_BY_HAND), st.sampled_from(range(4)), st.floats(0.05, 0.95))
def test_one_part_that_is_off_is_refused(parts: tuple[int, ...], changed: int, by: float) -> None:
    wrong = [part * ONE for part in parts]
    wrong[changed] = round((parts[changed] or 1) * by * ONE)
    with pytest.raises(VideoError):
        orientation_of((*wrong[:2], 0, *wrong[2:], 0, 0, 0, 1 << 30))
