import io
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rewards.answers import AnswerKind
from tasks.core.edits import DrawEdit, Edit, ReorderEdit, Shape, SpanEdit
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split, View
from tasks.video.preview import marks_of, preview_mp4, preview_sheet
from tests.helpers.clips import make_clip, store_clip

ASKED = SpanEdit(kind="mirror", start_frame=3, stop_frame=6)
OTHER = SpanEdit(kind="grayscale", start_frame=8, stop_frame=10)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def sample_of(
    clip: Clip,
    edits: tuple[Edit, ...] = (),
    answer: str = "1.5-3.0",
    kind: AnswerKind = AnswerKind.INTERVAL,
) -> Sample:
    view = View(
        clip_id=clip.clip_id, start_frame=0, stop_frame=len(clip.timestamps_seconds), edits=edits
    )
    return Sample(
        sample_id="a",
        split=Split.HELDOUT,
        pretext="grounding",
        kind="mirror",
        level=0.5,
        views=(view,),
        question="In one part of this video, something happens. When?",
        answer=answer,
        answer_kind=kind,
        seed=0,
    )


def asked(sample: Sample, clip: Clip) -> tuple[int, ...]:
    return marks_of(sample, sample.views[0], clip.timestamps_seconds).asked


def circle(frame: int, shape: Shape = "circle") -> DrawEdit:
    return DrawEdit(
        frame=frame,
        shape=shape,
        centre_x=0.5,
        centre_y=0.5,
        size=0.3,
        angle_degrees=0,
        color=(0, 0, 255),
    )


def has_border(frame: np.ndarray) -> bool:
    red = (frame[..., 0] > 190) & (frame[..., 1] < 80) & (frame[..., 2] < 80)
    return bool(red[-6:].sum() > 100)


@pytest.mark.slow
def test_the_mp4_has_the_border_exactly_at_the_frames_that_answer(store: Store) -> None:
    clip = store_clip(store, make_clip(num_frames=12))
    data = preview_mp4(store, sample_of(clip, (OTHER, ASKED)), {clip.clip_id: clip})
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [number for number, frame in enumerate(frames) if has_border(frame)] == [3, 4, 5]
    assert len(frames) == 12
    assert frames[0].shape[0] % 2 == frames[0].shape[1] % 2 == 0


def test_in_a_video_without_edits_the_interval_of_the_answer_is_marked() -> None:
    clip = make_clip(num_frames=12)
    assert asked(sample_of(clip), clip) == (3, 4, 5)
    assert asked(sample_of(clip, answer="B", kind=AnswerKind.CHOICE), clip) == ()


def test_a_second_span_is_not_marked_but_told(store: Store) -> None:
    clip = make_clip(num_frames=12)
    sample = sample_of(clip, (OTHER, ASKED))
    marks = marks_of(sample, sample.views[0], clip.timestamps_seconds)
    assert marks.asked == (3, 4, 5)
    assert "2 frames" in marks.note


def test_shapes_that_do_not_count_are_not_marked() -> None:
    clip = make_clip(num_frames=12)
    edits = (circle(2), circle(7, "bar"), circle(9, "diamond"))
    sample = sample_of(clip, edits, "1,0,0", AnswerKind.COUNTS)
    assert asked(sample, clip) == (2,)


def test_a_jigsaw_in_one_video_names_its_parts_and_marks_nothing() -> None:
    clip = make_clip(num_frames=12)
    edit = ReorderEdit(start_frame=0, order=(*range(6, 12), *range(6)))
    sample = sample_of(clip, (edit,), "21", AnswerKind.PERMUTATION)
    marks = marks_of(sample, sample.views[0], clip.timestamps_seconds)
    assert marks.asked == ()
    assert "part 2 from frame 6" in marks.note


def test_the_sheet_marks_the_frames_that_answer(store: Store) -> None:
    clip = store_clip(store, make_clip(num_frames=12))

    def num_red(sample: Sample) -> int:
        png = preview_sheet(store, sample, {clip.clip_id: clip})
        return int((np.asarray(Image.open(io.BytesIO(png))) == (220, 38, 38)).all(axis=-1).sum())

    assert num_red(sample_of(clip, answer="B", kind=AnswerKind.CHOICE)) == 0
    assert num_red(sample_of(clip, (ASKED,))) > 0
