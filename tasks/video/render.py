"""What the model is shown: views of clips turned into frames and timestamps, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.core.store import Store
from tasks.core.types import Clip, Sample, View
from tasks.video.edits import apply_edits
from tasks.video.frame_store import load_frames
from tasks.video.frames import Frames, vision_tokens


@dataclass(frozen=True, kw_only=True)
class FrameSelection:
    """The frames that stand for a video."""

    indices: tuple[int, ...]
    """In the file, from 0, ascending."""
    rate: float
    """Frames a second, nominal."""

    @property
    def timestamps_seconds(self) -> tuple[float, ...]:
        """From the start of the file, also for a part of it."""
        return tuple(index / self.rate for index in self.indices)


@dataclass(frozen=True)
class ShownVideo:
    """One video as shown."""

    frames: Frames
    timestamps_seconds: tuple[float, ...]
    """One for each frame."""
    selection: FrameSelection | None = None
    """Of a benchmark's video, what the official processor would say of its frames; None for one of
    ours."""

    @property
    def num_tokens(self) -> int:
        """Places that it takes in the prompt."""
        num_frames, height, width = (int(size) for size in self.frames.shape[:3])
        return vision_tokens(num_frames, height, width)


def render_sample(
    store: Store, sample: Sample, clips: Mapping[str, Clip]
) -> tuple[ShownVideo, ...]:
    """The videos of `sample`, in the order shown; `clips` by clip id."""
    return tuple(render_view(store, view, clips) for view in sample.views)


def render_view(store: Store, view: View, clips: Mapping[str, Clip]) -> ShownVideo:
    """The frames of one view with its edits applied.

    Raises:
        ValueError: the view names an unknown clip, or frames or edits that do not fit it.
    """

    def load(clip_id: str, start_frame: int, stop_frame: int) -> Frames:
        return _load(store, clips, clip_id, start_frame, stop_frame)

    frames = load(view.clip_id, view.start_frame, view.stop_frame)
    return ShownVideo(
        apply_edits(frames, view.edits, load), view_timestamps(view, clips[view.clip_id])
    )


def _load(
    store: Store, clips: Mapping[str, Clip], clip_id: str, start_frame: int, stop_frame: int
) -> Frames:
    clip = clips.get(clip_id)
    if clip is None:
        raise ValueError(
            f"view of clip {clip_id!r}, which is not among the {len(clips)} clips given"
        )
    num_frames = len(clip.timestamps_seconds)
    if not 0 <= start_frame < stop_frame <= num_frames:
        raise ValueError(
            f"view [{start_frame}, {stop_frame}) does not fit clip {clip_id} of {num_frames} frames"
        )
    return load_frames(store, clip, start_frame, stop_frame)


def view_timestamps(view: View, clip: Clip) -> tuple[float, ...]:
    """Timestamps of a view from 0.

    A whole clip keeps its own. A segment gets the clip's mean frame step: with a variable frame
    rate its own steps would tell where in the clip it was cut out, and so the order of a jigsaw.
    """
    if (view.start_frame, view.stop_frame) == (0, len(clip.timestamps_seconds)):
        return clip.timestamps_seconds
    step = mean_frame_step_seconds(clip)
    return tuple(index * step for index in range(view.stop_frame - view.start_frame))


def mean_frame_step_seconds(clip: Clip) -> float:
    """Mean time from one frame to the next; 0 for a clip of one frame."""
    times = clip.timestamps_seconds
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
