"""What the model is shown: views of clips turned into frames and timestamps, in memory."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.core.store import Store
from tasks.core.types import Clip, Sample, View
from tasks.video.edits import apply_edits
from tasks.video.frame_store import load_frames
from tasks.video.frames import Frames


@dataclass(frozen=True)
class ShownVideo:
    """One video as shown."""

    frames: Frames
    timestamps_seconds: tuple[float, ...]
    """One for each frame, starting with 0."""


def render_sample(store: Store, sample: Sample, clips: Mapping[str, Clip]) -> tuple[ShownVideo, ...]:
    """The videos of `sample`, in the order shown; `clips` by clip id."""
    return tuple(render_view(store, view, clips) for view in sample.views)


def render_view(store: Store, view: View, clips: Mapping[str, Clip]) -> ShownVideo:
    """The frames of one view with its edits applied.

    Raises:
        ValueError: the view names an unknown clip, or frames or edits that do not fit it.
    """
    clip = clips.get(view.clip_id)
    if clip is None:
        raise ValueError(f"view of clip {view.clip_id!r}, which is not among the {len(clips)} clips given")
    num_frames = len(clip.timestamps_seconds)
    if not 0 <= view.start_frame < view.stop_frame <= num_frames:
        raise ValueError(
            f"view [{view.start_frame}, {view.stop_frame}) does not fit clip {clip.clip_id} of {num_frames} frames"
        )
    frames = load_frames(store, clip, view.start_frame, view.stop_frame)
    return ShownVideo(apply_edits(frames, view.edits), view_timestamps(view, clip))


def view_timestamps(view: View, clip: Clip) -> tuple[float, ...]:
    """Timestamps of a view from 0.

    A whole clip keeps its own. A segment gets the clip's mean frame step: with a variable frame rate its own steps
    would tell where in the clip it was cut out, and so the order of a jigsaw.
    """
    if (view.start_frame, view.stop_frame) == (0, len(clip.timestamps_seconds)):
        return clip.timestamps_seconds
    step = mean_frame_step_seconds(clip)
    return tuple(index * step for index in range(view.stop_frame - view.start_frame))


def mean_frame_step_seconds(clip: Clip) -> float:
    """Mean time from one frame to the next; 0 for a clip of one frame."""
    times = clip.timestamps_seconds
    return (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
