"""The wanted frames without decoding all others, or nothing: never a frame that a plain pass would not give.

Three savings, each exact: pictures that no other refers to are skipped if they are not wanted, reading ends with the
last wanted frame, and in long videos each run starts at a key frame. Frames are told apart by their time stamps.
Whatever disagrees with the table of packets ends the attempt, and the caller decodes plainly.

Some files decode to rubbish after a seek, without an error: what the decoder must know stands in the first packet
alone. So before seeks are trusted, the first pictures after the second key frame are decoded both ways.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.video.complaints import Complaints, heard_complaints
from tasks.video.errors import Remark
from tasks.video.frames import Frame, Frames
from tasks.video.probe import BROKEN, Packets, Probe, open_video, set_decoder
from tasks.video.reading_plan import Run, check_runs, needs_seek, plan_reading
from tasks.video.resize import Resizer

_SKIPPABLE_CODECS = frozenset({"h264", "mpeg2video", "vp8"})
"""In these a picture marked as no reference is used by no other. Not in HEVC: a higher temporal layer may use it."""
_NOTICE_DAMAGE = {"err_detect": "crccheck+bitstream+buffer+careful+compliant"}
"""Decoders report what they would otherwise mend in silence."""
_BAD_SEEKS = Remark.NOT_SEEKABLE.of(
    "pictures after a seek differ from those decoded from the start; read from the start"
)


@dataclass(frozen=True, kw_only=True)
class Shortcut:
    """What came of the attempt."""

    frames: Frames | None
    """None if the file has to be decoded plainly."""
    warnings: tuple[str, ...] = ()


class _DisagreementError(Exception):
    """The decoder did not deliver what the packets promise."""


def take_shortcut(path: Path, promise: Probe, wanted: Sequence[int], resizer: Resizer, num_threads: int) -> Shortcut:
    """The frames at the indices `wanted` of the promised times, if they can be had exactly."""
    packets = promise.packets
    if packets is None or not wanted:
        return Shortcut(frames=None)
    stamps = [promise.shown_stamps[index] for index in wanted]
    place = {stamp: position for position, stamp in enumerate(packets.stamps)}
    last = () if packets.has_index else (promise.shown_stamps[-1], packets.stamps[-1])
    positions = [place[stamp] for stamp in (*stamps, *last)]
    runs = plan_reading(packets, positions)
    warnings: tuple[str, ...] = ()
    try:
        if needs_seek(runs) and not _are_seeks_exact(path, packets, resizer, num_threads):
            runs, warnings = plan_reading(packets, positions, may_seek=False), (_BAD_SEEKS,)
        found = _read(path, packets, runs, resizer, num_threads)
    except (_DisagreementError, *BROKEN):
        return Shortcut(frames=None, warnings=warnings)
    return Shortcut(frames=np.stack([found[stamp] for stamp in stamps]), warnings=warnings)


@contextmanager
def open_decoder(path: Path, num_threads: int) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The container and its video stream, whose decoder uses so many threads."""
    with open_video(path) as (container, stream):
        set_decoder(stream, num_threads=num_threads)
        stream.codec_context.options = _NOTICE_DAMAGE
        yield container, stream


def _are_seeks_exact(path: Path, packets: Packets, resizer: Resizer, num_threads: int) -> bool:
    from_start, after_seek = check_runs(packets)
    expected = _read(path, packets, (from_start,), resizer, num_threads)
    try:
        found = _read(path, packets, (after_seek,), resizer, num_threads)
    except (_DisagreementError, *BROKEN):
        return False
    return all(np.array_equal(frame, found[stamp]) for stamp, frame in expected.items())


def _read(path: Path, packets: Packets, runs: Sequence[Run], resizer: Resizer, num_threads: int) -> dict[int, Frame]:
    with open_decoder(path, num_threads) as (container, stream), heard_complaints(is_on=num_threads == 1) as complaints:
        reader = _Reader(container, stream, packets, complaints)
        found: dict[int, Frame] = {}
        for run in runs:
            found |= reader.read(run, resizer)
        return found


class _Reader:
    """Reads runs of packets from an open file."""

    def __init__(
        self, container: InputContainer, stream: VideoStream, packets: Packets, complaints: Complaints
    ) -> None:
        self._container, self._stream, self._packets, self._complaints = container, stream, packets, complaints
        self._can_skip = stream.codec_context.name in _SKIPPABLE_CODECS
        self._place = {stamp: position for position, stamp in enumerate(packets.stamps)}
        self._num_expected_complaints = 0

    def read(self, run: Run, resizer: Resizer) -> dict[int, Frame]:
        """The wanted pictures of `run` by time stamp."""
        wanted = {self._packets.stamps[position] for position in run.wanted}
        found: dict[int, Frame] = {}
        for frame in self._frames(run):
            if frame.is_corrupt and not self._is_leading(frame.pts, run):
                raise _DisagreementError  # What is predicted from it is broken too, and not marked.
            if frame.pts in wanted:
                found[frame.pts] = resizer(frame)
                if len(found) == len(wanted):
                    break
        if len(found) < len(wanted) or self._complaints.count() > self._num_expected_complaints:
            raise _DisagreementError
        return found

    def _frames(self, run: Run) -> Iterator[VideoFrame]:
        decoder = self._stream.codec_context
        skipping: Literal["DEFAULT", "NONREF"] = "DEFAULT"
        decoder.skip_frame = skipping
        for position, packet in self._packets_of(run):
            needed: Literal["DEFAULT", "NONREF"] = (
                "NONREF" if self._can_skip and position not in run.wanted else "DEFAULT"
            )
            if needed != skipping:
                decoder.skip_frame = skipping = needed
            if self._is_leading(packet.pts, run):
                self._decode_leading(packet)
            else:
                yield from packet.decode()
        yield from decoder.decode(None)

    def _is_leading(self, stamp: int | None, run: Run) -> bool:
        return stamp is not None and stamp < self._packets.stamps[run.start]

    def _decode_leading(self, packet: "av.Packet[VideoStream]") -> None:
        """A picture shown before the key frame at which reading started: it may lack what it refers to.

        It goes to the decoder all the same, because the numbering of references must have no gap.
        """
        before = self._complaints.count()
        try:
            packet.decode()
        except av.FFmpegError:
            return
        finally:
            self._num_expected_complaints += self._complaints.count() - before

    def _packets_of(self, run: Run) -> "Iterator[tuple[int, av.Packet[VideoStream]]]":
        for packet in self._packets_from(run.start):
            position = self._position(packet)
            if position is None:
                raise _DisagreementError
            if position >= run.start:
                yield position, packet
            if position + 1 >= run.stop:
                return

    def _packets_from(self, start: int) -> "Iterator[av.Packet[VideoStream]]":
        """From `start` or a little before. Containers search by one stamp or the other, so both are tried."""
        if start == 0:
            yield from self._container.demux(self._stream)
            return
        for stamp in (self._packets.stamps[start], self._packets.dts[start]):
            self._container.seek(stamp, stream=self._stream)
            packets = self._container.demux(self._stream)
            first = next(packets, None)
            position = self._position(first) if first else None
            if first and position is not None and position <= start:
                yield first
                yield from packets
                return
        raise _DisagreementError

    def _position(self, packet: "av.Packet[VideoStream]") -> int | None:
        return None if packet.pts is None or not packet.size else self._place.get(packet.pts)
