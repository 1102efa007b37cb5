"""Reports of damage say what was done to the file: packets are ruined one by one, and it is known which."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from tasks.video.decode import FrameChoice, decode_video
from tests.helpers.videos import as_ffmpeg_shows, write_pattern

pytestmark = pytest.mark.slow

CHOICE = FrameChoice(num_frames=12, edge_share=0.0, min_area_px=1024, max_area_px=96 * 64, max_damaged_share=1.0)
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
    """Zeros in three packets, the first quarter of each aside; returns how many frames are lost with them."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size, packet.is_keyframe) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for place in RUINED:
        start, size, _ = packets[place]
        assert start is not None
        data[start + size // 4 : start + size] = bytes(size - size // 4)
    path.write_bytes(data)
    groups = pairwise([place for place, (_, _, is_key) in enumerate(packets) if is_key] + [len(packets)])
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
    assert warning.startswith(f"damaged frames: {num_lost} of 60 frames lost, {len(RUINED)} decode errors; ")
    gaps = [np.abs(sound - frame).mean(axis=(1, 2, 3)).min() for frame in footage.frames]
    assert max(gaps) < 6, "a frame that the sound file does not have; colours of small pictures are placed roughly"
