"""Temporal jigsaw: a video comes in equal parts out of order; which order is right? The answer is a
permutation.

The parts come as separate clips (kind `clips`, as in the paper's release) or as one video whose
times go on evenly (kind `video`).
"""

from collections.abc import Sequence

import numpy as np

from rewards.answers import Permutation
from tasks.core.config import PerturbConfig
from tasks.core.edits import ReorderEdit
from tasks.core.types import Clip, Sample, View
from tasks.perturb.difficulty import MIN_FRAMES_PER_CLIP, jigsaw_num_clips
from tasks.perturb.donors import Donor
from tasks.perturb.item import UnplannableError, build_sample

_QUESTIONS = {
    "clips": "These {num} clips are one video cut up and put out of order. What is the right "
    "order? Answer with {num} digits: the numbers of the clips from first to last.",
    "video": "This video was cut into {num} equally long parts, which were put out of order. What "
    "is the right order? Numbered from 1 as shown, answer with {num} digits: the numbers "
    "of the parts from first to last.",
}
JIGSAW_KINDS = tuple(_QUESTIONS)


class Jigsaw:
    """Parts in a uniformly random order (the right one included); frames left over at the end of
    the video are not shown."""

    name = "jigsaw"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return config.jigsaw_kinds

    def num_donors(self, kind: str) -> int:
        return 0

    def plan(
        self,
        clip: Clip,
        kind: str,
        level: float,
        rng: np.random.Generator,
        donors: Sequence[Donor] = (),
    ) -> Sample:
        num_frames = len(clip.timestamps_seconds)
        if num_frames < 2 * MIN_FRAMES_PER_CLIP:
            raise UnplannableError(
                f"{num_frames} frames do not make two clips of {MIN_FRAMES_PER_CLIP} frames"
            )
        num_clips = jigsaw_num_clips(level, num_frames)
        order = rng.permutation(num_clips).tolist()
        views = _VIEWS[kind](clip, order, num_frames // num_clips)
        return build_sample(
            clip,
            pretext=self.name,
            kind=kind,
            level=level,
            views=views,
            question=_QUESTIONS[kind].format(num=num_clips),
            # `order` is what is shown where; the answer is its inverse, where each part is shown.
            answer=Permutation(tuple(order.index(part) + 1 for part in range(num_clips))),
        )


def _separate_clips(clip: Clip, order: Sequence[int], length: int) -> tuple[View, ...]:
    return tuple(
        View(clip_id=clip.clip_id, start_frame=part * length, stop_frame=(part + 1) * length)
        for part in order
    )


def _one_video(clip: Clip, order: Sequence[int], length: int) -> tuple[View, ...]:
    frames = tuple(part * length + offset for part in order for offset in range(length))
    edit = ReorderEdit(start_frame=0, order=frames)
    return (View(clip_id=clip.clip_id, start_frame=0, stop_frame=len(frames), edits=(edit,)),)


_VIEWS = {"clips": _separate_clips, "video": _one_video}
