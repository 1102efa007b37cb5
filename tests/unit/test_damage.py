"""Reports of damage say what was done to the file: packets are ruined one by one, and it is known
which."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.video.decode import FrameChoice, decode_video
from tasks.video.errors import kind_of
from tests.helpers.videos import as_ffmpeg_shows, write_pattern

pytestmark = pytest.mark.slow

CHOICE = FrameChoice(
    num_frames=12, edge_share=0.0, min_area_px=1024, max_area_px=96 * 64, max_damaged_share=1.0
)
RUINED = (15, 33, 34)
"""By their place in the order of decoding."""
CODECS = {
    "each-a-key.mp4": ("-c:v", "libx264", "-g", "1"),
    "groups.mp4": ("-c:v", "libx264", "-g", "10", "-bf", "0", "-sc_threshold", "0"),
    "shown-in-another-order.mp4": ("-c:v", "libx264", "-g", "10", "-bf", "2", "-sc_threshold", "0"),
    "shown-in-another-order.mkv": (
        "-c:v",
        "mpeg2video",
        "-g",
        "10",
        "-bf",
        "2",
        "-flags",
        "+cgop",
        "-sc_threshold",
        "1000000000",
    ),
    "hevc.mp4": ("-c:v", "libx265", "-x265-params", "log-level=error:keyint=1"),
    "mpeg4.mp4": ("-c:v", "mpeg4", "-g", "10", "-q:v", "3"),
    "pictures.mov": ("-c:v", "mjpeg", "-q:v", "3"),
    "prores.mov": ("-c:v", "prores_ks"),
}


def ruin(path: Path) -> int:
    """Zeros in three packets, the first quarter of each aside; returns how many frames are lost
    with them."""
    with av.open(str(path)) as container:
        packets = [
            (packet.pos, packet.size, packet.is_keyframe)
            for packet in container.demux(video=0)
            if packet.size
        ]
    data = bytearray(path.read_bytes())
    for place in RUINED:
        start, size, _ = packets[place]
        assert start is not None
        data[start + size // 4 : start + size] = bytes(size - size // 4)
    path.write_bytes(data)
    groups = pairwise(
        [place for place, (_, _, is_key) in enumerate(packets) if is_key] + [len(packets)]
    )
    hit = [[place for place in RUINED if start <= place < stop] + [stop] for start, stop in groups]
    return sum(places[-1] - places[0] for places in hit)


@pytest.mark.parametrize("name", CODECS)
def test_lost_frames_and_errors_are_counted_right(tmp_path: Path, name: str) -> None:
    path = write_pattern(tmp_path / name, *CODECS[name], seconds=6)
    sound = as_ffmpeg_shows(path, 96, 64).astype(int)
    assert decode_video(path, CHOICE).warnings == ()
    num_lost = ruin(path)
    footage = decode_video(path, CHOICE)
    (warning,) = footage.warnings
    assert warning.startswith(
        f"damaged frames: {num_lost} of 60 frames lost, {len(RUINED)} decode errors; "
    )
    gaps = [np.abs(sound - frame).mean(axis=(1, 2, 3)).min() for frame in footage.frames]
    assert max(gaps) < 6, (
        "a frame that the sound file does not have; colours of small pictures are placed roughly"
    )


@pytest.mark.parametrize("change", ["zeros", "noise", "removed", "inserted"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-cpu-used", "8", "-g", "10", "-b:v", "300k")),
        ("vp8.webm", ("-c:v", "libvpx", "-g", "10", "-b:v", "300k")),
    ],
)
def test_a_packet_that_the_damage_behind_it_may_have_hit_is_not_shown(
    tmp_path: Path, name: str, options: tuple[str, ...], change: str
) -> None:
    """These decoders do not notice; the container does, when the next packet is not in its
    place."""
    path = write_pattern(tmp_path / name, *options, size="160x96", seconds=10)
    sound, data = as_ffmpeg_shows(path, 96, 64).astype(int), path.read_bytes()
    noise = np.random.default_rng(0).bytes(2000)
    start = len(data) * 45 // 100
    middle = {
        "zeros": bytes(2000),
        "noise": noise,
        "removed": b"",
        "inserted": noise + data[start : start + 2000],
    }
    path.write_bytes(data[:start] + middle[change] + data[start + 2000 :])
    footage = decode_video(path, CHOICE)
    assert [kind_of(warning) for warning in footage.warnings] == [
        "damaged container",
        "damaged frames",
    ]
    assert max(np.abs(sound - frame).mean(axis=(1, 2, 3)).min() for frame in footage.frames) < 6


def test_of_a_file_that_was_cut_off_every_whole_frame_is_kept(tmp_path: Path) -> None:
    path = write_pattern(
        tmp_path / "a.webm", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-g", "10", seconds=6
    )
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    (_, warning) = decode_video(path, CHOICE).warnings
    assert warning.startswith("damaged frames: 0 of ")


def test_broken_sound_is_no_damage_of_the_pictures(tmp_path: Path) -> None:
    path = write_pattern(
        tmp_path / "a.mp4", "-f", "lavfi", "-i", "sine=d=2", "-c:v", "libx264", "-c:a", "aac"
    )
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(audio=0) if packet.size]
    data = bytearray(path.read_bytes())
    for start, size in packets:
        assert start is not None
        data[start : start + size] = np.random.default_rng(start).bytes(size)
    path.write_bytes(data)
    assert decode_video(path, CHOICE).warnings == ()
