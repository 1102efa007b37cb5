"""Anchors and the split over many nights: what one shows is on the held-out side or on none."""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.anchor import AnchorContent, pin
from tasks.core.config import IngestConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Clip, Rejection, Split
from tasks.ingest.reasons import Reason
from tasks.ingest.split import assign_sides
from tests.helpers.nights import (
    NUM_LOOKS,
    NUM_VIDEOS,
    configs,
    content_of,
    ingest_night,
    nights,
    video,
)


class _Anchors:
    """What anchors have shown so far, and what was trained on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.trained: set[str] = set()
        """Looks."""
        self.contents: set[str] = set()
        self.looks: set[str] = set()
        """Of those whose pixels were looked at."""

    def name(self, clips: Sequence[Clip], *, with_looks: bool) -> None:
        rows = [
            AnchorContent(sha256=clip.sha256, fingerprint=clip.fingerprint if with_looks else "")
            for clip in clips
        ]
        pin(self.store, "model", rows)
        self.contents |= {row.sha256 for row in rows}
        self.looks |= {row.fingerprint for row in rows if row.fingerprint}

    def check(self, found: DataSet, clips: Sequence[Clip]) -> None:
        """The night after: `clips` were given, and became `found`."""
        rows = read_rows(self.store, found.clips.key, Clip)
        training = {row.fingerprint for row in rows if row.split is Split.TRAIN}
        heldout = {row.fingerprint for row in rows if row.split is Split.HELDOUT}
        assert not [row for row in rows if row.split is Split.TRAIN and row.sha256 in self.contents]
        seen = {clip.fingerprint for clip in clips if clip.sha256 in self.contents}
        assert not training & (self.looks | seen) - self.trained, "nor what looks like one"
        assert not heldout & self.trained, "what was trained on is never held out"
        spent = [
            row
            for row in read_rows(self.store, found.rejected.key, Rejection)
            if row.reason == Reason.FORBIDDEN
        ]
        assert {row.source for row in spent} == {
            clip.source
            for clip in _first_of_each(clips)
            if clip.sha256 in self.contents and clip.fingerprint in self.trained
        }
        self.trained |= training


def _first_of_each(clips: Sequence[Clip]) -> list[Clip]:
    return list({clip.sha256: clip for clip in reversed(clips)}.values())


@pytest.mark.slow
@settings(max_examples=60)
@given(
    nights=nights,
    config=configs,
    pins=st.lists(
        st.tuples(st.sets(st.integers(0, NUM_VIDEOS - 1), max_size=4), st.booleans()),
        min_size=5,
        max_size=5,
    ),
)
def test_what_an_anchor_shows_is_never_trained_on_nor_what_looks_like_it(
    nights: list[dict[int, int]], config: IngestConfig, pins: list[tuple[set[int], bool]]
) -> None:
    """On any night some videos become an anchor's; of those that were trained on before neither
    side gets one."""
    with tempfile.TemporaryDirectory() as folder:
        anchors = _Anchors(Store(folder))
        for names, (shown, with_looks) in zip(nights, pins, strict=False):
            anchors.name([video(number, "x") for number in sorted(shown)], with_looks=with_looks)
            clips = [video(number, f"{name:02}-{number}.mp4") for number, name in names.items()]
            clips.sort(key=lambda clip: clip.source)
            try:
                found = ingest_night(anchors.store, clips, config)
            except InputError as error:
                assert "\n" not in str(error)
                assert re.search("the anchor .* shows|files could be used", str(error))
                continue
            anchors.check(found, clips)
            again = ingest_night(anchors.store, clips, config)
            assert (again.clips, again.rejected) == (found.clips, found.rejected), (
                "a run that is repeated goes on"
            )


@given(
    numbers=st.sets(st.integers(0, NUM_VIDEOS - 1), min_size=2),
    config=configs,
    chosen=st.sets(st.integers(0, NUM_VIDEOS - 1)),
)
def test_an_anchor_made_of_what_is_held_out_moves_no_clip(
    numbers: set[int], config: IngestConfig, chosen: set[int]
) -> None:
    """So the run that made it finds its own data set when it is repeated."""
    contents = [content_of(number) for number in sorted(numbers)]
    groups = [number % NUM_LOOKS for number in sorted(numbers)]
    before = assign_sides(contents, groups, (), config)
    anchored = {
        place
        for place, side in enumerate(before)
        if side is Split.HELDOUT and sorted(numbers)[place] in chosen
    }
    assert assign_sides(contents, groups, (), config, anchored) == before


def test_an_anchor_that_was_trained_on_costs_its_clips_and_is_counted(data_root: str) -> None:
    store, config = Store(data_root), IngestConfig(near_duplicate_distance=0.0)
    clips = [video(number, f"{number:02}.mp4") for number in range(NUM_LOOKS)]
    first = read_rows(store, ingest_night(store, clips, config).clips.key, Clip)
    trained = [clip for clip in first if clip.split is Split.TRAIN][:2]
    heldout = [clip for clip in first if clip.split is Split.HELDOUT][:3]
    pin(store, "model", [AnchorContent(sha256=clip.sha256) for clip in (*trained, *heldout)])
    found = ingest_night(store, clips, config)
    rejected = read_rows(store, found.rejected.key, Rejection)
    assert [row.source for row in rejected] == sorted(clip.source for clip in trained)
    assert {row.detail for row in rejected} == {
        "the anchor shows it, and it was trained on before: it can be on neither side"
    }
    counts = found.reports[-1].counts
    assert (counts["anchored"], counts[f"rejected/{Reason.FORBIDDEN}"]) == (3, 2)
    assert counts["accepted"] == len(clips) - 2


def test_a_copy_of_an_anchors_video_is_held_out_though_the_video_is_turned_away_as_its_copy(
    data_root: str,
) -> None:
    """By content alone the anchor is known, as a benchmark's file is."""
    config = IngestConfig(
        near_duplicate_distance=0.0,
        near_duplicates="reject",
        min_heldout_clips=0,
        heldout_share=1e-6,
    )
    store, shown = Store(data_root), video(1, "b.mp4")
    copy = replace(shown, source="a.mp4", sha256=content_of(99), clip_id="copy")
    pin(store, "model", [AnchorContent(sha256=shown.sha256)])
    found = ingest_night(store, [copy, shown, video(2, "c.mp4")], config)
    rows = read_rows(store, found.clips.key, Clip)
    assert {row.source: row.split for row in rows} == {
        "a.mp4": Split.HELDOUT,
        "c.mp4": Split.TRAIN,
    }


def test_an_anchor_that_shows_every_video_is_one_line_before_anything_is_trained(
    data_root: str,
) -> None:
    store, clips = Store(data_root), [video(number, f"{number}.mp4") for number in range(4)]
    pin(store, "model", map(AnchorContent.of, clips))
    with pytest.raises(InputError) as caught:
        ingest_night(store, clips, IngestConfig())
    assert str(caught.value) == (
        "videos: of 4 clips the anchor (evaluate.anchor) shows 4, which are held out; that leaves "
        "0 for training, at least 1 needed (ingest.min_train_clips); add videos"
    )
