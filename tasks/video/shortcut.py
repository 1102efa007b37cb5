"""The wanted frames without decoding all others, or nothing: never a frame that a plain pass would
not give.

Three savings, each exact: pictures that no other refers to are skipped if they are not wanted,
reading ends with the last wanted frame, and in long videos each run starts at a key frame. Frames
are told apart by their time stamps. Whatever disagrees with the table of packets ends the attempt,
and the caller decodes plainly.

Some files decode to rubbish after a seek, without an error: what the decoder must know stands in
the first packet alone. So before seeks are trusted, the first pictures after the second key frame
are decoded both ways.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.video.damage import BROKEN, Complaints, heard_complaints
from tasks.video.errors import Remark
from tasks.video.frames import Frame, Frames
from tasks.video.probe import Packets, Probe, open_video, set_decoder
from tasks.video.resize import Resizer

_CHECKED_FRAMES = 4
"""Pictures after the second key frame that must be the same after a seek as without one."""
_SEEK_FRAMES = 3
"""What finding a place in the file costs, in frames decoded."""
_LEAST_GAIN = 0.95
"""Seeking is chosen if it costs at most this share of one pass: an even choice goes to the simpler
way."""
_SKIPPABLE_CODECS = frozenset({"h264", "mpeg2video", "vp8"})
"""In these a picture marked as no reference is used by no other. Not in HEVC: a higher temporal
layer may use it."""
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


@dataclass(frozen=True, kw_only=True)
class PacketRun:
    """Packets to be read one after the other. Positions count packets in the order of decoding."""

    start: int
    """A key frame."""
    wanted: frozenset[int]
    """Positions whose pictures are kept; the last of them ends the run."""

    @property
    def stop(self) -> int:
        return max(self.wanted) + 1


class _DisagreementError(Exception):
    """The decoder did not deliver what the packets promise."""


def take_shortcut(
    path: Path, promise: Probe, wanted: Sequence[int], resizer: Resizer, num_threads: int
) -> Shortcut:
    """The frames at the indices `wanted` of the promised times, if they can be had exactly."""
    packets = promise.packets
    if packets is None or not wanted:
        return Shortcut(frames=None)
    stamps = [promise.shown_stamps[index] for index in wanted]
    place = {stamp: position for position, stamp in enumerate(packets.stamps)}
    # Without an index a cut shows at the end alone: the last picture shown and the last packet must
    # decode too.
    last = () if packets.has_index else (promise.shown_stamps[-1], packets.stamps[-1])
    positions = [place[stamp] for stamp in (*stamps, *last)]
    runs = plan_reading(packets, positions)
    warnings: tuple[str, ...] = ()
    try:
        if _needs_seek(runs) and not _are_seeks_exact(path, packets, resizer, num_threads):
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


def plan_reading(
    packets: Packets, wanted: Collection[int], *, may_seek: bool = True
) -> tuple[PacketRun, ...]:
    """One run from the start, or several, each from a key frame; `wanted` are positions."""
    one_pass = PacketRun(start=0, wanted=frozenset(wanted))
    if not may_seek:
        return (one_pass,)
    runs = _runs(packets, wanted)
    # Each run decodes from its key frame to its last wanted picture; the check of seeks is paid
    # once for the file.
    cost = sum(run.stop - run.start + _SEEK_FRAMES for run in runs) + _cost_of_check(packets)
    return runs if _needs_seek(runs) and cost <= _LEAST_GAIN * one_pass.stop else (one_pass,)


def _needs_seek(runs: Collection[PacketRun]) -> bool:
    """Whether a run starts elsewhere than at the start of the file."""
    return any(run.start > 0 for run in runs)


def check_runs(packets: Packets) -> tuple[PacketRun, PacketRun]:
    """The same pictures twice, decoded from the start and after a seek to the second key frame."""
    second = packets.keys[1]
    positions = range(second, len(packets.stamps))
    # Leading pictures may need what stands before the key frame: after a seek they cannot be the
    # same.
    trailing = (
        position for position in positions if packets.stamps[position] >= packets.stamps[second]
    )
    wanted = frozenset(islice(trailing, _CHECKED_FRAMES))
    return PacketRun(start=0, wanted=wanted), PacketRun(start=second, wanted=wanted)


def _are_seeks_exact(path: Path, packets: Packets, resizer: Resizer, num_threads: int) -> bool:
    from_start, after_seek = check_runs(packets)
    expected = _read(path, packets, (from_start,), resizer, num_threads)
    try:
        found = _read(path, packets, (after_seek,), resizer, num_threads)
    except (_DisagreementError, *BROKEN):
        return False
    return all(np.array_equal(frame, found[stamp]) for stamp, frame in expected.items())


def _read(
    path: Path, packets: Packets, runs: Sequence[PacketRun], resizer: Resizer, num_threads: int
) -> dict[int, Frame]:
    with (
        open_decoder(path, num_threads) as (container, stream),
        heard_complaints(is_on=num_threads == 1) as complaints,
    ):
        reader = _Reader(container, stream, packets, complaints)
        found: dict[int, Frame] = {}
        for run in runs:
            found |= reader.read(run, resizer)
        return found


class _Reader:
    """Reads runs of packets from an open file."""

    def __init__(
        self,
        container: InputContainer,
        stream: VideoStream,
        packets: Packets,
        complaints: Complaints,
    ) -> None:
        self._container, self._stream = container, stream
        self._packets, self._complaints = packets, complaints
        self._can_skip = stream.codec_context.name in _SKIPPABLE_CODECS
        self._place = {stamp: position for position, stamp in enumerate(packets.stamps)}
        self._num_expected_complaints = 0

    def read(self, run: PacketRun, resizer: Resizer) -> dict[int, Frame]:
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

    def _frames(self, run: PacketRun) -> Iterator[VideoFrame]:
        decoder = self._stream.codec_context
        skipping: Literal["DEFAULT", "NONREF"] = "DEFAULT"
        decoder.skip_frame = skipping
        for position, packet in self._packets_of(run):
            # Said when it changes only: each time is a call into FFmpeg.
            needed: Literal["DEFAULT", "NONREF"] = (
                "NONREF" if self._can_skip and position not in run.wanted else "DEFAULT"
            )
            if needed != skipping:
                decoder.skip_frame = skipping = needed
            if self._is_leading(packet.pts, run):
                self._decode_leading(packet)
            else:
                yield from packet.decode()
        yield from decoder.decode(None)  # Pictures that it kept back to put them in order.

    def _is_leading(self, stamp: int | None, run: PacketRun) -> bool:
        return stamp is not None and stamp < self._packets.stamps[run.start]

    def _decode_leading(self, packet: "av.Packet[VideoStream]") -> None:
        """A picture shown before the key frame at which reading started: it may lack what it refers
        to.

        It goes to the decoder all the same, because the numbering of references must have no gap.
        """
        before = self._complaints.count()
        try:
            packet.decode()
        except av.FFmpegError:
            return
        finally:
            self._num_expected_complaints += self._complaints.count() - before

    def _packets_of(self, run: PacketRun) -> "Iterator[tuple[int, av.Packet[VideoStream]]]":
        for packet in self._packets_from(run.start):
            position = self._position(packet)
            if position is None:
                raise _DisagreementError
            if position >= run.start:
                yield position, packet
            if position + 1 >= run.stop:
                return

    def _packets_from(self, start: int) -> "Iterator[av.Packet[VideoStream]]":
        """From `start` or a little before. Containers search by one stamp or the other, so both are
        tried."""
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


def _cost_of_check(packets: Packets) -> int:
    """Up to the second key frame and the pictures after it, then those again behind a seek."""
    return packets.keys[1] + 2 * _CHECKED_FRAMES + _SEEK_FRAMES if len(packets.keys) > 1 else 0


def _runs(packets: Packets, wanted: Collection[int]) -> tuple[PacketRun, ...]:
    runs: list[PacketRun] = []
    for position in sorted(wanted):
        start = _start(packets, position)
        # So near behind the run before, or inside of it, that going on decodes less than a seek
        # costs.
        if runs and start - max(runs[-1].wanted) <= _SEEK_FRAMES:
            # A leading picture may need an earlier key frame than the one decoded before it.
            start, before = min(start, runs[-1].start), runs.pop().wanted
            runs.append(PacketRun(start=start, wanted=before | {position}))
        else:
            runs.append(PacketRun(start=start, wanted=frozenset({position})))
    return tuple(runs)


def _start(packets: Packets, position: int) -> int:
    """The last key frame from which the picture is sure to come out right.

    Pictures that are decoded after a key frame and shown before it (the leading ones of an open
    group) may need what stands before the key frame: they are reached from an earlier one.
    """
    index = bisect_right(packets.keys, position) - 1
    while index > 0 and packets.stamps[packets.keys[index]] > packets.stamps[position]:
        index -= 1
    return packets.keys[index]
