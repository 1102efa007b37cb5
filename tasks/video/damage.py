"""Damage: what FFmpeg complains about, and which of the decoded pictures are sound.

Many decoders hide damage: they guess the broken part of a picture, report nothing but a line in
FFmpeg's log, and all that is predicted from it is broken too. Sound files cause no such line.
Decoders mark the first broken picture at best, and not those that are predicted from it: from the
first damaged packet on nothing is trusted until a key frame that comes later. What was decoded
before the damage is sound, though it may be shown after it. Where the next packet was not in its
place, the one before may have been hit too, and many decoders do not notice: so each is decoded
when the next one has been read.
"""

import functools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import av
import av.logging
from av.codec import Codec
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

BROKEN = (av.FFmpegError, IndexError)
"""What reading packets raises for broken files; the second where a damaged transport stream grows a
stream."""
_HARMLESS = ("mmco: unref short failure", "SEI type")
"""The first: H.264 gives up a reference picture that was never decoded, as happens after a seek and
in files cut without re-encoding; a picture that needs it causes another line. The second: a
malformed remark beside the pictures."""
_INDEXED = "mov"
"""Its packets are found by an index, whatever stands before them."""


class Complaints:
    """The lines of level ERROR so far."""

    def __init__(self, lines: list[tuple[int, str, str]]) -> None:
        self._lines = lines
        self._count = self._num_astray = 0

    def count(self) -> int:
        """How many. The lines themselves are not kept: a broken file can cause millions."""
        for _, name, text in self._lines:
            kind = _kind_of_codec(name)
            if not text.startswith(_HARMLESS) and kind != "audio":
                self._count += 1
                self._num_astray += not kind and not name.startswith(_INDEXED)
        self._lines.clear()
        return self._count

    def count_astray(self) -> int:
        """How many of a container in which one packet leads to the next, and the next was not where
        it should be."""
        self.count()
        return self._num_astray


@contextmanager
def heard_complaints(*, is_on: bool) -> Iterator[Complaints]:
    """While entered, what this thread causes is counted.

    To be off with decoders that have threads of their own: their lines come from elsewhere, and can
    block PyAV.
    """
    if not is_on:
        yield Complaints([])
        return
    level, skips_repeated = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # What was said in another file must not hide it here.
    try:
        with av.logging.Capture(local=True) as lines:
            yield Complaints(lines)
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skips_repeated)


@dataclass(kw_only=True)
class Damage:
    """What was found so far."""

    has_true_stamps: bool
    """A picture has the time stamp of its packet, so it is known which packet it came in."""
    _places: dict[int, int] = field(default_factory=dict)
    """In the order of decoding, by time stamp, of packets whose pictures have not come yet."""
    _num_sent: int = 0
    _damaged: set[int] = field(default_factory=set)
    _ends_early: bool = False
    _first: int | None = None
    """Place of the packet at which the present stretch of broken pictures began; None outside of
    one."""
    _last: int = 0
    _last_stamp: int = 0
    """The last damage of that stretch."""

    def send(self, packet: "av.Packet[VideoStream]") -> None:
        """A packet goes to the decoder."""
        if self.has_true_stamps and packet.pts is not None:
            self._places[packet.pts] = self._num_sent
        self._num_sent += 1

    @property
    def num_errors(self) -> int:
        """Packets that the decoder refused or complained about, or of which it marked the picture
        as broken."""
        return len(self._damaged) + self._ends_early

    def end_early(self) -> None:
        """The file ends before its index says."""
        self._ends_early = True

    def begin(self, place: int, stamp: int | None) -> None:
        """A packet is damaged."""
        self._damaged.add(place)
        self._first = place if self._first is None else min(self._first, place)
        self._last, self._last_stamp = max(place, self._last), max(stamp or 0, self._last_stamp)

    def covers(self, frame: VideoFrame) -> bool:
        """Whether the next picture is broken, or predicted from one that is."""
        place = None if frame.pts is None else self._places.pop(frame.pts, None)
        if frame.is_corrupt:
            self.begin(self.place if place is None else place, frame.pts)
        elif self._first is not None and frame.key_frame and self._is_later(frame, place):
            self._first = None
        return self._first is not None and (place is None or place >= self._first)

    def _is_later(self, frame: VideoFrame, place: int | None) -> bool:
        if place is not None:
            return place > self._last
        return frame.pts is None or frame.pts > self._last_stamp

    @property
    def place(self) -> int:
        """Of the packet that was sent last."""
        return self._num_sent - 1


def sound_frames(
    packets: "Iterable[av.Packet[VideoStream]]", complaints: Complaints, damage: Damage
) -> Iterable[VideoFrame]:
    """Decode, and leave out what is broken; `damage` tells afterwards what there was."""
    for packet, is_damaged in _with_damage_around(packets, complaints, damage):
        damage.send(packet)
        frames: list[VideoFrame] = []
        heard = complaints.count()
        try:
            frames = packet.decode()
        except MemoryError:  # A limit, not damage; FFmpeg's kind is an FFmpegError too.
            raise
        except av.FFmpegError:
            is_damaged = True
        if is_damaged or complaints.count() > heard:
            damage.begin(damage.place, packet.pts)
        yield from (frame for frame in frames if not damage.covers(frame))


def _with_damage_around(
    packets: "Iterable[av.Packet[VideoStream]]", complaints: Complaints, damage: Damage
) -> "Iterator[tuple[av.Packet[VideoStream], bool]]":
    """Each packet, and whether something was complained of right before it, or was astray right
    behind it."""
    last, is_damaged = None, False
    source = iter(packets)
    while True:
        heard, astray = complaints.count(), complaints.count_astray()
        try:
            packet = next(source, None)
        except MemoryError:
            raise
        except BROKEN:  # The file ends before its index says; what came until here is good.
            damage.end_early()
            packet = None
        has_complained = complaints.count() > heard
        if last is not None:
            # At the end of a file that was cut off it is whole, and what would have come next is
            # missing.
            is_followed = packet is not None and packet.size > 0
            yield last, is_damaged or (is_followed and complaints.count_astray() > astray)
        if packet is None:
            return
        last, is_damaged = (
            packet,
            has_complained,
        )  # Given out in the next turn, when it is known what follows.


@functools.cache
def _kind_of_codec(name: str) -> str:
    """Of pictures or sound (what is encrypted or broken there harms no picture); empty for a
    container."""
    try:
        return str(Codec(name, "r").type)
    except ValueError:
        return ""
