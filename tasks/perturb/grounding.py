"""Anomaly grounding: a span of the video is altered; when? The answer is an interval in seconds.

Above the hard point a second span has an edit of another kind: only who knows what the question
names can tell them apart, because both are equally long on average.
"""

from collections.abc import Sequence

import numpy as np

from rewards.answers import Interval
from tasks.core.config import PerturbConfig
from tasks.core.edits import Edit, ReorderEdit, ReplaceEdit, SpanEdit
from tasks.core.types import Clip, Sample
from tasks.perturb.difficulty import GroundingDifficulty, grounding_difficulty
from tasks.perturb.donors import Donor
from tasks.perturb.item import UnplannableError, build_sample, whole_view

_WHAT_HAPPENS = {
    "blur": "the picture is blurred",
    "channel_swap": "the colors red and blue are swapped",
    "grayscale": "all color is gone",
    "hold": "the picture stands still",
    "invert": "all colors are inverted",
    "mirror": "the picture is mirrored left to right",
    "noise": "the picture is covered with noise",
    "other_video": "the picture comes from another video",
    "rotate_90": "the picture is turned a quarter to the right",
    "rotate_180": "the picture is turned upside down",
    "rotate_270": "the picture is turned a quarter to the left",
    "saturation": "all colors are too strong",
    "shuffle": "the frames are out of order",
    "zoom_in": "the picture is zoomed in",
    "zoom_out": "the picture is shrunk inside a black border",
}
GROUNDING_KINDS = tuple(_WHAT_HAPPENS)
_OTHER_KINDS = ("channel_swap", "invert", "mirror", "rotate_180")
"""Of spans that nobody asks for: none of these looks like another kind."""
_NEED_A_PAIR = ("hold", "shuffle")
"""One frame alone cannot stand still or be out of order."""
_NUM_DONORS = 3
_MAX_ATTEMPTS = 100

Span = tuple[int, int]


class Grounding:
    """One altered span per video, of a kind that the question names."""

    name = "grounding"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return config.grounding_kinds

    def num_donors(self, kind: str) -> int:
        return _NUM_DONORS if kind == "other_video" else 0

    def plan(
        self,
        clip: Clip,
        kind: str,
        level: float,
        rng: np.random.Generator,
        donors: Sequence[Donor] = (),
    ) -> Sample:
        num_frames = len(clip.timestamps_seconds)
        difficulty = grounding_difficulty(level, num_frames, kind)
        span = _draw_span(clip, difficulty, rng, min_frames=2 if kind in _NEED_A_PAIR else 1)
        edits = [_draw_edit(kind, span, difficulty, rng, donors)]
        for _ in range(difficulty.num_other_spans):
            other = str(rng.choice([name for name in _OTHER_KINDS if name != kind]))
            edits.append(
                _draw_edit(
                    other, _draw_other_span(num_frames, span, difficulty, rng), difficulty, rng, ()
                )
            )
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=(whole_view(clip, tuple(edits)),),
            question=f"In one part of this video, {_WHAT_HAPPENS[kind]}. When? "
            "Answer with start-end in seconds, e.g. 2.0-4.5.",
            answer=span_interval(clip, *span),
        )


def span_interval(clip: Clip, start_frame: int, stop_frame: int) -> Interval:
    """From the first altered frame to the first one after them, in tenths of seconds.

    A span that reaches the end ends one mean frame step after the last frame.
    """
    times = clip.timestamps_seconds
    # The first frame is at 0, so the last time is the sum of all steps.
    mean_step = times[-1] / max(1, len(times) - 1)
    end = times[stop_frame] if stop_frame < len(times) else times[-1] + mean_step
    return Interval(round(times[start_frame], 1), round(end, 1))


def _draw_span(
    clip: Clip, difficulty: GroundingDifficulty, rng: np.random.Generator, *, min_frames: int
) -> Span:
    """A span of uniform length and uniform start whose interval is not empty once rounded."""
    num_frames = len(clip.timestamps_seconds)
    shortest = max(difficulty.min_span_frames, min_frames)
    longest = max(difficulty.max_span_frames, min_frames)
    if longest > num_frames:
        raise UnplannableError(f"a span of {longest} frames does not fit {num_frames} frames")
    for _ in range(_MAX_ATTEMPTS):
        # Both are drawn anew, so that they stay uniform over what is possible.
        length = int(rng.integers(shortest, longest + 1))
        start_frame = int(rng.integers(0, num_frames - length + 1))
        interval = span_interval(clip, start_frame, start_frame + length)
        if interval.start_seconds < interval.end_seconds:
            return start_frame, start_frame + length
    raise UnplannableError("frames lie too close in time for an interval in tenths of seconds")


def _draw_other_span(
    num_frames: int, taken: Span, difficulty: GroundingDifficulty, rng: np.random.Generator
) -> Span:
    """A span that does not touch `taken`: uniform over those of a uniform length, where that length
    has room."""
    starts_by_length = {
        length: [
            start
            for start in range(num_frames - length + 1)
            if start > taken[1] or start + length < taken[0]
        ]
        for length in range(difficulty.min_span_frames, difficulty.max_span_frames + 1)
    }
    possible = [length for length, starts in starts_by_length.items() if starts]
    if not possible:
        raise UnplannableError(f"{num_frames} frames have no room for a second span")
    length = int(rng.choice(possible))
    start_frame = int(rng.choice(starts_by_length[length]))
    return start_frame, start_frame + length


def _draw_edit(
    kind: str,
    span: Span,
    difficulty: GroundingDifficulty,
    rng: np.random.Generator,
    donors: Sequence[Donor],
) -> Edit:
    start_frame, stop_frame = span
    if kind == "shuffle":
        return ReorderEdit(
            start_frame=start_frame, order=_draw_derangement(stop_frame - start_frame, rng)
        )
    if kind == "other_video":
        return _draw_replacement(span, rng, donors)
    return SpanEdit(
        kind=kind,
        start_frame=start_frame,
        stop_frame=stop_frame,
        amount=round(float(rng.uniform(difficulty.min_amount, difficulty.max_amount)), 3),
        seed=int(rng.integers(2**32)) if kind == "noise" else 0,
    )


def _draw_replacement(span: Span, rng: np.random.Generator, donors: Sequence[Donor]) -> ReplaceEdit:
    length = span[1] - span[0]
    long_enough = [donor for donor in donors if donor.num_frames >= length]
    if not long_enough:
        raise UnplannableError(
            f"no other clip of its split lends {length} frames ({len(donors)} donors)"
        )
    donor = long_enough[int(rng.integers(len(long_enough)))]
    return ReplaceEdit(
        start_frame=span[0],
        stop_frame=span[1],
        donor_clip_id=donor.clip_id,
        donor_start_frame=int(rng.integers(donor.num_frames - length + 1)),
    )


def _draw_derangement(count: int, rng: np.random.Generator) -> tuple[int, ...]:
    """A uniform order without a fixed point: every frame of the span is altered (about 1 in e draws
    qualifies)."""
    assert count >= 2
    while True:
        order = rng.permutation(count)
        if np.all(order != np.arange(count)):
            return tuple(order.tolist())
