"""Temporal jigsaw: the video comes in equal clips out of order; which order is right? The answer is a permutation."""

import numpy as np

from rewards.answers import Permutation
from tasks.core.config import PerturbConfig
from tasks.core.types import Clip, Sample, View
from tasks.perturb.difficulty import MIN_FRAMES_PER_CLIP, jigsaw_num_clips
from tasks.perturb.item import UnplannableError, build_sample


class Jigsaw:
    """Clips shown as separate videos in a uniformly random order (the right one included); frames left over at the end
    of the video are not shown."""

    name = "jigsaw"

    def kinds(self, config: PerturbConfig) -> tuple[str, ...]:
        return ("clips",)

    def plan(self, clip: Clip, kind: str, level: float, rng: np.random.Generator) -> Sample:
        num_frames = len(clip.timestamps_seconds)
        if num_frames < 2 * MIN_FRAMES_PER_CLIP:
            raise UnplannableError(f"{num_frames} frames do not make two clips of {MIN_FRAMES_PER_CLIP} frames")
        num_clips = jigsaw_num_clips(level, num_frames)
        length = num_frames // num_clips
        order = rng.permutation(num_clips).tolist()
        return build_sample(
            clip,
            pretext=self.name,
            kind=f"{num_clips}_{kind}",
            level=level,
            views=tuple(
                View(clip_id=clip.clip_id, start_frame=part * length, stop_frame=(part + 1) * length) for part in order
            ),
            question=f"These {num_clips} clips are one video cut up and put out of order. What is the right order? "
            f"Answer with {num_clips} digits: the numbers of the clips from first to last.",
            answer=Permutation(tuple(order.index(part) + 1 for part in range(num_clips))),
        )
