"""The layout of the paper's release, which is verl's: one Parquet file, one row a question.

    data_source    grounding, counting, shuffled (jigsaw)
    prompt         [{role, content}]; a <video> mark in the user's text for each video
    videos         [{video: file or list of frame files, sample_fps, min_pixels, max_pixels}]
    reward_model   {style: rule, ground_truth}
    extra_info     what else is known (`tasks.exchange.row.ExtraInfo`)

Source: the row shape that the authors' `pretext_tasks/*.py` write, and verl's data preparation guide.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tasks.core.system_prompt import SYSTEM_PROMPT
from tasks.exchange.row import Row, build_row, extra_info, user_text, validated

_SOURCES = {"jigsaw": "shuffled"}
"""Pretext tasks that the release calls otherwise."""
_PRETEXTS = {source: pretext for pretext, source in _SOURCES.items()}


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
class _Record:
    prompt: list[_Message]
    videos: list[_Video]
    reward_model: _RewardModel
    data_source: str = ""
    extra_info: dict[str, Any] = field(default_factory=dict)


def to_record(row: Row, number: int) -> dict[str, Any]:
    """`number`: of the row in the file. Both pixel limits are the frames' own area, so that nobody resizes again."""
    return {
        "data_source": _SOURCES.get(row.pretext, row.pretext),
        "prompt": [{"role": "system", "content": SYSTEM_PROMPT}, {"role": "user", "content": user_text(row)}],
        "videos": [
            {"video": v.value, "sample_fps": v.fps, "min_pixels": v.area_px, "max_pixels": v.area_px}
            for v in row.videos
        ],
        "ability": "video",
        "reward_model": {"style": "rule", "ground_truth": row.answer},
        "extra_info": extra_info(row, number),
    }


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type.
    """
    found: _Record = validated(_Record, record)
    question = "\n".join(message.content for message in found.prompt if message.role == "user")
    row = build_row([(v.video, v.sample_fps) for v in found.videos], question, found.reward_model.ground_truth,
                    found.extra_info)  # fmt: skip
    return replace(row, pretext=row.pretext or _PRETEXTS.get(found.data_source, found.data_source))
