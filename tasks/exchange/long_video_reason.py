"""The layout of LongVideo-Reason: Parquet or JSON lines. Read only.

    problem        the question, and its options each on a line of its own
    videos         longvila_videos/....mp4 from the folder of the videos
    answer         <answer>B</answer>, or the letter alone; in `openended.jsonl` words, which no rule can check
    reasoning      thoughts for a warm start, left out
    problem_type   goal, temporal, spatial, plot; where it is missing or says nothing, the answer shows what it is
    options        not theirs: of projects that go on with this layout, as is a list of one video

Sources: NVlabs/Long-RL, longvideo-reason/step6_reformat_reasoning_data.py, verl/utils/dataset.py, eval/eval.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.exchange.row import Row, Said, build_row, validated
from tasks.exchange.verifiable import Options, check_is_video, verifiable


@dataclass(frozen=True, kw_only=True)
class _Record:
    problem: str
    videos: str | list[str]
    answer: Said
    problem_type: str = ""
    data_type: str = "video"
    options: Options = field(default_factory=list)


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type, or no rule can check the answer.
    """
    r: _Record = validated(_Record, record)
    names = [r.videos] if isinstance(r.videos, str) else r.videos
    check_is_video(r.data_type, names)
    found = verifiable(r.problem, r.answer, r.problem_type, r.options, "answer")
    info = {"answer_kind": found.answer_kind, "kind": found.kind}
    return build_row([(name, 0.0) for name in names], found.question, found.answer, info)
