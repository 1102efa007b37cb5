"""Training on grey frames: the same questions, answers and times, and nothing to see."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from tasks.core.store import Store
from tasks.core.types import Clip, Sample
from tasks.rollout.prompt import Prompt
from tasks.rollout.source import PromptMaker, PromptSource
from tasks.video.frame_store import pack_frames

_GREY_LEVEL = 128


@dataclass(frozen=True)
class GreyPrompts:
    """The prompts of `source`, which has grey clips, without what edits would show on them."""

    source: PromptSource

    @classmethod
    def over(cls, maker: PromptMaker) -> "GreyPrompts":
        """In the place of those that `maker` would make."""
        grey = {clip.clip_id: clip for clip in grey_clips(maker.store, maker.clips.values())}
        return cls(replace(maker, clips=grey))

    def expect(self, batch: int, samples: Iterable[Sample]) -> None:
        """See `PromptSource`."""
        self.source.expect(batch, map(without_edits, samples))

    def take(self, sample: Sample) -> Prompt | str:
        """See `PromptSource`."""
        return self.source.take(without_edits(sample))

    def close(self) -> None:
        """See `PromptSource`."""
        self.source.close()


def grey_clips(store: Store, clips: Iterable[Clip]) -> list[Clip]:
    """Clips of the same ids, sizes and times whose frames are grey."""
    made = []
    for clip in clips:
        shape = (len(clip.timestamps_seconds), clip.height_px, clip.width_px, 3)
        frames = np.full(shape, _GREY_LEVEL, np.uint8)
        key = f"grey/{clip.clip_id}"
        store.write_bytes(key, pack_frames(frames, jpeg_quality=clip.jpeg_quality))
        made.append(replace(clip, frames_key=key))
    return made


def without_edits(sample: Sample) -> Sample:
    """The same question and answer about frames that nothing was done to."""
    return replace(sample, views=tuple(replace(view, edits=()) for view in sample.views))
