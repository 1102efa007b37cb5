"""Pictures of jigsaws: each part stands where the order says, and what is wrong is marked."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split, View
from tasks.promote.jigsaws import choose_jigsaws, draw_jigsaw
from tasks.video.frame_store import pack_frames
from tests.helpers.clips import make_clip
from tests.helpers.rollouts import make_sample

NUM_FRAMES = 12
RED = (220, 38, 38)
TILE, LEFT, STEP = 120, 6, 126


@pytest.fixture
def clip(data_root: str) -> Clip:
    """Frames of one grey each, brighter from the first to the last."""
    clip = make_clip("c", num_frames=NUM_FRAMES, split=Split.HELDOUT)
    shades = np.linspace(20, 240, NUM_FRAMES).astype(np.uint8)
    frames = np.broadcast_to(shades[:, None, None, None], (NUM_FRAMES, 64, 64, 3)).copy()
    Store(data_root).write_bytes(clip.frames_key, pack_frames(frames, jpeg_quality=95))
    return clip


def _jigsaw(clip: Clip, answer: str) -> Sample:
    """Parts are shown so that `answer` is the right order."""
    length = NUM_FRAMES // len(answer)
    starts = [answer.index(str(shown + 1)) * length for shown in range(len(answer))]
    return replace(
        make_sample("j", pretext="jigsaw", kind="clips", clip_id=clip.clip_id),
        views=tuple(
            View(clip_id=clip.clip_id, start_frame=start, stop_frame=start + length)
            for start in starts
        ),
        answer=answer,
    )


def _score(text: str, failure: str = "") -> SampleScore:
    return SampleScore(
        sample_id="j",
        split=Split.HELDOUT,
        pretext="jigsaw",
        kind="clips",
        level=0.5,
        viubench_type="",
        score=0.0,
        parsed_share=1.0,
        truncated_share=0.0,
        num_rollouts=1,
        answers=("sampled",),
        greedy_answer=text,
        failure=failure,
    )


def _rows(data_root: str, clip: Clip, answer: str, **answers: str) -> list[np.ndarray]:
    """The tiles of each row: as shown, right, and one for each model."""
    sample = _jigsaw(clip, answer)
    png = draw_jigsaw(
        Store(data_root),
        sample,
        {clip.clip_id: clip},
        {name: _score(text) for name, text in answers.items()},
    )
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    # Tiles are as high as they are wide and stand in a line from the left: the middle of the first
    # one in each row is no white.
    column = pixels[:, LEFT + TILE // 2]
    inside = (column != 255).all(axis=-1) & (np.ptp(column.astype(int), axis=-1) < 12)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    starts = [a for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > TILE // 2]
    return [pixels[start - 3 : start + TILE] for start in starts]


def _shades(row: np.ndarray, number: int) -> list[int]:
    return [int(row[TILE // 2, LEFT + TILE // 2 + STEP * n].mean()) for n in range(number)]


def _num_marked(row: np.ndarray, number: int) -> list[bool]:
    """Whether each tile has a red border."""
    return [
        bool((row[TILE // 2, LEFT + STEP * n : LEFT + STEP * n + 3] == RED).all())
        for n in range(number)
    ]


@pytest.mark.parametrize(("answer", "each"), [("21", 4), ("312", 2), ("2143", 2)])
def test_in_the_right_order_frames_get_brighter(
    data_root: str, clip: Clip, answer: str, each: int
) -> None:
    shown, right = _rows(data_root, clip, answer)
    number = each * len(answer)
    assert _shades(right, number) == sorted(_shades(right, number))
    assert _shades(shown, number) != sorted(_shades(shown, number))
    assert sorted(_shades(shown, number)) == _shades(right, number)


def test_only_parts_in_a_wrong_place_are_marked(data_root: str, clip: Clip) -> None:
    _, right, before, after = _rows(data_root, clip, "213", **{BEFORE: "231", AFTER: "213"})
    assert _num_marked(before, 6) == [False, False, True, True, True, True]
    assert not any(_num_marked(after, 6))
    assert _shades(after, 6) == _shades(right, 6)
    assert _shades(before, 2) == _shades(right, 2)


@pytest.mark.parametrize("text", ["12", "two, one", ""])
def test_what_is_no_order_is_said_and_not_drawn(data_root: str, clip: Clip, text: str) -> None:
    assert len(_rows(data_root, clip, "213", **{AFTER: text})) == 2


def test_an_order_of_many_parts_gets_one_frame_of_each(data_root: str, clip: Clip) -> None:
    _, right = _rows(data_root, clip, "612345")
    assert _shades(right, 6) == sorted(_shades(right, 6))


def test_jigsaws_of_every_size_are_chosen_alike_whatever_was_answered() -> None:
    def jigsaw(name: str, answer: str, split: Split = Split.HELDOUT) -> Sample:
        return replace(
            make_sample(name, pretext="jigsaw", kind="clips", split=split), answer=answer
        )

    samples = [
        jigsaw(f"{answer} {n}", answer) for answer in ("3124", "21", "213") for n in range(4)
    ]
    others = [make_sample("g"), jigsaw("t", "21", Split.TRAIN), jigsaw("v", "21", Split.VIUBENCH)]
    chosen = choose_jigsaws([*samples, *others], 2)
    assert [sample.answer for sample in chosen] == ["21", "21", "213", "213", "3124", "3124"]
    assert chosen == choose_jigsaws([*others, *reversed(samples)], 2)
