"""Small videos made on the spot."""

import subprocess
from pathlib import Path

import numpy as np

from tasks.video.encode import ffmpeg_binary, write_mp4
from tasks.video.frames import Frames

SHARED_VIDEOS = Path(__file__).parents[2].parent / "shared" / "videos"


def moving_frames(num_frames: int = 60, *, height: int = 64, width: int = 96) -> Frames:
    """A red left upper quarter on a blue-green ground, and a white bar that moves to the right."""
    frames = np.full((num_frames, height, width, 3), (20, 60, 120), np.uint8)
    frames[:, : height // 2, : width // 2] = (200, 40, 30)
    for index, frame in enumerate(frames):
        left = index * (width - 8) // max(1, num_frames - 1)
        frame[height * 3 // 4 :, left : left + 8] = 255
    return frames


def write_video(path: Path, *, num_frames: int = 60, fps: float = 20.0) -> Path:
    write_mp4(path, moving_frames(num_frames), fps)
    return path


def ffmpeg(*arguments: object) -> None:
    subprocess.run([ffmpeg_binary(), "-y", "-loglevel", "error", *map(str, arguments)], check=True)


def write_pattern(path: Path, *options: object, size: str = "96x64", seconds: float = 2.0) -> Path:
    """A moving picture that has no symmetry, 10 frames a second, without loss of colour unless the
    options say so."""
    source = f"testsrc2=s={size}:r=10:d={seconds}"
    ffmpeg(
        "-f", "lavfi", "-i", source, *(options or ("-c:v", "libx264", "-pix_fmt", "yuv444p")), path
    )
    return path


def as_ffmpeg_shows(path: Path, width: int, height: int, *filters: str) -> Frames:
    """All frames as the FFmpeg program itself turns, crops and colours them, at that size."""
    scale = f"scale={width}:{height}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact"
    command = [
        ffmpeg_binary(),
        "-loglevel",
        "error",
        "-i",
        str(path),
        "-vf",
        ",".join([*filters, scale]),
    ]
    raw = ["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    data = subprocess.run([*command, *raw], check=True, capture_output=True).stdout
    return np.frombuffer(data, np.uint8).reshape(-1, height, width, 3)


def with_box(data: bytes, box: bytes, *parents: bytes) -> bytes:
    """An mp4 whose moov stands last, with one more box at the end of the one that `parents` lead
    to."""
    changed, start, end = bytearray(data), 0, 0
    for kind in parents:
        start = changed.index(kind, start) - 4
        size = int.from_bytes(changed[start : start + 4], "big")
        changed[start : start + 4] = (size + len(box)).to_bytes(4, "big")
        start, end = start + 8, start + size
    changed[end:end] = box
    return bytes(changed)
