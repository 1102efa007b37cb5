"""Small videos made on the spot."""

from pathlib import Path

import numpy as np

from tasks.video.encode import write_mp4
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
