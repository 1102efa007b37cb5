"""The layout of ReWatch (ReWatch-QA, and the questions of ReWatch-CoT): a JSON list. Read only.

    source      VideoEspresso, Video-R1, MiraData, Vript or VideoMarathon: whose video it is
    video_path  from the folder where that data set lies
    question    with its options inside, or beside it
    answer      a letter; half of the questions are open: no rule can check those
    options     a list, or an object from letters to texts

The five data sets lie in five folders, so a video is looked for as `source/video_path` below the root; rewrite the
beginning where a folder is called otherwise (`MiraData/=mira_data/`).

Source: the data card of zcccccz/ReWatch, which shows `source` and `video_path`. Neither it nor the README of
alibaba/ReWatch-R1 shows the others: their names follow the paper (arXiv 2509.23652) and were not compared with the
files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.exchange.row import Row, Said, build_row, validated
from tasks.exchange.verifiable import Options, check_is_video, verifiable


@dataclass(frozen=True, kw_only=True)
class _Record:
    video_path: str
    question: str
    answer: Said
    source: str = ""
    options: Options = field(default_factory=list)


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type, or no rule can check the answer.
    """
    r: _Record = validated(_Record, record)
    check_is_video("video", [r.video_path])
    found = verifiable(r.question, r.answer, "", r.options, "answer")
    name = f"{r.source}/{r.video_path}" if r.source else r.video_path
    return build_row([(name, 0.0)], found.question, found.answer, {"answer_kind": found.answer_kind})
