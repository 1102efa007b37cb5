"""One question as data sets of other projects hold it; every layout translates to and from this.

Videos are files: one video file, or one picture a frame. What other projects have no column for
(level, kind, exact times) travels in an `extra_info` mapping, which all of them leave alone.
"""

import functools
import re
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any

from pydantic import Field, StrictInt, TypeAdapter, ValidationError

_QUESTION_CHARS = 100_000
"""About as many as fit into a context of 32k tokens."""
_CONTROL_TOKEN = re.compile(r"<\|\w{1,64}\|>")
"""As chat templates write them: with one inside, a prompt would be another."""
_TYPE = re.compile(r"(?:str|int|float|list|dict)\b(?!_)|.*\[")
"""How Pydantic calls the alternatives of a field, in the place of an error."""
_MARK = re.compile(r"(?:\bClip \d{1,3}:?\s?)?<video>\s?")


JsonAnswer = str | StrictInt | Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""An answer as JSON may hold it."""


@dataclass(frozen=True, kw_only=True)
class VideoFiles:
    """One video as files."""

    paths: tuple[str, ...]
    """A video file, or a picture for each frame."""
    is_frames: bool
    fps: float = 0.0
    """Frames a second; 0 if the data set does not say."""
    timestamps_seconds: tuple[float, ...] = ()
    """Of each frame, from the start of the video; empty if the data set does not say."""
    area_px: int = 0
    """Width x height; 0 if the data set does not say."""

    @property
    def value(self) -> str | list[str]:
        """As the layouts write it."""
        return list(self.paths) if self.is_frames else self.paths[0]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One question. Empty texts stand for what a data set does not say."""

    videos: tuple[VideoFiles, ...]
    question: str
    answer: str
    sample_id: str = ""
    split: str = ""
    pretext: str = ""
    kind: str = ""
    level: float | None = None
    answer_kind: str = ""
    """As in `Sample`."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Which row of a file a sample came from."""

    sample_id: str
    row: int
    """As `tasks.exchange.files.read_records` counts."""


class RowError(ValueError):
    """A record that is no row, or one that cannot be used; says which field is wrong."""

    def __init__(self, field_name: str, detail: str, *, reason: str = "") -> None:
        super().__init__(f"field {field_name!r}: {detail}" if field_name else detail)
        # Without what stands inside the field, such as a position, which differs from row to row.
        self.reason = reason or f"bad {field_name.split('.')[0] or 'layout'}"
        """A short fixed phrase, so that counts by reason make sense."""


@dataclass(frozen=True, kw_only=True)
class ExtraInfo:
    """What we, and the paper's release, write beside the columns of the layouts."""

    sample_id: str = ""
    split: str = ""
    pretext: str = ""
    kind: str = ""
    level: float | None = None
    answer_kind: str = ""
    timestamps_seconds: list[list[float]] = field(default_factory=list)
    """By video."""
    perturbation_type: str = ""
    """The release's name for `kind`, e.g. "Rotate180"."""
    sampling_fps: float | None = None


def validated(record_type: type[Any], record: Mapping[str, Any]) -> Any:
    """`record` as the dataclass `record_type`. Null stands for an optional field that is not there:
    a table has it in every row that lacks what another row has.

    Raises:
        RowError: a field is missing or of another type.
    """
    needed = {
        f.name for f in fields(record_type) if f.default is MISSING and f.default_factory is MISSING
    }
    held = {name: value for name, value in record.items() if value is not None or name in needed}
    try:
        return _adapter(record_type).validate_python(held)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = [str(part) for part in first["loc"] if not _TYPE.match(str(part))]
        raise RowError(".".join(where), f"{first['msg']} (got {short(first['input'])})") from error
    except OverflowError as error:
        raise RowError("", f"a number is out of range: {error}") from error


def check_question(question: str) -> None:
    """Raises:
    RowError: a model could not be asked it.
    """
    check_text("question", question, _QUESTION_CHARS)
    token = _CONTROL_TOKEN.search(question)
    if token:
        raise RowError("question", f"{short(token[0])} is a control token of models")


def check_text(field_name: str, text: str, most_chars: int) -> None:
    """Raises:
    RowError: it is longer, or no UTF-8 can hold it (JSON can write half a surrogate pair).
    """
    if len(text) > most_chars:
        raise RowError(field_name, f"{len(text)} characters, expected at most {most_chars}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RowError(field_name, f"got {short(text)}: {error.reason}") from error


def short(value: object) -> str:
    """What a message shows of anything: a line, however large or deep it is."""
    return _SHORT.repr(value)[:_SHOWN_CHARS]


def why(error: Exception) -> str:
    """What went wrong with a path, without the path, which may be of any length."""
    return getattr(error, "strerror", None) or str(error)[:_SHOWN_CHARS]


def extra_info(row: Row, number: int) -> dict[str, Any]:
    """The mapping that goes with a row; `question`, `answer`, `index` and `sampling_fps` are the
    release's names."""
    return {
        "index": number,
        "question": row.question,
        "answer": row.answer,
        "sampling_fps": row.videos[0].fps,
        "sample_id": row.sample_id,
        "split": row.split,
        "pretext": row.pretext,
        "kind": row.kind,
        "level": row.level,
        "answer_kind": row.answer_kind,
        "timestamps_seconds": [list(video.timestamps_seconds) for video in row.videos],
    }


def user_text(row: Row) -> str:
    """The question behind one `<video>` mark for each video; several are numbered, as in the
    paper's release."""
    marks = (
        ["<video>"]
        if len(row.videos) == 1
        else [f"Clip {n}: <video>" for n in range(1, len(row.videos) + 1)]
    )
    return "\n".join([*marks, row.question])


def question_of(text: str) -> str:
    """The question without the marks."""
    return _MARK.sub("", text).strip()


def build_row(
    videos: list[tuple[str | list[str], float]], question: str, answer: str, info: Mapping[str, Any]
) -> Row:
    """A row from what a layout holds: `videos` are files with their frame rate (0 if unknown).

    Raises:
        RowError: a field is missing or of another type.
    """
    check_text("question", question, _QUESTION_CHARS)
    extra = validated(ExtraInfo, {name: value for name, value in info.items() if value is not None})
    if not videos or not all(value for value, _ in videos):
        raise RowError("videos", "expected at least one video, with at least one file")
    times = extra.timestamps_seconds or [[] for _ in videos]
    if len(times) != len(videos):
        raise RowError("timestamps_seconds", f"{len(times)} lists for {len(videos)} videos")
    return Row(
        videos=tuple(
            VideoFiles(
                paths=(value,) if isinstance(value, str) else tuple(value),
                is_frames=not isinstance(value, str),
                fps=fps or extra.sampling_fps or 0.0,
                timestamps_seconds=tuple(seconds),
            )
            for (value, fps), seconds in zip(videos, times, strict=True)
        ),
        question=question_of(question),
        answer=answer.strip(),
        sample_id=extra.sample_id,
        split=extra.split,
        pretext=extra.pretext,
        kind=extra.kind or _snake(extra.perturbation_type),
        level=extra.level,
        answer_kind=extra.answer_kind,
    )


def _snake(name: str) -> str:
    """Rotate180 -> rotate_180, ZoomOut -> zoom_out."""
    return re.sub(r"(?<=[a-z])(?=[A-Z0-9])", "_", name).lower()


# Pydantic compiles a validator for each adapter, which costs more than to read a row.
@functools.cache
def _adapter(record_type: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(record_type)


_SHOWN_CHARS = 200
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = _SHOWN_CHARS
_SHORT.maxlevel = 3
