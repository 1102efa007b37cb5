"""The layout of ms-swift: JSON lines with `messages`, `videos` and, for GRPO, `solution`; other keys are passed on.

Source: ms-swift's guide to custom data sets (standard keys `messages` and `videos`, one `<video>` mark for each video).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.exchange.row import Row, build_row, extra_info, user_text, validated


@dataclass(frozen=True, kw_only=True)
class _Message:
    role: str
    content: str


@dataclass(frozen=True, kw_only=True)
class _Record:
    messages: list[_Message]
    videos: list[str | list[str]]
    solution: str
    extra_info: dict[str, Any] = field(default_factory=dict)


def to_record(row: Row, number: int) -> dict[str, Any]:
    """`number`: of the row in the file."""
    return {
        "messages": [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": user_text(row)}],
        "videos": [video.value for video in row.videos],
        "solution": row.answer,
        "extra_info": extra_info(row, number),
    }


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    found: _Record = validated(_Record, record)
    question = "\n".join(message.content for message in found.messages if message.role == "user")
    return build_row([(value, 0.0) for value in found.videos], question, found.solution, found.extra_info)
