"""The universal layout `{video, question, answer}`, one record a question: what evaluation scripts share. Read only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.exchange.row import Row, Said, build_row, validated


@dataclass(frozen=True, kw_only=True)
class _Record:
    video: str | list[str]
    question: str
    answer: Said
    fps: float = 0.0


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    found: _Record = validated(_Record, record)
    return build_row([(found.video, found.fps)], found.question, str(found.answer), record)
