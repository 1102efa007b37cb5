"""Video file -> chosen frames at their final size, upright, 8-bit RGB.

Always decodes from the start: some files decode to rubbish after a seek, without an error. Only the chosen frames are
kept in memory. The packets say which frames to expect; the decoder has the last word, and if it delivers others, the
choice is made again from what it delivered.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tasks.video.errors import Problem, VideoError
from tasks.video.frames import Frame, Frames
from tasks.video.probe import Probe, open_video, probe
from tasks.video.resize import choose_size, resize
from tasks.video.timeline import choose_frames, duration_seconds, lost_times, span_frames

_MOST_PASSES = 4
_SHORT_OF_HEADER = 0.95
"""Below this share of the length in the header, the missing part is worth a warning."""


@dataclass(frozen=True, kw_only=True)
class FrameChoice:
    """Which frames of a video are wanted, and how large."""

    num_frames: int
    edge_share: float
    min_area_px: int
    max_area_px: int
    max_damaged_share: float


@dataclass(frozen=True, kw_only=True)
class Footage:
    """The chosen frames of one video."""

    frames: Frames
    timestamps_seconds: tuple[float, ...]
    """From the first chosen frame, in whole milliseconds."""
    duration_seconds: float
    source_fps: float
    warnings: tuple[str, ...]


def decode_video(path: Path, choice: FrameChoice) -> Footage:
    """Decode the frames that `choice` asks for.

    Raises:
        VideoError: the file gives no such frames; see `tasks.video.errors`.
    """
    promise = probe(path)
    times: Sequence[float] = promise.times_seconds
    for _ in range(_MOST_PASSES):
        wanted = _choose(times, choice)
        decoded = _decode(path, promise, wanted, choice)
        if _choose(decoded.times_seconds, choice) == wanted and wanted:
            return _footage(promise, decoded, wanted, choice)
        _check(promise, decoded, choice)
        times = decoded.times_seconds
    raise VideoError(Problem.DECODE_ERRORS, f"{_MOST_PASSES} passes of the decoder delivered different frames")


@dataclass(kw_only=True)
class _Pass:
    """What one pass over the file delivered."""

    times_seconds: list[float] = field(default_factory=list)
    frames: dict[int, Frame] = field(default_factory=dict)
    num_errors: int = 0


def _choose(times: Sequence[float], choice: FrameChoice) -> tuple[int, ...]:
    if len(span_frames(times, edge_share=choice.edge_share)) < choice.num_frames:
        return ()
    return choose_frames(times, num_frames=choice.num_frames, edge_share=choice.edge_share)


def _decode(path: Path, promise: Probe, wanted: Collection[int], choice: FrameChoice) -> _Pass:
    """Keep the frames whose rank in the decoder's output is in `wanted`.

    Ranks, because a decoder's output order is the order of presentation even where time stamps are not (VC-1 in ASF).
    """
    result, size = _Pass(), None
    times: list[float | None] = []
    with open_video(path) as (container, stream):
        stream.thread_type = "AUTO"
        pixel_aspect = float(stream.sample_aspect_ratio or 1)
        for rank, frame in enumerate(_good_frames(container.demux(stream), result)):
            times.append(frame.time)
            if rank in wanted:
                picture = _upright(frame)
                size = size or _final_size(frame, pixel_aspect, choice)
                result.frames[rank] = np.asarray(resize(picture, width=size[0], height=size[1]))
    result.times_seconds = _complete(times, promise)
    return result


def _complete(times: list[float | None], promise: Probe) -> list[float]:
    known = [time for time in times if time is not None]
    if len(known) == len(times):
        return sorted(known)
    if not promise.frame_seconds:
        detail = f"{len(times) - len(known)} of {len(times)} frames have none, and no frame rate is stated"
        raise VideoError(Problem.NO_TIMESTAMPS, detail)
    return [rank * promise.frame_seconds for rank in range(len(times))]


def _good_frames(packets: "Iterable[av.Packet[VideoStream]]", result: _Pass) -> Iterable[VideoFrame]:
    try:
        for packet in packets:
            try:
                frames = packet.decode()
            except MemoryError:  # A limit, not damage; FFmpeg's kind is an FFmpegError too.
                raise
            except av.FFmpegError:
                result.num_errors += 1
                continue
            yield from (frame for frame in frames if not frame.is_corrupt)
    except MemoryError:
        raise
    except av.FFmpegError:  # The file ends before its index says; what came until here is good.
        result.num_errors += 1


def _quarter_turns(frame: VideoFrame) -> int:
    return round(frame.rotation / 90) % 4


def _upright(frame: VideoFrame) -> Frame:
    return np.rot90(frame.to_ndarray(format="rgb24"), _quarter_turns(frame))


def _final_size(frame: VideoFrame, pixel_aspect: float, choice: FrameChoice) -> tuple[int, int]:
    width, height = frame.width * pixel_aspect, float(frame.height)
    if _quarter_turns(frame) % 2:
        width, height = height, width
    return choose_size(width, height, min_area_px=choice.min_area_px, max_area_px=choice.max_area_px)


def _check(promise: Probe, decoded: _Pass, choice: FrameChoice) -> int:
    """How many of the frames that would have been chosen were lost, if few enough.

    Raises:
        VideoError: too many, or the span has too few frames, damage or not.
    """
    lost = lost_times(promise.times_seconds, decoded.times_seconds)
    complete = sorted([*decoded.times_seconds, *lost])
    ideal = _choose(complete, choice)
    num_lost = len({complete[index] for index in ideal} & set(lost))
    if num_lost > choice.max_damaged_share * choice.num_frames:
        detail = f"{num_lost} of {choice.num_frames} chosen frames lie where the video does not decode"
        limit = f"limit {choice.max_damaged_share:.0%}"
        raise VideoError(Problem.DECODE_ERRORS, f"{detail} ({_damage(promise, decoded, lost)}), {limit}")
    num_inside = len(span_frames(decoded.times_seconds, edge_share=choice.edge_share))
    if num_inside < choice.num_frames:
        detail = f"{num_inside} in the middle {1 - 2 * choice.edge_share:.0%}, at least {choice.num_frames} needed"
        raise VideoError(Problem.TOO_FEW_FRAMES, f"{len(decoded.times_seconds)} frames, {detail}")
    return num_lost


def _damage(promise: Probe, decoded: _Pass, lost: list[float]) -> str:
    return f"{len(lost)} of {len(promise.times_seconds)} frames lost, {decoded.num_errors} decode errors"


def _footage(promise: Probe, decoded: _Pass, wanted: tuple[int, ...], choice: FrameChoice) -> Footage:
    num_lost = _check(promise, decoded, choice)
    times = decoded.times_seconds
    duration = duration_seconds(times)
    return Footage(
        frames=np.stack([decoded.frames[rank] for rank in wanted]),
        timestamps_seconds=tuple(round(times[rank] - times[wanted[0]], 3) for rank in wanted),
        duration_seconds=round(duration, 3),
        source_fps=round(len(times) / duration, 3) if duration else 0.0,
        warnings=_warnings(promise, decoded, num_lost),
    )


def _warnings(promise: Probe, decoded: _Pass, num_lost: int) -> tuple[str, ...]:
    warnings = []
    lost = lost_times(promise.times_seconds, decoded.times_seconds)
    if lost or decoded.num_errors:
        warnings.append(f"{_damage(promise, decoded, lost)}; {num_lost} chosen frames moved to the nearest good one")
    length = duration_seconds(decoded.times_seconds)
    if length < _SHORT_OF_HEADER * promise.header_seconds:
        warnings.append(f"the header promises {promise.header_seconds:.2f} s, {length:.2f} s could be read")
    if not promise.times_seconds:
        warnings.append(f"time stamps missing from the file; where needed, frames {promise.frame_seconds:.4f} s apart")
    return tuple(warnings)
