"""The same questions without their pictures: grey frames, or the frames of another sample.

Frames stay as many, as large and at the same times as the question's own, because the prompt says
the times, and a model may answer by them. So pixels are all that is taken away, and the score that
is lost is what seeing them gave.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np

from tasks.benchmarks.lookup import missing_of
from tasks.core.choose import shuffled
from tasks.core.controls import GREY, SWAPPED
from tasks.core.digest import digest_of
from tasks.core.types import Sample
from tasks.rollout.videos import VideoSource
from tasks.video.render import ShownVideo
from tasks.video.transforms import cover

_GREY_LEVEL = 128
"""Of 255: what a model's normalisation takes to about 0."""

PartOf = Callable[[Sample], str]
"""What a question is swapped within."""


class BlindVideos(VideoSource, Protocol):
    """Videos without what they show."""

    def can_show(self, sample: Sample) -> bool:
        """Whether there is anything to show in the place of the pictures of `sample`."""
        ...


def blind_videos(
    condition: str, videos: VideoSource, samples: Sequence[Sample], part_of: PartOf, seed: int
) -> BlindVideos:
    """`videos` under one of `tasks.core.controls.BLIND_CONDITIONS`; `samples` are all of the
    place."""
    return (
        GreyVideos(videos) if condition == GREY else SwappedVideos(videos, samples, part_of, seed)
    )


@dataclass(frozen=True)
class GreyVideos:
    """Grey frames in the place of all others."""

    videos: VideoSource

    def can_show(self, sample: Sample) -> bool:
        """See `BlindVideos`."""
        return True

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """See `VideoSource`: the videos are opened, since their frames say how many there are."""
        return tuple(
            replace(video, frames=np.full_like(video.frames, _GREY_LEVEL))
            for video in self.videos.show(sample)
        )

    def digests(self, samples: Sequence[Sample]) -> list[str]:
        """See `VideoSource`."""
        return [digest_of(GREY, shown) for shown in self.videos.digests(samples)]


class SwappedVideos:
    """The videos of another sample of the same part with as many videos, altered as that one is,
    and about another clip."""

    def __init__(
        self, videos: VideoSource, samples: Sequence[Sample], part_of: PartOf, seed: int
    ) -> None:
        """`samples`: all that may be asked, and so shown; their order changes nothing."""
        self._videos = videos
        parts: defaultdict[tuple[str, int], list[Sample]] = defaultdict(list)
        for sample in samples:
            # Jigsaws of one level may have other numbers of clips, where videos are short.
            if not missing_of(sample):
                parts[part_of(sample), len(sample.views)].append(sample)
        self._partners = {
            sample_id: partner
            for members in parts.values()
            for sample_id, partner in _partners(members, seed).items()
        }

    def can_show(self, sample: Sample) -> bool:
        """See `BlindVideos`: not where all samples of its part are about one clip."""
        return sample.sample_id in self._partners

    def partner(self, sample: Sample) -> Sample:
        """Whose videos are shown for `sample`.

        Raises:
            ValueError: there is none.
        """
        if not self.can_show(sample):
            raise ValueError(f"no other video to show in the place of that of {sample.sample_id}")
        return self._partners[sample.sample_id]

    def show(self, sample: Sample) -> tuple[ShownVideo, ...]:
        """See `VideoSource`; videos of another number or size of frames are fitted."""
        partner = self.partner(sample)
        own, others = self._videos.show(sample), self._videos.show(partner)
        return tuple(map(_in_place_of, own, others))

    def digests(self, samples: Sequence[Sample]) -> list[str]:
        """See `VideoSource`: of a sample without a partner nothing is shown."""
        known = [sample for sample in samples if self.can_show(sample)]
        partners = list(map(self.partner, known))
        shown = zip(
            known,
            self._videos.digests(known),
            partners,
            self._videos.digests(partners),
            strict=True,
        )
        # The partner's views as well: the cache takes those of the sample alone.
        found = {
            sample.sample_id: digest_of(own, [asdict(view) for view in partner.views], other)
            for sample, own, partner, other in shown
        }
        return [digest_of(SWAPPED, found.get(sample.sample_id, "")) for sample in samples]


def _in_place_of(own: ShownVideo, other: ShownVideo) -> ShownVideo:
    """The frames of `other`, as many, as large and at the times of `own`."""
    num_frames, height, width = own.frames.shape[:3]
    # Evenly over the whole of it: a longer video loses frames, a shorter one shows some twice.
    indices = np.linspace(0, len(other.frames) - 1, num_frames).round().astype(int)
    return replace(own, frames=cover(other.frames[indices], height, width))


def _partners(members: Sequence[Sample], seed: int) -> dict[str, Sample]:
    """For each sample one about another clip, by sample id; none where all are about one.

    Everybody is shown once, if no clip has more than half of the samples: in a circle in which the
    samples of a clip stand together, whoever stands as far ahead as the largest such block is long
    is of another one.
    """
    blocks = Counter(_clip_of(sample) for sample in members)
    places = {clip: place for place, clip in enumerate(shuffled(blocks, str, "swap clips", seed))}
    circle = sorted(
        shuffled(members, lambda sample: sample.sample_id, "swap", seed),
        key=lambda sample: places[_clip_of(sample)],
    )
    ahead = max(blocks.values())
    found: dict[str, Sample] = {}
    if len(blocks) == 1:
        return found
    for number, sample in enumerate(circle):
        own = {view.clip_id for view in sample.views}
        # From there on, where a clip has most of the samples, or a question shows several.
        for step in range(len(circle)):
            partner = circle[(number + ahead + step) % len(circle)]
            if own.isdisjoint(view.clip_id for view in partner.views):
                found[sample.sample_id] = partner
                break
    return found


def _clip_of(sample: Sample) -> str:
    return sample.views[0].clip_id
