"""What a player does to decoded pictures: every case is a real file, and FFmpeg's own output is the
measure."""

import struct
from pathlib import Path

import numpy as np
import pytest

from tasks.video.decode import Footage, FrameChoice, decode_video
from tasks.video.errors import Problem, VideoError, kind_of
from tests.helpers.videos import as_ffmpeg_shows, ffmpeg, with_box, write_pattern
from tests.property.test_orientation import CHOICE, gap

pytestmark = pytest.mark.slow

X264 = ("-c:v", "libx264", "-pix_fmt", "yuv444p")
X265 = ("-c:v", "libx265", "-pix_fmt", "yuv444p10le")


def decode(path: Path) -> Footage:
    """The same whether frames are skipped or not."""
    footage, plain = decode_video(path, CHOICE), decode_video(path, CHOICE, may_skip=False)
    assert np.array_equal(footage.frames, plain.frames)
    assert footage.warnings == plain.warnings
    return footage


def kinds(footage: Footage) -> list[str]:
    return [kind_of(warning) for warning in footage.warnings]


@pytest.mark.parametrize("full_range", [0, 1])
@pytest.mark.parametrize(
    "matrix", [1, 5, 6, 7, 9], ids=["709", "601-625", "601-525", "240M", "2020"]
)
def test_range_and_matrix_of_colours_are_read(tmp_path: Path, matrix: int, full_range: int) -> None:
    filter = f"h264_metadata=matrix_coefficients={matrix}:video_full_range_flag={full_range}"
    footage = decode(write_pattern(tmp_path / "a.mp4", *X264, "-bsf:v", filter))
    assert gap(footage.frames, as_ffmpeg_shows(tmp_path / "a.mp4", 96, 64)) < 1
    assert footage.warnings == ()


@pytest.mark.parametrize(
    "matrix", [8, 10, 14], ids=["YCgCo", "2020 of constant luminance", "ICtCp"]
)
def test_a_matrix_of_colours_that_nobody_here_knows_is_refused(tmp_path: Path, matrix: int) -> None:
    write_pattern(
        tmp_path / "a.mp4", *X264, "-bsf:v", f"h264_metadata=matrix_coefficients={matrix}"
    )
    with pytest.raises(VideoError, match=f"matrix {matrix}") as caught:
        decode_video(tmp_path / "a.mp4", CHOICE)
    assert caught.value.problem is Problem.UNSUPPORTED_COLOURS


@pytest.mark.parametrize(("transfer", "name"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_mapped_to_what_it_was_made_from(tmp_path: Path, transfer: str, name: str) -> None:
    """A picture of BT.709 is made HDR by zimg, with its white at 203 cd/m2 (ITU-R BT.2408): it has
    to come back."""
    natural = "format=gbrp,lutrgb=val*0.4+50:val*0.4+40:val*0.4+30"
    plain = decode(write_pattern(tmp_path / "plain.mp4", "-vf", natural, *X264))
    to_linear = (
        "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709,zscale=t=linear:npl=203"
    )
    to_hdr = (
        f"format=gbrpf32le,zscale=p=bt2020,zscale=t={transfer}:m=bt2020nc:npl=203,"
        "format=yuv444p10le"
    )
    colours = f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    write_pattern(
        tmp_path / "a.mp4", "-vf", f"{natural},{to_linear},{to_hdr}", *X265, "-x265-params", colours
    )
    footage = decode(tmp_path / "a.mp4")
    assert footage.warnings == (f"HDR: {name}, mapped to BT.709",)
    unmapped = as_ffmpeg_shows(tmp_path / "a.mp4", 96, 64)
    assert gap(footage.frames, plain.frames) < 0.7 * gap(unmapped, plain.frames)


@pytest.mark.parametrize(
    ("filter", "detail"),
    [
        ("colour_primaries=9", "primaries BT2020"),
        ("colour_primaries=12", "primaries SMPTE432"),
        ("transfer_characteristics=8", "transfer LINEAR"),
    ],
)
def test_colours_that_are_shown_as_if_they_were_of_bt_709_are_told(
    tmp_path: Path, filter: str, detail: str
) -> None:
    footage = decode(write_pattern(tmp_path / "a.mp4", *X264, "-bsf:v", f"h264_metadata={filter}"))
    assert footage.warnings == (f"unusual colours: {detail} shown as BT.709",)
    assert gap(footage.frames, as_ffmpeg_shows(tmp_path / "a.mp4", 96, 64)) < 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
        ("a.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuva420p")),
        (
            "a.webm",
            ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-cpu-used", "8"),
        ),
    ],
)
def test_what_is_transparent_is_shown_and_told(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    footage = decode(
        write_pattern(tmp_path / name, "-vf", "format=rgba,colorchannelmixer=aa=0.5", *options)
    )
    assert kinds(footage) == ["transparent"]
    assert gap(footage.frames, as_ffmpeg_shows(tmp_path / name, 96, 64)) < 1


@pytest.mark.parametrize(("degrees", "shape"), [(0, (64, 128)), (90, (128, 64))])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_pixels_that_are_not_square(
    tmp_path: Path, ending: str, degrees: int, shape: tuple[int, int]
) -> None:
    stored = write_pattern(tmp_path / "a.mp4", "-vf", "setsar=4/3", *X264)
    path = tmp_path / f"b.{ending}"
    ffmpeg("-display_rotation", degrees, "-i", stored, "-c", "copy", path)
    wide = FrameChoice(**{**vars(CHOICE), "max_area_px": 128 * 64})
    frames = decode_video(path, wide).frames
    assert frames.shape[1:3] == shape
    assert gap(frames, as_ffmpeg_shows(path, shape[1], shape[0])) < 3, (
        "turned before it is enlarged, or after"
    )


@pytest.mark.parametrize(("degrees", "shape"), [(0, (64, 96)), (90, (96, 64))])
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_what_the_container_crops_is_not_shown(
    tmp_path: Path, ending: str, degrees: int, shape: tuple[int, int]
) -> None:
    stored = write_pattern(tmp_path / "stored.mp4", size="128x80")
    # Clean aperture (ISO/IEC 14496-12, 12.1.4): width, height, and how far its middle lies right of
    # and below ours.
    aperture = struct.pack(">I4s8i", 40, b"clap", 96, 1, 64, 1, 4, 1, -2, 1)
    way = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1")
    (tmp_path / "clap.mp4").write_bytes(with_box(stored.read_bytes(), aperture, *way))
    path = tmp_path / f"a.{ending}"
    ffmpeg("-display_rotation", degrees, "-i", tmp_path / "clap.mp4", "-c", "copy", path)
    frames = decode(path).frames
    assert frames.shape[1:3] == shape
    assert gap(frames, as_ffmpeg_shows(path, shape[1], shape[0])) < 1


@pytest.mark.parametrize("sides", [(16, 16, 8, 8), (32, 0, 0, 16), (2, 30, 16, 0)])
def test_what_the_codec_crops_is_not_shown(tmp_path: Path, sides: tuple[int, ...]) -> None:
    left, right, top, bottom = sides
    filter = (
        f"h264_metadata=crop_left={left}:crop_right={right}:crop_top={top}:crop_bottom={bottom}"
    )
    grey = ("-vf", "hue=s=0", "-c:v", "libx264", "-pix_fmt", "yuv420p")
    path = write_pattern(tmp_path / "a.mp4", *grey, "-bsf:v", filter, size="128x80")
    footage = decode(path)
    assert footage.frames.shape[1:3] == (64, 96)
    assert gap(footage.frames, as_ffmpeg_shows(path, 96, 64)) < 1


@pytest.mark.parametrize("first", ["top", "bottom"])
def test_of_interlaced_pictures_one_field_is_shown(tmp_path: Path, first: str) -> None:
    # Grey: where the colours of fields lie is another matter.
    weave = f"tinterlace=interleave_{first},hue=s=0"
    flags = ("-flags", "+ilme+ildct", "-x264-params", "tff=1" if first == "top" else "bff=1")
    path = write_pattern(tmp_path / "a.mp4", "-vf", weave, *X264, *flags, seconds=4)
    footage = decode(path)
    assert gap(footage.frames, as_ffmpeg_shows(path, 96, 64, "field=top")) < 1
    assert gap(footage.frames, as_ffmpeg_shows(path, 96, 64)) > 2, "the file is combed"


@pytest.mark.parametrize("start", [0.75, 1.25])
def test_frames_hidden_by_an_edit_list_are_not_shown(tmp_path: Path, start: float) -> None:
    stored = write_pattern(tmp_path / "stored.mp4", *X264, "-g", "10", "-bf", "2", seconds=4)
    ffmpeg("-ss", start, "-i", stored, "-c", "copy", tmp_path / "a.mp4")
    shown = as_ffmpeg_shows(tmp_path / "a.mp4", 96, 64)
    every = FrameChoice(**{**vars(CHOICE), "num_frames": len(shown)})
    for may_skip in (True, False):
        footage = decode_video(tmp_path / "a.mp4", every, may_skip=may_skip)
        assert np.abs(footage.frames.astype(int) - shown).mean() < 1
        assert footage.warnings == ()


def test_frames_at_uneven_times_are_those_of_their_times(tmp_path: Path) -> None:
    uneven = (
        "-vf",
        r"setpts='PTS+mod(N\,3)*0.03/TB',select='not(eq(mod(n\,7)\,3))'",
        "-fps_mode",
        "vfr",
    )
    path = write_pattern(tmp_path / "a.mp4", *uneven, *X264, seconds=4)
    shown = as_ffmpeg_shows(path, 96, 64)
    every = FrameChoice(**{**vars(CHOICE), "num_frames": len(shown)})
    assert np.abs(decode_video(path, every).frames.astype(int) - shown).mean() < 1


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:d=1", "-frames:v", "1", tmp_path / "cover.jpg")
    write_pattern(tmp_path / "plain.mp4")
    with_sound = ("-f", "lavfi", "-i", "sine=d=2", "-c:v", "copy", "-c:a", "aac")
    ffmpeg("-i", tmp_path / "plain.mp4", *with_sound, tmp_path / "sound.mp4")
    inputs = ("-i", tmp_path / "sound.mp4", "-i", tmp_path / "cover.jpg", "-c", "copy")
    ffmpeg(
        *inputs, "-map", "1", "-map", "0", "-disposition:v:0", "attached_pic", tmp_path / "a.mp4"
    )
    footage = decode(tmp_path / "a.mp4")
    assert np.array_equal(footage.frames, decode(tmp_path / "plain.mp4").frames)
    assert footage.warnings == ()
    ffmpeg(
        *inputs,
        "-map",
        "0:a",
        "-map",
        "1",
        "-disposition:v:0",
        "attached_pic",
        tmp_path / "song.m4a",
    )
    with pytest.raises(VideoError, match="cover picture") as caught:
        decode_video(tmp_path / "song.m4a", CHOICE)
    assert caught.value.problem is Problem.NO_VIDEO_STREAM


@pytest.mark.parametrize(
    ("name", "options"), [("a.mp4", ("-x264-params", "frame-packing=3")), ("a.mkv", ())]
)
def test_two_views_in_one_picture_are_told(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    stereo = ("-metadata:s:v:0", "stereo_mode=left_right")
    assert kinds(decode(write_pattern(tmp_path / name, *X264, *options, *stereo))) == [
        "more than one flat picture"
    ]


def test_pictures_that_change_their_shape_are_told(tmp_path: Path) -> None:
    for name, size in (("wide", "96x64"), ("tall", "64x96")):
        write_pattern(tmp_path / f"{name}.ts", size=size)
    (tmp_path / "list").write_text("file 'wide.ts'\nfile 'tall.ts'\n")
    ffmpeg("-f", "concat", "-i", tmp_path / "list", "-c", "copy", tmp_path / "a.mkv")
    assert kinds(decode(tmp_path / "a.mkv")) == ["size or orientation changes"]
    assert kinds(decode(tmp_path / "wide.ts")) == []
