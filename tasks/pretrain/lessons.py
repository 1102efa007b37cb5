"""What is asked about a scene while the small base model is made: each alteration is asked for as
the pretext tasks ask, and frame by frame.

A description of every frame tells the vision tower far more than one interval or three numbers do:
it is what captions are to a large model. All questions about a video share its frames, so the
second and third cost next to nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tasks.core.edits import DrawEdit, Shape, SpanEdit
from tasks.core.types import Clip, Sample, View
from tasks.perturb.counting import SHAPES, draw_shapes
from tasks.perturb.difficulty import counting_difficulty
from tasks.perturb.plan import plan_item
from tasks.pretrain.scenes import NUM_FRAMES, Scene

QUESTIONS_PER_LESSON = 3
_PRETEXTS = ("grounding", "counting", "jigsaw")
_SHARES = (0.3, 0.55, 0.15)
HARDEST = 0.5
"""Level."""
_LEVELS = (0.0, 0.0, HARDEST / 2, HARDEST)
KIND_WORDS = {
    "channel_swap": "swapped colors",
    "mirror": "mirrored",
    "zoom_out": "shrunk",
    "rotate_180": "upside down",
}
_BOTH = 0.4
"""Share of the altered videos that are altered in a second way too."""
_SHAPES_SEEN = 0.8
"""Share of the frames with shapes where nothing is asked."""
_EASY = 0.5
"""Share of the videos of the first level where nothing is asked."""
_SHORT: dict[Shape, str] = {shape: shape[0] for shape in SHAPES}

QuestionAnswer = tuple[str, str]


@dataclass(frozen=True)
class Lesson:
    """One altered video, and what is asked about it."""

    sample: Sample
    """Its views; the question is the first one."""
    questions: tuple[QuestionAnswer, ...]
    """`QUESTIONS_PER_LESSON` of them."""


def draw_lesson(scene: Scene, rng: np.random.Generator, doubt: float = 0.0) -> Lesson | None:
    """None if the scene does not allow what was drawn.

    Of the pretext tasks' own questions a share `doubt` has the answer of another sample.
    """
    pretext = str(rng.choice(_PRETEXTS, p=_SHARES))
    if pretext == "jigsaw" and not scene.is_landscape:
        pretext = str(rng.choice(_PRETEXTS[:2]))
    level = float(rng.choice(_LEVELS))
    sample = _plan(scene, pretext, level, rng, doubt)
    if sample is None:
        return None
    questions = _QUESTIONS[pretext](sample, scene.clip)
    if pretext != "jigsaw" and rng.random() < _BOTH:
        other = "counting" if pretext == "grounding" else "grounding"
        second = _plan(scene, other, level, rng, doubt)
        if second is not None:
            return _joined(sample, questions, second, _QUESTIONS[other](second, scene.clip), rng)
    more = rng.choice(np.arange(1, len(questions)), QUESTIONS_PER_LESSON - 1, replace=False)
    return Lesson(sample, (questions[0], *(questions[number] for number in more)))


def draw_view(scene: Scene, hardest: float, rng: np.random.Generator) -> View | None:
    """A video of which part is altered, with shapes on most frames, at the first level or at one
    up to `hardest`; None if the scene does not allow what was drawn."""
    level = 0.0 if rng.random() < _EASY else float(rng.uniform(0, hardest))
    sample = _plan(scene, "grounding", level, rng)
    if sample is None:
        return None
    clip = scene.clip
    difficulty = counting_difficulty(level, min(clip.width_px, clip.height_px))
    shapes = [
        edit
        for frame in range(NUM_FRAMES)
        if rng.random() < _SHAPES_SEEN
        for edit in draw_shapes(
            SHAPES[int(rng.integers(len(SHAPES)))], frame, clip, difficulty, rng
        )
    ]
    view = sample.views[0]
    return replace(view, edits=(*view.edits, *shapes))  # shapes last, as in `_joined`


def _plan(
    scene: Scene, pretext: str, level: float, rng: np.random.Generator, doubt: float = 0.0
) -> Sample | None:
    kinds = {"grounding": tuple(KIND_WORDS), "counting": ("shapes",), "jigsaw": ("clips",)}[pretext]
    kind, seed = str(rng.choice(kinds)), int(rng.integers(2**31))
    sample = plan_item(scene.clip, pretext, kind, level, 0, seed)
    if sample is None or not doubt or rng.random() >= doubt:
        return sample
    other = plan_item(scene.clip, pretext, kind, level, 1, int(rng.integers(2**31)))
    return sample if other is None else replace(sample, answer=other.answer)


def _joined(
    sample: Sample,
    questions: tuple[QuestionAnswer, ...],
    other: Sample,
    others: tuple[QuestionAnswer, ...],
    rng: np.random.Generator,
) -> Lesson:
    """Both alterations in one video: what each pretext task asks, and one question more."""
    # Shapes last: they are drawn upright and in their own colours whatever happens to the picture.
    span, shapes = (sample, other) if sample.pretext == "grounding" else (other, sample)
    view = replace(sample.views[0], edits=(*span.views[0].edits, *shapes.views[0].edits))
    more = (*questions[1:], *others[1:])
    third = more[int(rng.integers(len(more)))]
    return Lesson(replace(sample, views=(view,)), (questions[0], others[0], third))


def _on_grounding(sample: Sample, clip: Clip) -> tuple[QuestionAnswer, ...]:
    (edit,) = (edit for edit in sample.views[0].edits if isinstance(edit, SpanEdit))
    what = sample.question.split(", ", 1)[1].split(". When?")[0]
    times = clip.timestamps_seconds
    return (
        (sample.question, sample.answer),
        (
            f"In which of the {NUM_FRAMES} frames is it so that {what}? "
            "Answer with 0 or 1 for each.",
            "".join(
                str(int(edit.start_frame <= frame < edit.stop_frame)) for frame in range(NUM_FRAMES)
            ),
        ),
        ("What is changed in one part of this video?", KIND_WORDS[sample.kind]),
        (
            # As they stand in the prompt: to copy them comes before to reckon with them.
            "At what time is each pair of frames?",
            " ".join(
                f"{(first + second) / 2:.1f}"
                for first, second in zip(times[::2], times[1::2], strict=True)
            ),
        ),
    )


def _on_counting(sample: Sample, clip: Clip) -> tuple[QuestionAnswer, ...]:
    drawn = [edit for edit in sample.views[0].edits if isinstance(edit, DrawEdit)]
    # The vision tower merges two frames into one step.
    pairs = [
        {shape: sum(e.frame // 2 == pair and e.shape == shape for e in drawn) for shape in _SHORT}
        for pair in range(NUM_FRAMES // 2)
    ]
    return (
        (sample.question, sample.answer),
        (
            "What is drawn on each pair of frames?",
            " ".join(
                "".join(f"{_SHORT[shape]}{num}" for shape, num in pair.items() if num) or "-"
                for pair in pairs
            ),
        ),
        (
            f"How many shapes are drawn on each of the {NUM_FRAMES} frames?",
            "".join(str(sum(e.frame == frame for e in drawn)) for frame in range(NUM_FRAMES)),
        ),
    )


def _on_jigsaw(sample: Sample, clip: Clip) -> tuple[QuestionAnswer, ...]:
    late = [(view.start_frame + view.stop_frame) / 2 / NUM_FRAMES for view in sample.views]
    first, last = late.index(min(late)) + 1, late.index(max(late)) + 1
    return (
        (sample.question, sample.answer),
        (
            "How late in the video is each clip, in tenths?",
            "".join(str(int(10 * share)) for share in late),
        ),
        ("Which clip is the first and which is the last?", f"{first},{last}"),
    )


_QUESTIONS: dict[str, Callable[[Sample, Clip], tuple[QuestionAnswer, ...]]] = {
    "grounding": _on_grounding,
    "counting": _on_counting,
    "jigsaw": _on_jigsaw,
}
