"""The layouts of trainers, which we read and write: verl, ms-swift and TRL.

verl, the paper's release: one Parquet file, one row a question

    data_source    grounding, counting, shuffled (jigsaw)
    prompt         [{role, content}]; a <video> mark in the user's text for each video
    videos         [{video: file or list of frame files, sample_fps, min_pixels, max_pixels}]
    reward_model   {style: rule, ground_truth}
    extra_info     what else is known (`tasks.exchange.row.ExtraInfo`)

ms-swift: JSON lines with `messages`, `videos` and, for GRPO, `solution`; other keys are passed on
TRL: Parquet with a conversational `prompt` in parts, `videos` and `solution`

Sources: the row shape that the authors' `pretext_tasks/*.py` write, and verl's data preparation
guide; ms-swift's guide to custom data sets (one `<video>` mark for each video); TRL's page on data
set formats (conversational prompt-only; reward functions receive the other columns).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.exchange.row import Row, build_row, extra_info, user_text, validated

_SOURCES = {"jigsaw": "shuffled"}
"""Pretext tasks that the release calls otherwise."""
_PRETEXTS = {source: pretext for pretext, source in _SOURCES.items()}


def write_verl(row: Row, number: int) -> dict[str, Any]:
    """`number`: of the row in the file. Both pixel limits are the frames' own area, so that nobody
    resizes again."""
    return {
        "data_source": _SOURCES.get(row.pretext, row.pretext),
        "prompt": _messages(row),
        "videos": [
            {
                "video": v.value,
                "sample_fps": v.fps,
                "min_pixels": v.area_px,
                "max_pixels": v.area_px,
            }
            for v in row.videos
        ],
        "ability": "video",
        "reward_model": {"style": "rule", "ground_truth": row.answer},
        "extra_info": extra_info(row, number),
    }


def read_verl(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    read: _VerlRecord = validated(_VerlRecord, record)
    videos: list[tuple[str | list[str], float]] = [(v.video, v.sample_fps) for v in read.videos]
    row = build_row(videos, _asked(read.prompt), read.reward_model.ground_truth, read.extra_info)
    return replace(row, pretext=row.pretext or _PRETEXTS.get(read.data_source, read.data_source))


def write_swift(row: Row, number: int) -> dict[str, Any]:
    """`number`: of the row in the file."""
    return {
        "messages": _messages(row),
        "videos": [video.value for video in row.videos],
        "solution": row.answer,
        "extra_info": extra_info(row, number),
    }


def read_swift(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    read: _SwiftRecord = validated(_SwiftRecord, record)
    return build_row(
        [(v, 0.0) for v in read.videos], _asked(read.messages), read.solution, read.extra_info
    )


def write_trl(row: Row, number: int) -> dict[str, Any]:
    """`number`: of the row in the file."""
    parts: list[dict[str, str | None]] = []
    for position, _ in enumerate(row.videos, 1):
        parts += [{"type": "text", "text": f"Clip {position}:"}] if len(row.videos) > 1 else []
        parts.append({"type": "video", "text": None})
    return {
        "prompt": [
            {"role": "system", "content": [{"type": "text", "text": SYSTEM_PROMPT}]},
            {"role": "user", "content": [*parts, {"type": "text", "text": row.question}]},
        ],
        "videos": [video.value for video in row.videos],
        "solution": row.answer,
        "extra_info": extra_info(row, number),
    }


def read_trl(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    read: _TrlRecord = validated(_TrlRecord, record)
    question = "\n".join(
        _text(message.content) for message in read.prompt if message.role == "user"
    )
    return build_row([(v, 0.0) for v in read.videos], question, read.solution, read.extra_info)


@dataclass(frozen=True, kw_only=True)
class _Message:
    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class _Video:
    video: str | list[str]
    sample_fps: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _RewardModel:
    ground_truth: str


@dataclass(frozen=True, kw_only=True)
class _VerlRecord:
    prompt: list[_Message]
    videos: list[_Video]
    reward_model: _RewardModel
    data_source: str = ""
    extra_info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _SwiftRecord:
    messages: list[_Message]
    videos: list[str | list[str]]
    solution: str
    extra_info: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Part:
    type: str
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class _MessageInParts:
    role: str
    content: str | list[_Part]


@dataclass(frozen=True, kw_only=True)
class _TrlRecord:
    prompt: list[_MessageInParts]
    videos: list[str | list[str]]
    solution: str
    extra_info: dict[str, Any] = field(default_factory=dict)


def _messages(row: Row) -> list[dict[str, str]]:
    return [
        {"role": "system", "content": SYSTEM_PROMPT},
        {"role": "user", "content": user_text(row)},
    ]


def _asked(messages: list[_Message]) -> str:
    return "\n".join(message.content for message in messages if message.role == "user")


def _text(content: str | list[_Part]) -> str:
    """The marks are put back, so that a label before a video goes with it."""
    if isinstance(content, str):
        return content
    return "\n".join("<video>" if part.type == "video" else part.text or "" for part in content)
