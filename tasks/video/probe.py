"""Opens a video and reads what its packets promise, and how the first picture says all are to be
shown.

The file's name and any other file it may point to are kept from FFmpeg: it would decode a long
`notes.txt` as a text animation because of its ending, and follow a playlist out of the folder or
onto the network. Of the packets only their time stamps and marks are kept, 25 bytes each, so a film
of any length fits in memory.
"""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import av
from av.codec.context import Flags
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.video.container import is_cut_off, is_encrypted
from tasks.video.damage import BROKEN, Complaints, heard_complaints
from tasks.video.display import AS_STORED, Display, crop_of, matrix_of, orientation_of, remarks_on
from tasks.video.errors import Problem, Remark, VideoError

_SIGNATURES = {
    "MP4": (4, b"ftyp"),
    "Matroska": (0, b"\x1aE\xdf\xa3"),
    "ASF": (0, b"0&\xb2u"),
    "AVI": (8, b"AVI "),
}
"""Where the bytes stand that tell a broken video from a file of another kind."""
_STAMPED_CODECS = frozenset(
    {"av1", "h264", "hevc", "libdav1d", "mjpeg", "mpeg2video", "vp8", "vp9"}
)
_STAMPED_CONTAINERS = frozenset({"matroska", "mov", "mpegts"})
"""Where a packet's time stamp is known to be that of its picture. It is not for VC-1 in ASF, nor
MPEG-4 in AVI."""
_DAMAGED = (Remark.DAMAGED_CONTAINER.of("the container or its packets are damaged"),)
_ENCRYPTED = "the pictures are encrypted; decrypt the file first"
_WEBM_KEY = "enc_key_id"
"""FFmpeg's matroskadec.c says so in the stream's metadata; of mp4, in every packet."""
_VP8_SHOWN = 0x10
"""Bit of a VP8 packet's first byte (RFC 6386, 9.1): without it the picture is for reference
only."""


@dataclass(frozen=True, kw_only=True)
class Packets:
    """The packets of a stream in the order of decoding."""

    stamps: "array[int]"
    """When each is to be shown, in units of the stream."""
    dts: "array[int]"
    """When each is to be decoded; its time stamp where the file does not say."""
    keys: tuple[int, ...]
    """Positions of those at which decoding can start."""
    has_index: bool
    """False: the file may be cut off without a sign, so its last picture has to be decoded too."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a file promises."""

    header_seconds: float
    """Length of the video stream by its header; 0 if it does not say."""
    frame_seconds: float
    """Nominal time between frames; 0 if unknown."""
    display: Display
    times_seconds: tuple[float, ...]
    """When the frames should be shown, ascending; empty if the packets carry no time stamps."""
    shown_stamps: "array[int]"
    """The same in units of the stream."""
    packets: Packets | None
    """None if time stamps do not tell pictures apart, or a packet is damaged."""
    has_true_stamps: bool
    """A picture has the time stamp of its packet."""
    warnings: tuple[str, ...]


def probe(path: Path) -> Probe:
    """Read the packets of the video stream.

    Raises:
        VideoError: the file cannot be opened, has no usable video stream, is encrypted, or asks to
            be shown in a way that is not known.
    """
    with heard_complaints(is_on=True) as complaints, open_video(path) as (container, stream):
        duration, rate = stream.duration, stream.average_rate or stream.guessed_rate
        time_base = stream.time_base
        found = _read_packets(container, stream, complaints) if time_base else _PacketTable()
        if (found.first_frame is None or "asf" in _formats(container)) and is_encrypted(
            container, path
        ):
            raise VideoError(Problem.ENCRYPTED, _ENCRYPTED)
        if not found.shown:
            _check_end(container, path)
        shown = array("q", sorted(found.shown))
        if not shown and not rate:
            raise VideoError(
                Problem.NO_TIMESTAMPS,
                "the packets carry no time stamps and the header states no frame rate",
            )
        return Probe(
            header_seconds=float(duration * time_base) if duration and time_base else 0.0,
            frame_seconds=float(1 / rate) if rate else 0.0,
            display=_display(container, stream, found.first_frame),
            times_seconds=tuple(float(stamp * time_base) for stamp in shown) if time_base else (),
            shown_stamps=shown,
            packets=_trusted(found, container, stream),
            has_true_stamps=_has_true_stamps(container, stream),
            warnings=(
                *_choice_of_stream(container, stream),
                *(_DAMAGED if found.is_damaged else ()),
                *(remarks_on(found.first_frame, stream) if found.first_frame else ()),
            ),
        )


@contextmanager
def open_video(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its best stream of moving pictures, from the first packet on.

    Raises:
        VideoError: see `tasks.video.errors`.
    """
    with path.open("rb") as file:
        try:
            # "none" names no protocol, so nothing but the given bytes can be read.
            container = av.open(
                _Nameless(file), options={"protocol_whitelist": "none"}, metadata_errors="replace"
            )
        except MemoryError:
            raise
        except av.FFmpegError as error:
            raise _unreadable(path, error) from error
        assert isinstance(container, InputContainer)
        with container:
            yield container, _video_stream(container, path)


def set_decoder(stream: VideoStream, *, num_threads: int) -> None:
    """Before the first packet is decoded."""
    decoder = stream.codec_context
    decoder.thread_count = num_threads
    decoder.thread_type = "AUTO" if num_threads > 1 else "SLICE"
    # Or what the codec crops on the left stays, where it is no multiple of what processors like.
    decoder.flags |= Flags.unaligned


class _Nameless:
    """A file without its name."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    moving = _moving_pictures(container)
    if not moving:
        kinds = (
            "cover picture" if stream.type == "video" else str(stream.type)
            for stream in container.streams
        )
        found = ", ".join(kinds) or "none"
        _check_end(container, path)
        raise VideoError(Problem.NO_VIDEO_STREAM, f"streams found: {found}")
    readable = [stream for stream in moving if stream.codec_context is not None]
    if not readable:
        _check_end(container, path)
        if is_encrypted(container, path):
            raise VideoError(Problem.ENCRYPTED, _ENCRYPTED)
        raise VideoError(
            Problem.UNSUPPORTED_CODEC, "this build of FFmpeg has no decoder for the video stream"
        )
    # What a player would show: the one marked as default, then the largest, then the first.
    return max(
        readable,
        key=lambda stream: (_is_default(stream), stream.width * stream.height, -stream.index),
    )


def _check_end(container: InputContainer, path: Path) -> None:
    """For a file without pictures: it may have lost them."""
    if is_cut_off(path, container):
        raise VideoError(Problem.INCOMPLETE_FILE, "cut off inside its index")


def _moving_pictures(container: InputContainer) -> list[VideoStream]:
    streams = container.streams.video
    return [
        stream for stream in streams if not stream.disposition & stream.disposition.attached_pic
    ]


def _is_default(stream: VideoStream) -> bool:
    return bool(stream.disposition & stream.disposition.default)


def _choice_of_stream(container: InputContainer, stream: VideoStream) -> tuple[str, ...]:
    num_streams = len(_moving_pictures(container))
    if num_streams == 1:
        return ()
    detail = (
        f"{num_streams} video streams; stream {stream.index} "
        f"({stream.width}x{stream.height}) was read"
    )
    return (Remark.SEVERAL_STREAMS.of(detail),)


def _display(container: InputContainer, stream: VideoStream, frame: VideoFrame | None) -> Display:
    matrix = matrix_of(frame) if frame else None
    return Display(
        pixel_aspect=float(stream.sample_aspect_ratio or 1),
        orientation=orientation_of(matrix) if matrix else AS_STORED,
        crop=crop_of(container, stream),
    )


@dataclass(kw_only=True)
class _PacketTable:
    """What the packets of a stream say."""

    stamps: "array[int]" = field(default_factory=lambda: array("q"))
    dts: "array[int]" = field(default_factory=lambda: array("q"))
    keys: list[int] = field(default_factory=list)
    shown: "array[int]" = field(default_factory=lambda: array("q"))
    is_damaged: bool = False
    first_frame: VideoFrame | None = None

    def add(self, packet: "av.Packet[VideoStream]", *, is_shown: bool) -> None:
        assert packet.pts is not None
        if packet.is_keyframe:
            self.keys.append(len(self.stamps))
        self.stamps.append(packet.pts)
        self.dts.append(packet.pts if packet.dts is None else packet.dts)
        self.is_damaged |= packet.is_corrupt
        # What an edit list of mp4 cuts off is still decoded, for what refers to it, and never
        # shown.
        if is_shown and not packet.is_discard:
            self.shown.append(packet.pts)


def _read_packets(
    container: InputContainer, stream: VideoStream, complaints: Complaints
) -> _PacketTable:
    """Without stamps if a packet without one comes: then the order of decoding is all there is.

    Raises:
        VideoError: it is encrypted.
    """
    found, is_vp8, heard = _PacketTable(), stream.codec_context.name == "vp8", 0
    if _WEBM_KEY in stream.metadata:
        raise VideoError(Problem.ENCRYPTED, _ENCRYPTED)
    set_decoder(stream, num_threads=1)  # Complaints of other threads go unheard.
    try:
        for packet in container.demux(stream):
            found.is_damaged |= complaints.count() > heard
            if packet.has_sidedata("encryption_info"):
                raise VideoError(Problem.ENCRYPTED, _ENCRYPTED)
            found.first_frame = found.first_frame or _first_frame(packet)
            # Counted anew: what the decoder said of the packet is not the container's damage.
            heard = complaints.count()
            if packet.size and packet.pts is None:
                return _PacketTable(first_frame=found.first_frame)
            if packet.size:
                found.add(packet, is_shown=not is_vp8 or bool(memoryview(packet)[0] & _VP8_SHOWN))
    except MemoryError:  # A limit, not damage; FFmpeg's kind is an FFmpegError too.
        raise
    except BROKEN:  # The decoder finds out how far the file can be read.
        return _PacketTable(first_frame=found.first_frame)
    return found


def _first_frame(packet: "av.Packet[VideoStream]") -> VideoFrame | None:
    try:
        return next(iter(packet.decode()), None)
    except MemoryError:
        raise
    except av.FFmpegError:
        return None


def _has_true_stamps(container: InputContainer, stream: VideoStream) -> bool:
    return stream.codec_context.name in _STAMPED_CODECS and bool(
        _STAMPED_CONTAINERS & _formats(container)
    )


def _formats(container: InputContainer) -> set[str]:
    return set(container.format.name.split(","))


def _trusted(found: _PacketTable, container: InputContainer, stream: VideoStream) -> Packets | None:
    is_distinct = len(set(found.stamps)) == len(found.stamps) > 0
    if (
        not _has_true_stamps(container, stream)
        or not is_distinct
        or found.is_damaged
        or found.keys[:1] != [0]
    ):
        return None
    has_index = "mov" in _formats(container)
    return Packets(stamps=found.stamps, dts=found.dts, keys=tuple(found.keys), has_index=has_index)


def _unreadable(path: Path, error: av.FFmpegError) -> VideoError:
    with path.open("rb") as file:
        head = file.read(12)
    for container, (offset, signature) in _SIGNATURES.items():
        if head[offset : offset + len(signature)] == signature:
            detail = f"starts as {container}, but its index cannot be found: {error.strerror}"
            return VideoError(Problem.INCOMPLETE_FILE, detail)
    return VideoError(Problem.NOT_A_VIDEO, f"cannot be opened: {error.strerror}")
