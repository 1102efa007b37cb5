"""What is known of a lesson by construction: its answers say what its edits do."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rewards.schema import read_schema, score
from tasks.core.edits import DrawEdit, SpanEdit
from tasks.pretrain.lessons import QUESTIONS_PER_LESSON, Lesson, draw_lesson
from tasks.pretrain.pretrain import PretrainConfig, encode_lesson, new_policy, show_lesson
from tasks.pretrain.scenes import NUM_FRAMES, make_scene
from tasks.pretrain.seen import KINDS, seen_in
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
            (span,) = (edit for edit in edits if isinstance(edit, SpanEdit))
            marked = {frame for frame, mark in enumerate(answer) if mark == "1"}
            assert len(answer) == NUM_FRAMES
            assert marked == set(range(span.start_frame, span.stop_frame))
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
    (late,) = (answer for question, answer in lesson.questions if "How late" in question)
    (ends,) = (answer for question, answer in lesson.questions if "the last" in question)
    order = [int(digit) for digit in lesson.sample.answer]
    in_order = [late[position - 1] for position in order]
    assert in_order == sorted(in_order)
    assert ends == f"{order[0]},{order[-1]}"


def test_times_of_pairs_are_those_that_the_prompt_shows() -> None:
    policy, rng = new_policy(PretrainConfig()), np.random.default_rng(0)
    num = 0
    for scene in _SCENES:
        lesson = draw_lesson(scene, rng)
        if lesson is None or not (
            times := [answer for question, answer in lesson.questions if "At what time" in question]
        ):
            continue
        prompt = encode_lesson(policy, lesson, show_lesson(scene, lesson))
        text = policy.processor.tokenizer.decode(prompt.input_ids.tolist())
        assert re.findall(r"<([\d.]+) seconds>", text) == times[0].split()
        num += 1
    assert num > 1


@given(_scenes, _seeds)
def test_all_edits_fit_the_scene(scene: int, seed: int) -> None:
    lesson = _lesson(scene, seed)
    frames = _SCENES[scene].frames
    for view in lesson.sample.views:
        shown = frames[view.start_frame : view.stop_frame]
        assert apply_edits(shown, view.edits).shape == shown.shape


@given(_scenes, _seeds)
def test_what_is_to_be_seen_agrees_with_pictures_and_answers(scene: int, seed: int) -> None:
    shown, lesson = _SCENES[scene], _lesson(scene, seed)
    for view in lesson.sample.views:
        frames = apply_edits(shown.frames[view.start_frame : view.stop_frame], view.edits)
        seen = seen_in(shown, view, frames)
        num_pairs = -(-len(frames) // 2)
        assert len(seen.tokens) == len(seen.numbers) == len(seen.kinds) == num_pairs
        assert len(seen.colors) == len(seen.covered) == seen.tokens.sum()
        # The last frame stands twice where their number is odd.
        weights = np.ones(len(frames))
        weights[-1] += len(frames) % 2
        mean = np.average(frames.mean((1, 2, 3)), weights=weights)
        assert abs(float(seen.colors.mean()) - (mean / 127.5 - 1)) < 1e-3
        drawn = [edit for edit in view.edits if isinstance(edit, DrawEdit)]
        assert seen.numbers.sum() == len(drawn)
        assert bool((seen.covered.sum() > 0).item()) == bool(drawn)
        spans = [edit for edit in view.edits if isinstance(edit, SpanEdit)]
        if shown.is_landscape:
            altered = {n: KINDS.index(s.kind) + 1 for s in spans for n in range(*_ends(s))}
            assert {n: kind for n, kind in enumerate(seen.kinds.flatten().tolist()) if kind} == (
                altered
            )
            assert bool((seen.lateness.diff() > 0).all())


def _ends(span: SpanEdit) -> tuple[int, int]:
    return span.start_frame, span.stop_frame


def test_a_doubted_answer_is_another_samples_and_all_else_stays() -> None:
    rng = np.random.default_rng(5)
    wrong = num = 0
    for _ in range(300):
        lesson = draw_lesson(_SCENES[0], rng, 1.0)
        assert lesson is not None
        if lesson.sample.pretext != "grounding":
            continue
        (span,) = (e for e in lesson.sample.views[0].edits if isinstance(e, SpanEdit))
        question, answer = lesson.questions[0]
        schema = read_schema("interval")
        times = _SCENES[0].clip.timestamps_seconds
        start = float(answer.split("-")[0])
        assert score(answer, answer, schema).total == 1
        num, wrong = num + 1, wrong + (abs(start - times[span.start_frame]) > 0.01)
        marks = dict(lesson.questions).get(
            next((q for q, _ in lesson.questions if "0 or 1" in q), ""), ""
        )
        assert "1" not in marks[: span.start_frame] + marks[span.stop_frame :]
        assert "When?" in question
    assert 0.5 < wrong / num < 1
