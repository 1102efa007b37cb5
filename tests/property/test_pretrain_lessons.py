"""What is known of a lesson by construction: its answers say what its edits do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rewards.schema import read_schema, score
from tasks.core.edits import DrawEdit, ReorderEdit, SpanEdit
from tasks.pretrain.lessons import QUESTIONS_PER_LESSON, Lesson, draw_lesson
from tasks.pretrain.scenes import NUM_FRAMES, make_scene
from tasks.video.edits import apply_edits

_SCENES = [make_scene(3, index) for index in range(12)]
_seeds = st.integers(0, 2**32 - 1)
_scenes = st.integers(0, len(_SCENES) - 1)


def _lesson(scene: int, seed: int) -> Lesson:
    rng = np.random.default_rng(seed)
    while (lesson := draw_lesson(_SCENES[scene], rng)) is None:
        pass
    return lesson


@given(_scenes, _seeds)
def test_the_first_question_is_the_pretext_tasks_own_and_its_answer_the_right_one(
    scene: int, seed: int
) -> None:
    lesson = _lesson(scene, seed)
    assert len(lesson.questions) == QUESTIONS_PER_LESSON
    question, answer = lesson.questions[0]
    sample = lesson.sample
    assert question == sample.question
    assert score(answer, sample.answer, read_schema(sample.answer_kind)).total == 1


@given(_scenes, _seeds)
def test_every_frame_that_is_said_to_be_altered_is(scene: int, seed: int) -> None:
    lesson = _lesson(scene, seed)
    for question, answer in lesson.questions:
        edits = lesson.sample.views[0].edits
        if "0 or 1 for each" in question:
            (span,) = (edit for edit in edits if isinstance(edit, SpanEdit | ReorderEdit))
            stop = span.stop_frame if isinstance(span, SpanEdit) else None
            stop = stop or span.start_frame + len(span.order)  # type: ignore[union-attr]
            marked = {frame for frame, mark in enumerate(answer) if mark == "1"}
            assert len(answer) == NUM_FRAMES
            assert marked == set(range(span.start_frame, stop))
        if "each of the" in question and "How many" in question:
            drawn = [edit.frame for edit in edits if isinstance(edit, DrawEdit)]
            assert [int(digit) for digit in answer] == [
                drawn.count(frame) for frame in range(NUM_FRAMES)
            ]


@given(_scenes, _seeds)
def test_what_is_late_comes_after_what_is_early(scene: int, seed: int) -> None:
    lesson = _lesson(scene, seed)
    if lesson.sample.pretext != "jigsaw":
        return
    late = lesson.questions[1][1]
    order = [int(digit) for digit in lesson.sample.answer]
    in_order = [late[position - 1] for position in order]
    assert in_order == sorted(in_order)
    assert lesson.questions[2][1] == f"{order[0]},{order[-1]}"


@given(_scenes, _seeds)
def test_all_edits_fit_the_scene(scene: int, seed: int) -> None:
    lesson = _lesson(scene, seed)
    frames = _SCENES[scene].frames
    for view in lesson.sample.views:
        shown = frames[view.start_frame : view.stop_frame]
        assert apply_edits(shown, view.edits).shape == shown.shape
