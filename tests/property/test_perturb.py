"""Laws of planning: what must hold of every sample, whatever the clip, kind, level and seed."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.schema import canonical_answer, read_schema, score
from tasks.core.config import PerturbConfig
from tasks.core.edits import DrawEdit, ReorderEdit
from tasks.core.types import Clip, Sample
from tasks.perturb.counting import SHAPES
from tasks.perturb.difficulty import counting_difficulty, grounding_difficulty, jigsaw_num_clips
from tasks.perturb.donors import Donor
from tasks.perturb.grounding import GROUNDING_KINDS
from tasks.perturb.jigsaw import JIGSAW_KINDS
from tasks.perturb.plan import plan_clip
from tasks.perturb.pretext import PRETEXTS
from tests.helpers.clips import make_clip

CONFIG = PerturbConfig(grounding_kinds=GROUNDING_KINDS, jigsaw_kinds=JIGSAW_KINDS)
DONORS = [Donor.of(make_clip("d")), Donor.of(make_clip("e"))]
CELLS = [(name, kind) for name, task in PRETEXTS.items() for kind in task.kinds(CONFIG)]
levels = st.floats(0, 1)
clips = st.builds(
    lambda num_frames, step_seconds, sides: replace(
        make_clip(num_frames=num_frames, step_seconds=step_seconds),
        width_px=sides[0],
        height_px=sides[1],
    ),
    st.sampled_from([16, 24, 48]),
    st.sampled_from([0.1, 1 / 3, 2.0]),
    st.sampled_from([(64, 64), (256, 128), (96, 192), (96, 32)]),
)


def plan(cell: tuple[str, str], level: float, clip: Clip, seed: int) -> Sample:
    return PRETEXTS[cell[0]].plan(clip, cell[1], level, np.random.default_rng(seed), DONORS)


@given(st.sampled_from(CELLS), levels, clips, st.integers(0, 2**32))
def test_answer_is_canonical_and_earns_one(
    cell: tuple[str, str], level: float, clip: Clip, seed: int
) -> None:
    sample = plan(cell, level, clip, seed)
    schema = read_schema(sample.answer_kind)
    assert canonical_answer(sample.answer, schema) == sample.answer
    assert score(sample.answer, sample.answer, schema).total == 1.0


@given(st.sampled_from(CELLS), levels, clips, st.integers(0, 2**32))
def test_question_does_not_depend_on_the_answer(
    cell: tuple[str, str], level: float, clip: Clip, seed: int
) -> None:
    one, other = plan(cell, level, clip, seed), plan(cell, level, clip, seed + 1)
    assert one.question == other.question
    assert len(one.question) < 260


@pytest.mark.slow
@given(clips, st.integers(0, 2**32))
def test_same_seed_gives_the_same_samples(clip: Clip, seed: int) -> None:
    assert plan_clip(clip, CONFIG, seed, DONORS) == plan_clip(clip, CONFIG, seed, DONORS)


@given(clips, st.integers(0, 2**32))
def test_sample_ids_are_unique(clip: Clip, seed: int) -> None:
    ids = [sample.sample_id for sample in plan_clip(clip, CONFIG, seed, DONORS)]
    assert len(set(ids)) == len(ids) == 30


@given(levels, clips, st.integers(0, 2**32))
def test_counting_keeps_shapes_apart(level: float, clip: Clip, seed: int) -> None:
    edits = plan(("counting", "shapes"), level, clip, seed).views[0].edits
    short = min(clip.width_px, clip.height_px)
    num_frames = len(clip.timestamps_seconds)
    for one, other in itertools.combinations(edits, 2):
        assert isinstance(one, DrawEdit)
        assert isinstance(other, DrawEdit)
        if one.frame == other.frame:
            assert one.shape == other.shape
            distance = math.hypot(
                (one.centre_x - other.centre_x) * clip.width_px,
                (one.centre_y - other.centre_y) * clip.height_px,
            )
            assert distance > (one.size + other.size) / 2 * short + 0.5
        elif one.shape == other.shape and one.shape in SHAPES:
            assert abs(one.frame - other.frame) > num_frames * 8 / 48


@given(levels, clips, st.integers(0, 2**32))
def test_shapes_lie_inside_the_picture(level: float, clip: Clip, seed: int) -> None:
    short = min(clip.width_px, clip.height_px)
    for edit in plan(("counting", "shapes"), level, clip, seed).views[0].edits:
        assert isinstance(edit, DrawEdit)
        radius = edit.size * short / 2
        for centre, side in ((edit.centre_x, clip.width_px), (edit.centre_y, clip.height_px)):
            assert radius < centre * side < side - radius
            assert 0.149 <= centre <= 0.851


@given(levels, clips, st.integers(0, 2**32))
def test_applying_the_answer_undoes_the_jigsaw(level: float, clip: Clip, seed: int) -> None:
    sample = plan(("jigsaw", "clips"), level, clip, seed)
    restored = [sample.views[int(digit) - 1].start_frame for digit in sample.answer]
    length = sample.views[0].stop_frame - sample.views[0].start_frame
    assert restored == [k * length for k in range(len(sample.views))]
    assert length >= 2
    assert {view.stop_frame - view.start_frame for view in sample.views} == {length}


@given(levels, st.integers(0, 2**32))
def test_shuffle_moves_every_frame(level: float, seed: int) -> None:
    edit = plan(("grounding", "shuffle"), level, make_clip(), seed).views[0].edits[0]
    assert isinstance(edit, ReorderEdit)
    assert all(shown != place for place, shown in enumerate(edit.order))


@given(levels, levels, st.sampled_from([8, 16, 48]))
def test_higher_level_is_never_easier(one: float, other: float, num_frames: int) -> None:
    low, high = min(one, other), max(one, other)
    for kind in GROUNDING_KINDS:
        easy, hard = (
            grounding_difficulty(low, num_frames, kind),
            grounding_difficulty(high, num_frames, kind),
        )
        assert hard.min_span_frames <= easy.min_span_frames
        assert hard.max_span_frames <= easy.max_span_frames
        assert hard.min_amount <= easy.min_amount
        assert hard.max_amount <= easy.max_amount
        assert hard.num_other_spans >= easy.num_other_spans
    few, many = counting_difficulty(low, 64), counting_difficulty(high, 64)
    assert many.max_frames >= few.max_frames
    assert many.max_shapes >= few.max_shapes
    assert many.min_size <= few.min_size
    assert many.max_size <= few.max_size
    assert many.opacity <= few.opacity
    assert many.num_other_frames >= few.num_other_frames
    assert jigsaw_num_clips(high, num_frames) >= jigsaw_num_clips(low, num_frames)
