"""The layout of TRL and Hugging Face `datasets`: Parquet with a conversational `prompt` in parts, and `solution`.

Source: TRL's page on data set formats (conversational prompt-only; reward functions receive the other columns).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.exchange.row import Row, build_row, extra_info, validated


@dataclass(frozen=True, kw_only=True)
class _Part:
    type: str
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Message:
    role: str
    content: str | list[_Part]


@dataclass(frozen=True, kw_only=True)
class _Record:
    prompt: list[_Message]
    videos: list[str | list[str]]
    solution: str
    extra_info: dict[str, Any] = field(default_factory=dict)


def to_record(row: Row, number: int) -> dict[str, Any]:
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


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    found: _Record = validated(_Record, record)
    question = "\n".join(_text(message.content) for message in found.prompt if message.role == "user")
    return build_row([(value, 0.0) for value in found.videos], question, found.solution, found.extra_info)


def _text(content: str | list[_Part]) -> str:
    """The marks are put back, so that a label before a video goes with it."""
    if isinstance(content, str):
        return content
    return "\n".join("<video>" if part.type == "video" else part.text or "" for part in content)
