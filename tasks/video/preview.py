"""A sample for people to look at: a contact sheet and a short mp4, with the frames that answer the
question marked."""

import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from PIL import Image, ImageDraw

from rewards.answers import AnswerKind, Interval
from rewards.parse import parse_answer
from tasks.core.edits import DrawEdit, Edit, ReorderEdit
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, View
from tasks.video.contact_sheet import (
    BACKGROUND,
    FAINT,
    INK,
    MARK,
    SheetRow,
    contact_sheet,
    text_block,
    wrap,
)
from tasks.video.encode import write_mp4
from tasks.video.frames import Frame, Frames
from tasks.video.render import ShownVideo, render_sample

logger = logging.getLogger(__name__)

_FPS = 6.0
_PANEL_PX = 480
"""Least width of the mp4, so that the question can be read."""
_BORDER_PX = 8
_NOT_COUNTED = ("diamond", "bar")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.]+")
_NAME_CHARS = 40


@dataclass(frozen=True, kw_only=True)
class FrameMarks:
    """What to mark in one shown video."""

    asked: tuple[int, ...]
    """Frames altered by what the question asks for; in a video without edits those in the interval
    of the answer."""
    note: str
    """What the marks do not show, in words: frames altered only by what it does not ask for (a
    second span, shapes that do not count), or where the parts of a jigsaw begin."""


def preview_sheet(
    store: Store, sample: Sample, clips: Mapping[str, Clip], notes: Sequence[str] = ()
) -> bytes:
    """A PNG with the videos of `sample`, what is asked and answered, and `notes`; `clips` by clip
    id."""
    rows = [
        SheetRow(frames=video.frames, marked=marks.asked, label=label)
        for video, marks, label in _labelled(store, sample, clips)
    ]
    return contact_sheet(rows, [*_captions(sample), *notes])


def preview_mp4(store: Store, sample: Sample, clips: Mapping[str, Clip]) -> bytes:
    """An mp4 (H.264) of the videos of `sample` one after the other, under its question, answer and
    level."""
    parts = _labelled(store, sample, clips)
    height = max(video.frames.shape[1] for video, _, _ in parts)
    width = max(video.frames.shape[2] for video, _, _ in parts)
    pictures = []
    for video, marks, label in parts:
        panel = _panel([*_captions(sample), label], max(_PANEL_PX, width + 2 * _BORDER_PX))
        for number, frame in enumerate(video.frames):
            pictures.append(_with_panel(frame, panel, height, is_marked=number in marks.asked))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "preview.mp4"
        write_mp4(path, _stacked(pictures), _FPS, quality=26)
        return path.read_bytes()


class HasSample(Protocol):
    """Something about one sample, or the sample itself."""

    @property
    def sample_id(self) -> str: ...


ItemT = TypeVar("ItemT", bound=HasSample)
PictureT = TypeVar("PictureT")


def draw_each(
    items: Iterable[ItemT],
    draw: Callable[[ItemT], PictureT],
    left_out: dict[str, str] | None = None,
) -> Iterator[tuple[ItemT, PictureT]]:
    """Each item with its picture. One that cannot be drawn is left out with a warning, and named in
    `left_out`.

    What fails is one sample's own: its frames are missing or damaged, its row does not fit its
    clip, or it cannot be encoded. A page of pictures is no reason to end a run that trained for
    hours.
    """
    for item in items:
        try:
            picture = draw(item)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            logger.warning(
                "sample %s is left out: %s: %s", item.sample_id, type(error).__name__, error
            )
            if left_out is not None:
                left_out[item.sample_id] = f"{type(error).__name__}: {error}"
            continue
        yield item, picture


def preview_name(number: int, sample: Sample) -> str:
    """What the files of a preview are called, without ending: kinds may come from other people's
    data sets."""
    parts = (f"{number:03d}", sample.pretext, sample.kind, f"level_{sample.level:g}")
    return "-".join(_UNSAFE.sub("_", part)[:_NAME_CHARS] for part in parts)


def marks_of(sample: Sample, view: View, timestamps_seconds: Sequence[float]) -> FrameMarks:
    """The frames of one view of `sample` to mark."""
    if sample.answer_kind == AnswerKind.PERMUTATION and any(
        isinstance(edit, ReorderEdit) for edit in view.edits
    ):
        count = len(sample.answer)
        length = (view.stop_frame - view.start_frame) // max(1, count)
        parts = ", ".join(f"part {k + 1} from frame {k * length}" for k in range(count))
        return FrameMarks(asked=(), note=parts)
    if not view.edits:
        return FrameMarks(asked=_frames_of_answer(sample, timestamps_seconds), note="")
    asked_edits = _asked(sample, view.edits, timestamps_seconds)
    asked = {frame for edit in asked_edits for frame in frames_of(edit)}
    others = {frame for edit in view.edits for frame in frames_of(edit)} - asked
    note = f"not marked: {len(others)} frames altered as distraction" if others else ""
    return FrameMarks(asked=tuple(sorted(asked)), note=note)


def frames_of(edit: Edit) -> range:
    """The frames of the shown video that an edit changes."""
    if isinstance(edit, DrawEdit):
        return range(edit.frame, edit.frame + 1)
    if isinstance(edit, ReorderEdit):
        return range(edit.start_frame, edit.start_frame + len(edit.order))
    return range(edit.start_frame, edit.stop_frame)


def _frames_of_answer(sample: Sample, timestamps_seconds: Sequence[float]) -> tuple[int, ...]:
    answer = _interval(sample)
    if answer is None:
        return ()
    inside = (answer.start_seconds <= time < answer.end_seconds for time in timestamps_seconds)
    return tuple(number for number, is_inside in enumerate(inside) if is_inside)


def _asked(
    sample: Sample, edits: Sequence[Edit], timestamps_seconds: Sequence[float]
) -> list[Edit]:
    """The edits that the answer is about; all of them if that cannot be told."""
    if sample.answer_kind == AnswerKind.COUNTS:
        return [
            edit
            for edit in edits
            if not (isinstance(edit, DrawEdit) and edit.shape in _NOT_COUNTED)
        ]
    answer = _interval(sample)
    if answer is None:
        return list(edits)
    return [edit for edit in edits if _fits(edit, answer, timestamps_seconds)] or list(edits)


def _interval(sample: Sample) -> Interval | None:
    """The right answer, if it is one."""
    if sample.answer_kind != AnswerKind.INTERVAL:
        return None
    answer = parse_answer(sample.answer, AnswerKind.INTERVAL)
    return answer if isinstance(answer, Interval) else None


def _fits(edit: Edit, answer: Interval, timestamps_seconds: Sequence[float]) -> bool:
    rounding = 0.051  # answers are in tenths of seconds
    frames = frames_of(edit)
    first, last = timestamps_seconds[frames[0]], timestamps_seconds[frames[-1]]
    return abs(first - answer.start_seconds) <= rounding and last <= answer.end_seconds + rounding


def _labelled(
    store: Store, sample: Sample, clips: Mapping[str, Clip]
) -> list[tuple[ShownVideo, FrameMarks, str]]:
    videos = render_sample(store, sample, clips)
    parts = []
    for position, (video, view) in enumerate(zip(videos, sample.views, strict=True), start=1):
        marks = marks_of(sample, view, video.timestamps_seconds)
        name = f"video {position}" if len(videos) > 1 else ""
        length = f"{video.timestamps_seconds[-1]:.1f} s from first to last frame"
        parts.append(
            (video, marks, "  ·  ".join(text for text in (name, length, marks.note) if text))
        )
    return parts


def _captions(sample: Sample) -> list[str]:
    return [
        f"{sample.pretext} · {sample.kind} · level {sample.level:g}",
        sample.question,
        f"right answer: {sample.answer}",
    ]


def _panel(captions: Sequence[str], width: int) -> Image.Image:
    blocks = [
        text_block(wrap(text, width), width, FAINT if number == len(captions) - 1 else INK)
        for number, text in enumerate(captions)
    ]
    panel = Image.new("RGB", (width, sum(block.height for block in blocks)), BACKGROUND)
    top = 0
    for block in blocks:
        panel.paste(block, (0, top))
        top += block.height
    return panel


def _with_panel(frame: Frame, panel: Image.Image, height: int, *, is_marked: bool) -> Image.Image:
    """The frame in the middle under the panel; the border lies around it and hides no pixel."""
    picture = Image.new("RGB", (panel.width, panel.height + height + 2 * _BORDER_PX), BACKGROUND)
    picture.paste(panel, (0, 0))
    left, top = (panel.width - frame.shape[1]) // 2, panel.height + _BORDER_PX
    if is_marked:
        right, bottom = (
            left + frame.shape[1] + _BORDER_PX - 1,
            top + frame.shape[0] + _BORDER_PX - 1,
        )
        ImageDraw.Draw(picture).rectangle(
            (left - _BORDER_PX, top - _BORDER_PX, right, bottom), fill=MARK
        )
    picture.paste(Image.fromarray(frame), (left, top))
    return picture


def _stacked(pictures: Sequence[Image.Image]) -> Frames:
    """All pictures at one even size: labels differ in their number of lines."""
    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    frames = np.full((len(pictures), height + height % 2, width + width % 2, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        # frames end at the bottom, so that pictures do not jump
        frames[number, height - picture.height : height, : picture.width] = np.asarray(picture)
    return frames
