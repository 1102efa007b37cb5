from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.core.config import PerturbConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.records import PlannedShard
from tasks.core.store import Store
from tasks.core.types import Sample, Split
from tasks.core.viubench import VIUBENCH_TYPES, viubench_type
from tasks.perturb.difficulty import counting_difficulty, grounding_difficulty, jigsaw_num_clips
from tasks.perturb.donors import ring_donors
from tasks.perturb.grounding import span_interval
from tasks.perturb.plan import check_config, num_donors, plan_clip, plan_item
from tasks.perturb.shard import merge_shards, plan_clips
from tasks.perturb.viubench import plan_viubench
from tests.helpers.clips import make_clip

CONFIG = PerturbConfig(
    train_samples_per_clip=(4, 2, 3), heldout_samples_per_clip=(2, 2, 2), viubench_items_per_type=2
)


def test_training_recipe_is_level_one_half() -> None:
    spans = grounding_difficulty(0.5, 48, "zoom_out")
    assert (spans.min_span_frames, spans.max_span_frames, spans.min_amount, spans.max_amount) == (
        8,
        16,
        1.2,
        1.4,
    )
    counting = counting_difficulty(0.5, 256)
    assert (counting.max_frames, counting.max_shapes, counting.min_size, counting.max_size) == (
        3,
        3,
        0.2,
        0.4,
    )
    assert jigsaw_num_clips(0.5, 48) == 6


def test_viubench_hard_is_level_three_quarters() -> None:
    assert (
        counting_difficulty(0.75, 256).max_frames,
        counting_difficulty(0.75, 256).max_shapes,
    ) == (4, 4)
    assert jigsaw_num_clips(0.75, 48) == 8


def test_small_picture_gets_shapes_that_can_be_told_apart() -> None:
    assert counting_difficulty(1.0, 64).min_size == 13 / 64
    assert counting_difficulty(0.5, 32).max_size == 13 / 32


def test_short_video_limits_the_jigsaw() -> None:
    assert [jigsaw_num_clips(level, 8) for level in (0.0, 0.5, 0.75, 1.0)] == [2, 3, 4, 4]


def test_interval_ends_at_the_first_frame_after_the_span() -> None:
    clip = replace(make_clip(num_frames=4), timestamps_seconds=(0.0, 0.4, 1.6, 1.8))
    assert format(span_interval(clip, 1, 2).start_seconds, ".1f") == "0.4"
    assert span_interval(clip, 1, 2).end_seconds == 1.6
    assert span_interval(clip, 2, 4).end_seconds == 2.4


@pytest.mark.slow
def test_levels_and_kinds_cover_the_pool_evenly() -> None:
    config = PerturbConfig(train_samples_per_clip=(10, 3, 2))
    cells = Counter(s.cell for i in range(200) for s in plan_clip(make_clip(f"{i:04}"), config, 0))
    grounding = [number for cell, number in cells.items() if cell[0] == "grounding"]
    assert len(grounding) == 20
    assert min(grounding) > 60
    assert max(grounding) < 140
    assert len(cells) == 20 + 5 + 5


def test_clip_that_does_not_allow_an_item_loses_only_that_item(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clip = make_clip(num_frames=3)
    assert plan_item(clip, "jigsaw", "clips", 0.5, 0, seed=1) is None
    assert "3 frames do not make two clips" in caplog.text
    assert plan_item(clip, "grounding", "mirror", 0.5, 0, seed=1) is not None


def test_frames_too_close_for_tenths_of_seconds_are_not_planned(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clip = make_clip(num_frames=16, step_seconds=0.001)
    assert plan_item(clip, "grounding", "mirror", 1.0, 0, seed=1) is None
    assert "too close in time" in caplog.text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            PerturbConfig(pretexts=("grounding", "sorting", "jigsaw")),
            "perturb.pretexts: unknown sorting",
        ),
        (PerturbConfig(grounding_kinds=("sparkle",)), "perturb.grounding_kinds: unknown sparkle"),
        (PerturbConfig(jigsaw_kinds=("film",)), "perturb.jigsaw_kinds: unknown film"),
    ],
)
def test_unknown_names_in_the_config_are_refused(config: PerturbConfig, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_config(config)


def test_viubench_has_equally_many_items_of_nine_types_on_heldout_clips() -> None:
    heldout = [make_clip(f"h{i}", split=Split.HELDOUT) for i in range(3)]
    samples = plan_viubench([make_clip("t"), *heldout], 4, seed=0)
    assert Counter(map(viubench_type, samples)) == dict.fromkeys(VIUBENCH_TYPES, 4)
    assert {sample.split for sample in samples} == {Split.VIUBENCH}
    assert {sample.views[0].clip_id for sample in samples} == {clip.clip_id for clip in heldout}
    assert len({sample.sample_id for sample in samples}) == len(samples)
    hard = next(sample for sample in samples if viubench_type(sample) == "jigsaw_hard")
    assert (hard.kind, len(hard.views)) == ("clips", 8)


def test_viubench_without_heldout_clips_has_no_items() -> None:
    assert plan_viubench([make_clip()], 1, seed=0) == []


def test_sample_of_no_viubench_type_is_refused() -> None:
    sample = plan_item(make_clip(), "counting", "shapes", 0.25, 0, seed=1)
    assert sample is not None
    with pytest.raises(ValueError, match="no VIUBench type"):
        viubench_type(sample)


def test_adding_a_clip_plans_only_that_clip(tmp_path: Path) -> None:
    store, clips = Store(str(tmp_path)), [make_clip(name) for name in "abc"]
    before, first = plan_clips(store, clips[:2], CONFIG, 0, ring_donors(clips, clips, 0))
    after, second = plan_clips(store, clips, CONFIG, 0, ring_donors(clips, clips, 0))
    assert (first["new_clips"], first["reused_clips"]) == (2, 0)
    assert (second["new_clips"], second["reused_clips"]) == (1, 2)
    assert after[: len(before)] == before


def test_shard_size_does_not_change_the_samples(tmp_path: Path) -> None:
    clips = [make_clip(name) for name in "abc"] + [make_clip("h", split=Split.HELDOUT)]
    digests = set()
    for size in (1, 3, 10):
        store, donors = Store(str(tmp_path / str(size))), ring_donors(clips, clips, 0)
        shards = []
        for start in range(0, len(clips), size):
            samples, counts = plan_clips(store, clips[start : start + size], CONFIG, 0, donors)
            artifact = write_rows(store, f"shard-{start}.parquet", Sample, samples)
            shards.append(PlannedShard(artifact, dict(counts), 0.0))
        merged, totals = merge_shards(store, "samples.parquet", shards, clips, CONFIG, seed=0)
        digests.add(merged.digest)
        assert totals["samples"] == merged.num_rows == 3 * 9 + 6 + 9 * 2
        assert totals["samples_train"] == 27
        assert totals["new_clips"] == 4
        assert len(read_rows(store, merged.key, Sample)) == merged.num_rows
    assert len(digests) == 1


def test_limits_of_the_jigsaw_are_counted(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    clips = [make_clip("t", num_frames=17), make_clip("h", num_frames=17, split=Split.HELDOUT)]
    config = PerturbConfig(
        pretexts=("jigsaw",),
        levels=(0.75, 1.0),
        train_samples_per_clip=(2,),
        heldout_samples_per_clip=(2,),
        viubench_items_per_type=1,
    )
    samples, counts = plan_clips(store, clips, config, 0, ring_donors(clips, clips, 0))
    shard = PlannedShard(write_rows(store, "shard.parquet", Sample, samples), dict(counts), 0.0)
    _, totals = merge_shards(store, "samples.parquet", [shard], clips, config, seed=0)
    # of the four jigsaws two ask for nine clips and get eight; eight clips of two frames leave one
    # frame out,
    # as does VIUBench hard, and VIUBench easy (six clips) leaves five out
    assert totals["jigsaw_fewer_clips_than_level"] == 2
    assert totals["jigsaw_frames_left_out"] == 4 + 1 + 5


def test_donors_are_the_next_clips_of_the_same_split() -> None:
    clips = [make_clip(name) for name in "abcd"] + [
        make_clip(name, split=Split.HELDOUT) for name in "efg"
    ]
    donors = ring_donors(clips, clips, 3)
    for clip in clips:
        assert clip.clip_id not in {donor.clip_id for donor in donors[clip.clip_id]}
    assert [donor.clip_id for donor in donors[clips[3].clip_id]] == [
        clip.clip_id for clip in clips[:3]
    ]
    assert [donor.clip_id for donor in donors[clips[6].clip_id]] == [
        clip.clip_id for clip in clips[4:6]
    ]
    some = ring_donors(clips[2:5], iter(clips), 3)
    assert some == {clip.clip_id: donors[clip.clip_id] for clip in clips[2:5]}


def test_one_more_clip_replans_only_the_clips_that_may_borrow_from_it(tmp_path: Path) -> None:
    store, clips = Store(str(tmp_path)), [make_clip(name) for name in "abdefghijk"]
    config = PerturbConfig(grounding_kinds=("other_video",))
    wanted = num_donors(config)
    assert wanted > 0
    plan_clips(store, clips, config, 0, ring_donors(clips, clips, wanted))
    more = [*clips, make_clip("c")]
    _, counts = plan_clips(store, more, config, 0, ring_donors(more, more, wanted))
    assert counts["new_clips"] == 1 + wanted
    assert num_donors(PerturbConfig()) == 0


def test_clip_without_a_donor_is_unplannable(caplog: pytest.LogCaptureFixture) -> None:
    assert plan_item(make_clip(), "grounding", "other_video", 0.5, 0, seed=1) is None
    assert "no other clip of its split" in caplog.text
