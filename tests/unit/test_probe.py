import subprocess
from pathlib import Path

import pytest

from tasks.video.encode import ffmpeg_binary
from tasks.video.probe import probe
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow


def ffmpeg(*arguments: str) -> None:
    subprocess.run([ffmpeg_binary(), "-loglevel", "error", *arguments], check=True)


def test_of_several_streams_the_default_one_is_read_and_named(tmp_path: Path) -> None:
    source = str(write_video(tmp_path / "a.mp4"))
    both = ["-i", source, "-map", "0:v", "-map", "0:v", "-s:v:0", "48x32", "-s:v:1", "96x64"]
    ffmpeg(
        *both, "-disposition:v:0", "default", "-disposition:v:1", "0", str(tmp_path / "first.mkv")
    )
    ffmpeg(
        *both,
        "-disposition:v:0",
        "default",
        "-disposition:v:1",
        "default",
        str(tmp_path / "larger.mkv"),
    )
    assert probe(tmp_path / "first.mkv").warnings == (
        "several video streams: 2 video streams; stream 0 (48x32) was read",
    )
    assert probe(tmp_path / "larger.mkv").warnings == (
        "several video streams: 2 video streams; stream 1 (96x64) was read",
    )


def test_a_picture_that_is_never_shown_is_not_promised(tmp_path: Path) -> None:
    source = "-y -f lavfi -i testsrc2=s=160x96:r=25:d=6"
    encoding = "-c:v libvpx -b:v 300k -auto-alt-ref 1 -lag-in-frames 16 -cpu-used 5"
    command = [*source.split(), *encoding.split(), "-passlogfile", str(tmp_path / "log")]
    ffmpeg(*command, "-pass", "1", "-f", "null", "-")
    ffmpeg(*command, "-pass", "2", str(tmp_path / "a.webm"))
    promise = probe(tmp_path / "a.webm")
    assert len(promise.times_seconds) == 150
    # The hidden ones have the stamp of the next picture, so stamps do not name packets.
    assert promise.packets is None


def test_stamps_of_avi_are_not_trusted_to_name_pictures(tmp_path: Path) -> None:
    ffmpeg(
        "-i",
        str(write_video(tmp_path / "a.mp4")),
        "-c:v",
        "mpeg4",
        "-bf",
        "2",
        str(tmp_path / "a.avi"),
    )
    assert probe(tmp_path / "a.avi").packets is None
    assert probe(tmp_path / "a.mp4").packets is not None


def test_a_damaged_header_is_noticed_where_all_packets_are_sound(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    ffmpeg("-i", str(write_video(tmp_path / "a.mp4")), "-c", "copy", str(path))
    assert probe(path).warnings == ()
    data = bytearray(path.read_bytes())
    size_of_muxing_app = data.index(b"\x4d\x80") + 2
    data[size_of_muxing_app] = 0xFE  # Longer than what it stands in.
    path.write_bytes(data)
    promise = probe(path)
    assert promise.warnings == ("damaged container: the container or its packets are damaged",)
    assert promise.packets is None
    assert len(promise.times_seconds) == len(probe(tmp_path / "a.mp4").times_seconds)
