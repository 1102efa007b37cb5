"""Video file -> chosen frames at their final size, upright, 8-bit RGB.

First the shortcut: decode only what the chosen frames need (`tasks.video.shortcut`). Where it
disagrees with what the packets promise, the plain pass: decode everything from the start; the
decoder has the last word on which frames there are, and if it delivers others than promised, the
choice is made again from what it delivered. Both give equal frames. Only the chosen frames are kept
in memory.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tasks.core.config import IngestConfig
from tasks.core.ingest_config import EDGE_SHARE, MAX_DAMAGED_SHARE
from tasks.video.damage import Damage, heard_complaints, sound_frames
from tasks.video.errors import Problem, Remark, VideoError
from tasks.video.frames import Frame, Frames
from tasks.video.probe import Probe, probe
from tasks.video.resize import Resizer
from tasks.video.shortcut import open_decoder, take_shortcut
from tasks.video.timeline import choose_frames, duration_seconds, lost_times, span_frames

# Two are enough for a decoder that repeats itself: the second chooses from what the first
# delivered.
_MOST_PASSES = 4
_SHORT_OF_HEADER = 0.95
"""Below this share of the length in the header, the missing part is worth a warning."""


@dataclass(frozen=True, kw_only=True)
class FrameChoice:
    """Which frames of a video are wanted, and how large."""

    num_frames: int
    min_area_px: int
    max_area_px: int
    edge_share: float = EDGE_SHARE
    max_damaged_share: float = MAX_DAMAGED_SHARE

    @classmethod
    def of(cls, config: IngestConfig) -> "FrameChoice":
        """What `config` keeps of every video."""
        return cls(
            num_frames=config.num_frames,
            min_area_px=config.min_area_px,
            max_area_px=config.max_area_px,
        )


@dataclass(frozen=True, kw_only=True)
class Footage:
    """The chosen frames of one video."""

    frames: Frames
    timestamps_seconds: tuple[float, ...]
    """From the first chosen frame, in whole milliseconds."""
    start_seconds: float
    """When the first chosen frame is shown, from the video's first frame."""
    duration_seconds: float
    source_fps: float
    warnings: tuple[str, ...]


def decode_video(
    path: Path, choice: FrameChoice, *, num_threads: int = 1, may_skip: bool = True
) -> Footage:
    """Decode the frames that `choice` asks for.

    Args:
        path: A local file.
        choice: What is wanted.
        num_threads: Of the decoder. One process per core with one thread each is best for many
            videos, and damage is noticed best so: some decoders report it only in the log, which is
            read for one thread alone.
        may_skip: False decodes every frame from the start; the result is the same.

    Raises:
        VideoError: the file gives no such frames; see `tasks.video.errors`.
    """
    promise = probe(path)
    wanted = _choose(promise.times_seconds, choice)
    if not may_skip:
        return _decode_plainly(path, promise, choice, num_threads)
    resizer = _resizer(promise, choice)
    shortcut = take_shortcut(path, promise, wanted, resizer, num_threads)
    if shortcut.frames is None:
        return _decode_plainly(path, promise, choice, num_threads, shortcut.warnings)
    length = _warning_of_length(promise, promise.times_seconds)
    warnings = (*promise.warnings, *resizer.warnings, *shortcut.warnings, *length)
    return _footage(promise.times_seconds, wanted, shortcut.frames, warnings)


def decode_frames(path: Path, promise: Probe, wanted: Sequence[int], resizer: Resizer) -> Frames:
    """The frames at the indices `wanted` of the promised times, which `promise` has, for rules that
    choose by index.

    Raises:
        VideoError: not all of them can be decoded.
    """
    shortcut = take_shortcut(path, promise, wanted, resizer, num_threads=1)
    if shortcut.frames is not None:
        return shortcut.frames
    decoded = _decode(path, promise, wanted, resizer, num_threads=1)
    lost = sorted(set(wanted) - set(decoded.frames))
    if lost:
        detail = f"{len(lost)} of {len(wanted)} chosen frames do not decode, e.g. number {lost[0]}"
        raise VideoError(
            Problem.DECODE_ERRORS, f"{detail}; {len(decoded.times_seconds)} frames were delivered"
        )
    return np.stack([decoded.frames[rank] for rank in wanted])


@dataclass(kw_only=True)
class _Pass:
    """What one pass over the file delivered."""

    times_seconds: list[float] = field(default_factory=list)
    frames: dict[int, Frame] = field(default_factory=dict)
    num_errors: int = 0
    """See `tasks.video.damage.Damage`."""


def _choose(times: Sequence[float], choice: FrameChoice) -> tuple[int, ...]:
    if len(span_frames(times, edge_share=choice.edge_share)) < choice.num_frames:
        return ()
    return choose_frames(times, num_frames=choice.num_frames, edge_share=choice.edge_share)


def _resizer(promise: Probe, choice: FrameChoice) -> Resizer:
    return Resizer(
        display=promise.display, min_area_px=choice.min_area_px, max_area_px=choice.max_area_px
    )


def _decode_plainly(
    path: Path,
    promise: Probe,
    choice: FrameChoice,
    num_threads: int,
    warnings: tuple[str, ...] = (),
) -> Footage:
    times: Sequence[float] = promise.times_seconds
    for _ in range(_MOST_PASSES):
        wanted = _choose(times, choice)
        # A new one for each pass: the first frame that it gets decides the size, and its warnings
        # are of that pass alone.
        resizer = _resizer(promise, choice)
        decoded = _decode(path, promise, wanted, resizer, num_threads)
        num_lost = _check(promise, decoded, choice)
        if _choose(decoded.times_seconds, choice) == wanted:
            frames = np.stack([decoded.frames[rank] for rank in wanted])
            all_warnings = (
                *promise.warnings,
                *resizer.warnings,
                *warnings,
                *_warnings(promise, decoded, num_lost),
            )
            return _footage(decoded.times_seconds, wanted, frames, all_warnings)
        times = decoded.times_seconds
    raise VideoError(
        Problem.DECODE_ERRORS, f"{_MOST_PASSES} passes of the decoder delivered different frames"
    )


def _decode(
    path: Path, promise: Probe, wanted: Collection[int], resizer: Resizer, num_threads: int
) -> _Pass:
    """Keep the frames whose rank in the decoder's output is in `wanted`.

    Ranks, because a decoder's output order is the order of presentation even where time stamps are
    not (VC-1 in ASF).
    """
    result, damage = _Pass(), Damage(has_true_stamps=promise.has_true_stamps)
    times: list[float | None] = []
    with (
        open_decoder(path, num_threads) as (container, stream),
        heard_complaints(is_on=num_threads == 1) as complaints,
    ):
        for rank, frame in enumerate(sound_frames(container.demux(stream), complaints, damage)):
            times.append(frame.time)
            if rank in wanted:
                result.frames[rank] = resizer(frame)
    result.num_errors = damage.num_errors
    result.times_seconds = _complete(times, promise)
    return result


def _complete(times: list[float | None], promise: Probe) -> list[float]:
    known = [time for time in times if time is not None]
    if len(known) == len(times):
        return sorted(known)
    if not promise.frame_seconds:
        detail = (
            f"{len(times) - len(known)} of {len(times)} frames have none, and no frame rate "
            "is stated"
        )
        raise VideoError(Problem.NO_TIMESTAMPS, detail)
    return [rank * promise.frame_seconds for rank in range(len(times))]


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
        detail = (
            f"{num_lost} of {choice.num_frames} chosen frames lie where the video does not decode"
        )
        limit = f"limit {choice.max_damaged_share:.0%}"
        raise VideoError(
            Problem.DECODE_ERRORS, f"{detail} ({_damage(promise, decoded, lost)}), {limit}"
        )
    num_inside = len(span_frames(decoded.times_seconds, edge_share=choice.edge_share))
    if num_inside < choice.num_frames:
        detail = (
            f"{num_inside} in the middle {1 - 2 * choice.edge_share:.0%}, at least "
            f"{choice.num_frames} needed"
        )
        raise VideoError(Problem.TOO_FEW_FRAMES, f"{len(decoded.times_seconds)} frames, {detail}")
    return num_lost


def _damage(promise: Probe, decoded: _Pass, lost: list[float]) -> str:
    return (
        f"{len(lost)} of {len(promise.times_seconds)} frames lost, {decoded.num_errors} decode "
        "errors"
    )


def _footage(
    times: Sequence[float], wanted: Sequence[int], frames: Frames, warnings: tuple[str, ...]
) -> Footage:
    duration = duration_seconds(times)
    return Footage(
        frames=frames,
        timestamps_seconds=tuple(round(times[rank] - times[wanted[0]], 3) for rank in wanted),
        start_seconds=round(times[wanted[0]] - times[0], 3),
        duration_seconds=round(duration, 3),
        source_fps=round(len(times) / duration, 3) if duration else 0.0,
        warnings=warnings,
    )


def _warnings(promise: Probe, decoded: _Pass, num_lost: int) -> tuple[str, ...]:
    warnings = []
    lost = lost_times(promise.times_seconds, decoded.times_seconds)
    if lost or decoded.num_errors:
        moved = f"{num_lost} chosen frames moved to the nearest good one"
        warnings.append(Remark.DAMAGED_FRAMES.of(f"{_damage(promise, decoded, lost)}; {moved}"))
    warnings.extend(_warning_of_length(promise, decoded.times_seconds))
    if not promise.times_seconds:
        detail = (
            "time stamps missing from the file; where needed, frames "
            f"{promise.frame_seconds:.4f} s apart"
        )
        warnings.append(Remark.NO_TIMESTAMPS.of(detail))
    return tuple(warnings)


def _warning_of_length(promise: Probe, times: Sequence[float]) -> list[str]:
    length = duration_seconds(times)
    if length >= _SHORT_OF_HEADER * promise.header_seconds:
        return []
    detail = f"the header promises {promise.header_seconds:.2f} s, {length:.2f} s could be read"
    return [Remark.SHORTER.of(detail)]
