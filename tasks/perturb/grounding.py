"""Anomaly grounding: a span of the video is altered; when? The answer is an interval in seconds."""

import numpy as np

from rewards.answers import Interval
from tasks.core.config import PerturbConfig
from tasks.core.edits import Edit, ReorderEdit, SpanEdit
from tasks.core.types import Clip, Sample
from tasks.perturb.difficulty import GroundingDifficulty, grounding_difficulty
from tasks.perturb.item import UnplannableError, build_sample, whole_view

_WHAT_HAPPENS = {
    "channel_swap": "the colors red and blue are swapped",
    "grayscale": "all color is gone",
    "invert": "all colors are inverted",
    "mirror": "the picture is mirrored left to right",
    "rotate_180": "the picture is turned upside down",
    "shuffle": "the frames are out of order",
    "zoom_out": "the picture is shrunk inside a black border",
}
GROUNDING_KINDS = tuple(_WHAT_HAPPENS)
_MAX_ATTEMPTS = 100


class Grounding:
    """One altered span per video, of a kind that the question names."""

    name = "grounding"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return config.grounding_kinds

    def plan(self, clip: Clip, kind: str, level: float, rng: np.random.Generator) -> Sample:
        difficulty = grounding_difficulty(level, len(clip.timestamps_seconds))
        start_frame, stop_frame = _draw_span(clip, difficulty, rng, min_frames=2 if kind == "shuffle" else 1)
        edit = _draw_edit(kind, start_frame, stop_frame, difficulty, rng)
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=(whole_view(clip, (edit,)),),
            question=f"In one part of this video, {_WHAT_HAPPENS[kind]}. When? "
            "Answer with start-end in seconds, e.g. 2.0-4.5.",
            answer=span_interval(clip, start_frame, stop_frame),
        )


def span_interval(clip: Clip, start_frame: int, stop_frame: int) -> Interval:
    """From the first altered frame to the first one after them, in tenths of seconds.

    A span that reaches the end ends one mean frame step after the last frame.
    """
    times = clip.timestamps_seconds
    mean_step = times[-1] / max(1, len(times) - 1)
    end = times[stop_frame] if stop_frame < len(times) else times[-1] + mean_step
    return Interval(round(times[start_frame], 1), round(end, 1))


def _draw_span(
    clip: Clip, difficulty: GroundingDifficulty, rng: np.random.Generator, *, min_frames: int
) -> tuple[int, int]:
    """A span of uniform length and uniform start whose interval is not empty once rounded."""
    num_frames = len(clip.timestamps_seconds)
    shortest = max(difficulty.min_span_frames, min_frames)
    longest = max(difficulty.max_span_frames, min_frames)
    if longest > num_frames:
        raise UnplannableError(f"a span of {longest} frames does not fit {num_frames} frames")
    for _ in range(_MAX_ATTEMPTS):
        length = int(rng.integers(shortest, longest + 1))
        start_frame = int(rng.integers(0, num_frames - length + 1))
        interval = span_interval(clip, start_frame, start_frame + length)
        if interval.start_seconds < interval.end_seconds:
            return start_frame, start_frame + length
    raise UnplannableError("frames lie too close in time for an interval in tenths of seconds")


def _draw_edit(
    kind: str, start_frame: int, stop_frame: int, difficulty: GroundingDifficulty, rng: np.random.Generator
) -> Edit:
    if kind == "shuffle":
        return ReorderEdit(start_frame=start_frame, order=_draw_derangement(stop_frame - start_frame, rng))
    amount = round(float(rng.uniform(difficulty.min_zoom, difficulty.max_zoom)), 3) if kind == "zoom_out" else 0.0
    return SpanEdit(kind=kind, start_frame=start_frame, stop_frame=stop_frame, amount=amount)


def _draw_derangement(count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """A uniform order without a fixed point: every frame of the span is altered (about 1 in e draws qualifies)."""
    assert count >= 2
    while True:
        order = rng.permutation(count)
        if np.all(order != np.arange(count)):
            return tuple(order.tolist())
