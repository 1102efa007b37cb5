"""Laws of blind videos: nothing but pixels is taken away, and nobody is shown his own clip."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.config import PerturbConfig
from tasks.core.controls import BLIND_CONDITIONS
from tasks.core.store import Store
from tasks.core.types import Sample, Split, VideoFile
from tasks.perturb.plan import plan_clip
from tasks.rollout.blind import GreyVideos, SwappedVideos, blind_videos
from tasks.rollout.videos import ClipVideos
from tasks.video.render import ShownVideo
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.rollouts import make_sample

_LENGTHS = {"a": 16, "b": 16, "c": 12, "d": 7}
_CONFIG = PerturbConfig(levels=(0.0, 0.5), heldout_samples_per_clip=(4, 4, 4))


def _part(sample: Sample) -> str:
    return str(sample.cell)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> ClipVideos:
    """Clips of several lengths and sizes."""
    store = Store(str(tmp_path_factory.mktemp("root")))
    clips = [
        store_clip(
            store,
            replace(
                make_clip(name, num_frames=length, split=Split.HELDOUT),
                width_px=64 if name != "c" else 96,
                height_px=64,
            ),
            seed=seed,
        )
        for seed, (name, length) in enumerate(_LENGTHS.items())
    ]
    return ClipVideos(store, {clip.clip_id: clip for clip in clips})


@pytest.fixture(scope="module")
def samples(videos: ClipVideos) -> list[Sample]:
    return [sample for clip in videos.clips.values() for sample in plan_clip(clip, _CONFIG, 0)]


def _layout(shown: Sequence[ShownVideo]) -> list[tuple[object, ...]]:
    return [(video.frames.shape, video.timestamps_seconds, video.selection) for video in shown]


@pytest.mark.parametrize("condition", BLIND_CONDITIONS)
def test_frames_stay_as_many_as_large_and_at_the_same_times(
    condition: str, videos: ClipVideos, samples: list[Sample]
) -> None:
    blind = blind_videos(condition, videos, samples, _part, 0)
    shown = [sample for sample in samples if blind.can_show(sample)]
    assert len({sample.pretext for sample in shown}) == 3
    for sample in shown:
        assert _layout(blind.show(sample)) == _layout(videos.show(sample))


def test_grey_frames_are_grey(videos: ClipVideos, samples: list[Sample]) -> None:
    for video in GreyVideos(videos).show(samples[0]):
        assert np.all(video.frames == 128)


def test_swapped_are_the_frames_of_the_partner_as_altered_there(
    videos: ClipVideos, samples: list[Sample]
) -> None:
    swapped = SwappedVideos(videos, samples, _part, 0)
    alike = [
        sample
        for sample in samples
        if swapped.can_show(sample)
        and _layout(videos.show(sample)) == _layout(videos.show(swapped.partner(sample)))
    ]
    assert alike
    for sample in alike:
        for found, expected in zip(
            swapped.show(sample), videos.show(swapped.partner(sample)), strict=True
        ):
            assert np.array_equal(found.frames, expected.frames)


def test_a_longer_video_is_thinned_out_and_a_shorter_one_shown_more_slowly(
    videos: ClipVideos,
) -> None:
    def whole(name: str) -> Sample:
        clip = next(clip for clip in videos.clips.values() if clip.clip_id == name)
        made = make_sample(name, clip_id=name)
        [view] = made.views
        return replace(
            made,
            views=(replace(view, stop_frame=len(clip.timestamps_seconds), edits=()),),
        )

    names = list(videos.clips)
    long, short = whole(names[0]), whole(names[3])
    swapped = SwappedVideos(videos, [long, short], _part, 0)
    [fast], [slow] = swapped.show(short), swapped.show(long)
    [long_video], [short_video] = videos.show(long), videos.show(short)
    # 16 frames at the places of 7, and the other way round: 15/6 and 6/15 of a frame apart.
    at = [0, 2, 5, 8, 10, 12, 15]
    assert np.array_equal(fast.frames, long_video.frames[at])
    assert np.array_equal(
        slow.frames, short_video.frames[[0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6]]
    )


def test_digests_differ_by_condition_and_by_what_is_shown(
    videos: ClipVideos, samples: list[Sample]
) -> None:
    blind = [blind_videos(name, videos, samples, _part, 0) for name in BLIND_CONDITIONS]
    known = [sample for sample in samples if all(one.can_show(sample) for one in blind)]
    digests = [source.digests(known) for source in (videos, *blind)]
    assert all(len({*found}) == 3 for found in zip(*digests, strict=True))
    # Another seed shows other frames: wherever the partner is another one, so is the digest.
    first, other = (SwappedVideos(videos, samples, _part, seed) for seed in (0, 1))
    moved = [one for one in known if first.partner(one) != other.partner(one)]
    assert moved
    pairs = zip(first.digests(moved), other.digests(moved), strict=True)
    assert all(one != another for one, another in pairs)


cells = st.lists(
    st.lists(st.integers(0, 5), min_size=1, max_size=12), min_size=1, max_size=3
)  # by cell, the clip of each sample


def _samples_of(found: list[list[int]]) -> list[Sample]:
    return [
        make_sample(f"{cell}-{number}", level=cell / 4, clip_id=f"clip{clip}")
        for cell, clips in enumerate(found)
        for number, clip in enumerate(clips)
    ]


def _swap(samples: Sequence[Sample], seed: int = 0) -> SwappedVideos:
    return SwappedVideos(ClipVideos(Store("/"), {}), samples, _part, seed)


@given(cells, st.integers(0, 3))
def test_whoever_can_be_shown_another_clip_of_the_cell_is(
    found: list[list[int]], seed: int
) -> None:
    samples = _samples_of(found)
    swapped = _swap(samples, seed)
    for sample in samples:
        others = {one.views[0].clip_id for one in samples if one.cell == sample.cell}
        assert swapped.can_show(sample) == (len(others) > 1)
        if swapped.can_show(sample):
            partner = swapped.partner(sample)
            assert partner.cell == sample.cell
            assert partner.views[0].clip_id != sample.views[0].clip_id


@given(cells, st.integers(0, 3))
def test_everybody_is_shown_once_where_no_clip_has_more_than_half(
    found: list[list[int]], seed: int
) -> None:
    samples = _samples_of(found)
    swapped = _swap(samples, seed)
    for clips, cell in zip(found, sorted({sample.cell for sample in samples}), strict=True):
        members = [sample for sample in samples if sample.cell == cell]
        if 2 * max(Counter(clips).values()) <= len(clips):
            partners = {swapped.partner(sample).sample_id for sample in members}
            assert partners == {sample.sample_id for sample in members}


@given(cells, st.randoms(use_true_random=False))
def test_partners_do_not_depend_on_the_order_of_rows(
    found: list[list[int]], random: Random
) -> None:
    samples = _samples_of(found)
    mixed = list(samples)
    random.shuffle(mixed)
    one, other = _swap(samples), _swap(mixed)
    for sample in filter(one.can_show, samples):
        assert one.partner(sample) == other.partner(sample)


def test_jigsaws_of_other_numbers_of_clips_are_not_swapped() -> None:
    two = make_sample("j2", pretext="jigsaw", kind="clips", clip_id="a")
    three = make_sample("j3", pretext="jigsaw", kind="clips", clip_id="b")
    two = replace(two, views=two.views[:2])
    swapped = _swap([two, three])
    assert not swapped.can_show(two)
    with pytest.raises(ValueError, match="no other video to show in the place of that of j2"):
        swapped.show(two)
    assert swapped.digests([two]) == swapped.digests([three])


def test_a_video_that_is_not_there_is_nobodys_partner() -> None:
    samples = [make_sample(name, clip_id=name) for name in "abc"]
    [view] = samples[0].views
    gone = replace(view, file=VideoFile(paths=(), missing="gone"))
    swapped = _swap([replace(samples[0], views=(gone,)), *samples[1:]])
    assert not swapped.can_show(samples[0])
    assert swapped.partner(samples[1]) == samples[2]


def test_what_cannot_be_shown_says_why_in_either_condition(tmp_path: Path) -> None:
    samples = [make_sample(name, clip_id=name) for name in "ab"]
    nothing = ClipVideos(Store(str(tmp_path)), {})
    for condition in BLIND_CONDITIONS:
        with pytest.raises(ValueError, match="not among the 0 clips"):
            blind_videos(condition, nothing, samples, _part, 0).show(samples[0])
