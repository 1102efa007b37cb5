"""Whatever a row holds comes back from every layout as it went out."""

import string
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards.answers import AnswerKind
from tasks.exchange.files import read_records, subset
from tasks.exchange.layouts import LAYOUTS, parse_record
from tasks.exchange.row import Row, VideoFiles

# Questions and answers are shown without blanks around them, and a mark for a video cannot stand in
# a question.
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip)
_question = _text.filter(lambda text: text and "<video>" not in text)
_name = st.text(string.ascii_lowercase + "_0123456789", min_size=1, max_size=12)
_seconds = st.floats(0, 10_000, allow_nan=False).map(lambda value: round(value, 3))


@st.composite
def _videos(draw: st.DrawFn, is_frames: bool) -> tuple[VideoFiles, ...]:
    fps = draw(st.floats(0, 240).map(lambda value: round(value, 6)))
    return tuple(
        VideoFiles(
            paths=tuple(draw(st.lists(_name, min_size=1, max_size=4 if is_frames else 1))),
            is_frames=is_frames,
            fps=fps,
            timestamps_seconds=tuple(draw(st.lists(_seconds, max_size=4))),
        )
        for _ in range(draw(st.integers(1, 8)))
    )


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    is_frames = draw(st.booleans())
    row = st.builds(
        Row,
        videos=_videos(is_frames),
        question=_question,
        answer=_text,
        sample_id=_text,
        split=st.sampled_from(["", "train", "heldout"]),
        pretext=st.one_of(st.just(""), st.sampled_from(["grounding", "counting", "jigsaw"]), _name),
        kind=_text,
        level=st.one_of(st.none(), st.floats(0, 1)),
        answer_kind=st.sampled_from(["", *AnswerKind]),
    )
    return draw(st.lists(row, min_size=1, max_size=4))


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=60)
@given(rows=_rows())
def test_rows_come_back_from_a_file_as_they_went_out(layout: str, rows: list[Row]) -> None:
    project = LAYOUTS[layout]
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"rows{project.suffix}"
        file.write_bytes(
            project.write([project.to_record(row, number) for number, row in enumerate(rows)])
        )
        found = [parse_record(record) for _, record in read_records(file)]
        assert found == rows
        part = Path(folder) / f"part{project.suffix}"
        part.write_bytes(subset(file, {len(rows) - 1}))
        assert [parse_record(record) for _, record in read_records(part)] == found[-1:]
