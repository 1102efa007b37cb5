import socket
import subprocess
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.ingest.quality import mean_motion
from tasks.video.decode import FrameChoice, decode_video
from tasks.video.encode import ffmpeg_binary, write_mp4
from tasks.video.errors import Problem, VideoError
from tasks.video.frames import Frames
from tests.helpers.videos import SHARED_VIDEOS, moving_frames, write_video

pytestmark = pytest.mark.slow

CHOICE = FrameChoice(
    num_frames=16, edge_share=0.05, min_area_px=1024, max_area_px=96 * 64, max_damaged_share=0.02
)


def ffmpeg(*arguments: str) -> None:
    subprocess.run([ffmpeg_binary(), "-loglevel", "error", *arguments], check=True)


def bar_positions(frames: Frames) -> list[float]:
    """Where the white bar of `moving_frames` stands, in columns."""
    lowest = frames[:, -8].min(axis=-1) > 150
    return [float(np.flatnonzero(row).mean()) for row in lowest]


def test_frames_are_those_of_the_chosen_times(tmp_path: Path) -> None:
    footage = decode_video(write_video(tmp_path / "a.mp4", num_frames=160, fps=20.0), CHOICE)
    assert footage.frames.shape == (16, 64, 96, 3)
    assert footage.frames.dtype == np.uint8
    assert footage.timestamps_seconds[:3] == (0.0, 0.45, 0.9)
    assert footage.duration_seconds == pytest.approx(8.0)
    assert footage.source_fps == pytest.approx(20.0)
    assert footage.warnings == ()
    assert np.diff(bar_positions(footage.frames)) == pytest.approx(9 * 88 / 159, abs=1.2)


def test_colours_and_orientation_are_kept(tmp_path: Path) -> None:
    frame = decode_video(write_video(tmp_path / "a.mp4"), CHOICE).frames[0].astype(int)
    assert np.abs(frame[16, 24] - (200, 40, 30)).max() < 12
    assert np.abs(frame[16, 72] - (20, 60, 120)).max() < 12


def test_a_display_matrix_is_applied(tmp_path: Path) -> None:
    upright = decode_video(write_video(tmp_path / "a.mp4"), CHOICE).frames
    # The picture is stored on its side; the matrix says to turn it back.
    write_mp4(tmp_path / "side.mp4", np.rot90(moving_frames(), 1, axes=(1, 2)), 20.0)
    ffmpeg(
        "-display_rotation:v:0",
        "-90",
        "-i",
        str(tmp_path / "side.mp4"),
        "-c",
        "copy",
        str(tmp_path / "turned.mp4"),
    )
    turned = decode_video(tmp_path / "turned.mp4", CHOICE).frames
    assert turned.shape == upright.shape
    assert np.abs(turned.astype(int) - upright).mean() < 3


def test_a_stream_without_time_stamps_gets_its_nominal_rate_and_a_warning(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", num_frames=80, fps=25.0)
    ffmpeg("-i", str(tmp_path / "a.mp4"), "-c", "copy", "-f", "h264", str(tmp_path / "raw.h264"))
    footage = decode_video(tmp_path / "raw.h264", CHOICE)
    assert len(set(footage.timestamps_seconds)) == 16
    assert any("time stamps missing" in warning for warning in footage.warnings)


def test_a_file_cut_off_after_its_index_gives_what_is_there_and_a_warning(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", num_frames=400).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) * 7 // 10])
    footage = decode_video(
        tmp_path / "cut.mp4", FrameChoice(**{**vars(CHOICE), "max_damaged_share": 1.0})
    )
    assert len(set(footage.timestamps_seconds)) == 16
    assert footage.warnings


def test_an_unknown_codec_is_told_from_damage(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(data.replace(b"avc1", b"zzzz"))
    with pytest.raises(VideoError) as caught:
        decode_video(tmp_path / "b.mp4", CHOICE)
    assert caught.value.problem is Problem.UNSUPPORTED_CODEC


def test_a_text_is_no_video_whatever_its_name(tmp_path: Path) -> None:
    for name in ("notes.txt", "notes.mp4", "notes"):
        (tmp_path / name).write_text("hello world\n" * 2000)
        with pytest.raises(VideoError) as caught:
            decode_video(tmp_path / name, CHOICE)
        assert caught.value.problem is Problem.NOT_A_VIDEO


def test_a_file_cannot_make_us_read_other_files_or_the_network(tmp_path: Path) -> None:
    write_video(tmp_path / "inner.mp4")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.ts"
        hostile = {
            "concat.mp4": "ffconcat version 1.0\nfile 'inner.mp4'\n",
            "playlist.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n"
            f"#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
            "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 "
            "0\nm=video 5004 RTP/AVP 96\n",
        }
        for name, text in hostile.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(VideoError):
                decode_video(tmp_path / name, CHOICE)
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the shared videos")
def test_damage_never_repeats_a_frame_in_silence() -> None:
    tolerant = FrameChoice(**{**vars(CHOICE), "max_damaged_share": 1.0})
    footage = decode_video(SHARED_VIDEOS / "odd" / "corrupt-middle.mp4", tolerant)
    assert len(set(footage.timestamps_seconds)) == 16
    assert len({frame.tobytes() for frame in footage.frames}) == 16
    assert any("frames lost" in warning for warning in footage.warnings)


@pytest.mark.skipif(not SHARED_VIDEOS.exists(), reason="needs the shared videos")
def test_vc1_frames_are_in_the_order_of_presentation_though_their_stamps_are_not() -> None:
    path = SHARED_VIDEOS / "aquarium-fish.wmv"
    with av.open(str(path)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    by_stamp = np.argsort(stamps)
    assert (by_stamp != np.arange(len(stamps))).any()
    footage = decode_video(
        path, FrameChoice(**{**vars(CHOICE), "num_frames": len(stamps), "edge_share": 0.0})
    )
    assert mean_motion(footage.frames) < 0.8 * mean_motion(footage.frames[by_stamp])
