"""The split over many nights: videos come, go, come back and get other names; some look alike."""

import tempfile
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.config import IngestConfig
from tasks.core.digest import digest_of
from tasks.core.latest import LatestDataset, point_to_latest
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Clip, Split
from tasks.ingest.split import add_to_history, assign_sides, read_history
from tests.helpers.nights import NUM_LOOKS, configs, content_of, ingest_night, nights, video


@pytest.mark.slow
@settings(max_examples=60)
@given(nights=nights, config=configs, later=configs)
def test_what_was_in_training_is_never_held_out_again_nor_what_looks_like_it(
    nights: list[dict[int, int]], config: IngestConfig, later: IngestConfig
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        trained: set[str] = set()
        for night, names in enumerate(nights):
            clips = [video(number, f"{name:02}-{number}.mp4") for number, name in names.items()]
            setting = later if night > 1 else config
            clips.sort(key=lambda clip: clip.source)
            found = ingest_night(store, clips, setting)
            rows = read_rows(store, found.clips.key, Clip)
            training = {row.fingerprint for row in rows if row.split is Split.TRAIN}
            heldout = {row.fingerprint for row in rows if row.split is Split.HELDOUT}
            assert training, "training comes first"
            assert not heldout & training, "look-alikes share a side"
            trained |= training
            assert not heldout & trained
            again = ingest_night(store, clips, setting)
            assert (again.clips, again.rejected) == (found.clips, found.rejected), (
                "a run that is repeated goes on"
            )


@given(number=st.integers(20, 60), more=st.integers(1, 60), share=st.sampled_from([0.05, 0.1, 0.3]))
def test_as_videos_arrive_clips_leave_the_held_out_side_by_their_contents_alone(
    number: int, more: int, share: float
) -> None:
    """Large enough for both sides, no two data roots differ, whatever they have seen."""
    config = IngestConfig(heldout_share=share)
    contents = [content_of(index) for index in range(number + more)]
    before = assign_sides(contents[:number], range(number), (), config)
    after = assign_sides(contents[::-1], range(number + more), (), config)[::-1]
    assert before.count(Split.HELDOUT) >= 10 <= after.count(Split.HELDOUT)
    came_back = [
        index
        for index in range(number)
        if (before[index], after[index]) == (Split.TRAIN, Split.HELDOUT)
    ]
    assert came_back == []


@pytest.mark.parametrize(
    ("number", "share", "heldout"),
    [
        (0, 0.1, 0),
        (1, 0.1, 0),
        (1, 0.9, 0),
        (2, 0.1, 1),
        (10, 0.3, 5),
        (15, 0.1, 7),
        (20, 0.1, 10),
        (40, 0.1, 10),
    ],
)
def test_enough_are_held_out_to_decide_and_half_of_a_small_folder_stays(
    number: int, share: float, heldout: int
) -> None:
    sides = assign_sides(
        [content_of(index) for index in range(number)],
        range(number),
        (),
        IngestConfig(heldout_share=share),
    )
    assert sides.count(Split.HELDOUT) == heldout


def test_in_a_large_folder_the_share_holds() -> None:
    contents = [content_of(index) for index in range(2000)]
    sides = assign_sides(contents, range(2000), (), IngestConfig(heldout_share=0.3))
    assert 0.26 < sides.count(Split.HELDOUT) / 2000 < 0.34


def test_a_video_that_is_taken_away_makes_no_room_for_one_that_was_trained_on(
    data_root: str,
) -> None:
    """Nor does one that comes back under another name, or another encoding of it."""
    store, config = Store(data_root), IngestConfig(near_duplicate_distance=0.0)
    clips = [video(number, f"{number:02}.mp4") for number in range(NUM_LOOKS)]
    before = read_rows(store, ingest_night(store, clips, config).clips.key, Clip)
    kept = [clip for clip in before if clip.split is Split.TRAIN]
    found = ingest_night(store, kept, config)
    assert found.reports[-1].counts["heldout"] == 0
    assert found.reports[-1].counts["stay_in_training"] == len(kept) // 2
    copies = [
        replace(
            clip,
            source=f"copy-{clip.source}",
            sha256=digest_of("copy", clip.sha256).ljust(64, "0")[:64],
        )
        for clip in kept
    ]
    assert ingest_night(store, copies, config).reports[-1].counts["heldout"] == 0


def test_two_runs_at_the_same_time_both_add_what_they_trained_on(data_root: str) -> None:
    store = Store(data_root)
    one, other = [video(1, "1.mp4")], [video(2, "2.mp4")]
    seen_by_both = read_history(store)
    add_to_history(store, seen_by_both, one)
    add_to_history(store, seen_by_both, other)
    assert {row.sha256 for row in read_history(store)} == {content_of(1), content_of(2)}


def test_a_data_root_without_a_history_begins_with_its_latest_data_set(data_root: str) -> None:
    store, config = Store(data_root), IngestConfig(near_duplicate_distance=0.0)
    clips = [video(number, f"{number:02}.mp4") for number in range(NUM_LOOKS)]
    manifest = write_rows(
        store, "old/clips.parquet", Clip, [replace(clip, split=Split.TRAIN) for clip in clips[1:]]
    )
    point_to_latest(store, LatestDataset(clips=manifest, samples=manifest, run_id=""))
    for _ in range(2):
        rows = read_rows(store, ingest_night(store, clips, config).clips.key, Clip)
        assert [row.source for row in rows if row.split is Split.HELDOUT] == ["00.mp4"]
        store.delete("latest_dataset.json")
