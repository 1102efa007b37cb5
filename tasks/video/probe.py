"""Opens a video and reads what its packets promise, without decoding.

The file's name and any other file it may point to are kept from FFmpeg: it would decode a long `notes.txt` as a text
animation because of its ending, and follow a playlist out of the folder or onto the network.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from tasks.video.errors import Problem, VideoError

_SIGNATURES = {"MP4": (4, b"ftyp"), "Matroska": (0, b"\x1aE\xdf\xa3"), "ASF": (0, b"0&\xb2u"), "AVI": (8, b"AVI ")}
"""Where the bytes stand that tell a broken video from a file of another kind."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a file promises."""

    codec: str
    header_seconds: float
    """Length of the video stream by its header; 0 if it does not say."""
    frame_seconds: float
    """Nominal time between frames; 0 if unknown."""
    times_seconds: tuple[float, ...]
    """When the frames should be shown, ascending; empty if the packets carry no time stamps."""


def probe(path: Path) -> Probe:
    """Read the packets of the video stream.

    Raises:
        VideoError: the file cannot be opened or has no usable video stream.
    """
    with open_video(path) as (container, stream):
        duration, rate = stream.duration, stream.average_rate or stream.guessed_rate
        time_base = stream.time_base
        times = sorted(float(pts * time_base) for pts in _shown_times(container, stream)) if time_base else []
        if not times and not rate:
            raise VideoError(
                Problem.NO_TIMESTAMPS, "the packets carry no time stamps and the header states no frame rate"
            )
        return Probe(
            codec=stream.codec_context.name,
            header_seconds=float(duration * time_base) if duration and time_base else 0.0,
            frame_seconds=float(1 / rate) if rate else 0.0,
            times_seconds=tuple(times),
        )


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its first stream of moving pictures, from the first packet on.

    Raises:
        VideoError: see `tasks.video.errors`.
    """
    with path.open("rb") as file:
        try:
            # "none" names no protocol, so nothing but the given bytes can be read.
            container = av.open(_Nameless(file), options={"protocol_whitelist": "none"}, metadata_errors="replace")
        except MemoryError:
            raise
        except av.FFmpegError as error:
            raise _unreadable(path, error) from error
        assert isinstance(container, InputContainer)
        with container:
            yield container, _video_stream(container)


class _Nameless:
    """A file without its name."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _video_stream(container: InputContainer) -> VideoStream:
    streams = container.streams.video
    moving = [stream for stream in streams if not stream.disposition & stream.disposition.attached_pic]
    if not moving:
        found = ", ".join(str(stream.type) for stream in container.streams) or "none"
        raise VideoError(Problem.NO_VIDEO_STREAM, f"streams found: {found}")
    if moving[0].codec_context is None:
        raise VideoError(Problem.UNSUPPORTED_CODEC, "this build of FFmpeg has no decoder for the video stream")
    return moving[0]


def _shown_times(container: InputContainer, stream: VideoStream) -> list[int]:
    try:
        packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
    except MemoryError:
        raise
    except av.FFmpegError:
        return []  # The decoder finds out how far the file can be read.
    times = [packet.pts for packet in packets if packet.pts is not None]
    return times if len(times) == len(packets) else []


def _unreadable(path: Path, error: av.FFmpegError) -> VideoError:
    with path.open("rb") as file:
        head = file.read(12)
    for container, (offset, signature) in _SIGNATURES.items():
        if head[offset : offset + len(signature)] == signature:
            detail = f"starts as {container}, but its index cannot be found: {error.strerror}"
            return VideoError(Problem.INCOMPLETE_FILE, detail)
    return VideoError(Problem.NOT_A_VIDEO, f"cannot be opened: {error.strerror}")
