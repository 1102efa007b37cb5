"""What a video file says of itself before its first packet: enough to count, not to decode."""

from dataclasses import dataclass
from pathlib import Path

import av

from tasks.video.probe import open_video


@dataclass(frozen=True, kw_only=True)
class Header:
    """Counts of a video stream; 0 where the file does not say."""

    num_frames: int
    frame_seconds: float
    """Nominal time between frames."""
    width_px: int
    height_px: int
    """As stored, before it is turned."""


def read_header(path: Path) -> Header:
    """Reads no packet but those that FFmpeg needs to know the stream.

    Raises:
        VideoError: see `tasks.video.errors`.
        OSError: it cannot be read.
    """
    with open_video(path) as (container, stream):
        rate = stream.average_rate or stream.guessed_rate
        seconds = (
            float(stream.duration * stream.time_base)
            if stream.duration and stream.time_base
            # Matroska states the length of the file alone, in millionths.
            else (container.duration or 0) / av.time_base
        )
        return Header(
            num_frames=stream.frames or round(seconds * float(rate or 0)),
            frame_seconds=float(1 / rate) if rate else 0.0,
            width_px=stream.width,
            height_px=stream.height,
        )
