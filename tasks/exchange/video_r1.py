"""The layout of Video-R1-260k and SpaceR-151k: a JSON list, or JSON lines. Read only.

    problem        the question, without its options
    problem_type   multiple choice, numerical, OCR, free-form, regression
    options        ["A. text", ...]; empty but for multiple choice
    solution       <answer>B</answer>
    path           ./LLaVA-Video-178K/... from the folder of the data set
    data_type      video, or image
    problem_id, data_source, and process (the thoughts of Video-R1-COT-165k) are left out

Options follow the question as their authors put them there. Sources: the data card of Video-R1/Video-R1-data; and see
`verifiable`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.exchange.row import Row, Said, build_row, validated
from tasks.exchange.verifiable import Options, check_is_video, verifiable


@dataclass(frozen=True, kw_only=True)
class _Record:
    problem: str
    solution: Said
    path: str
    problem_type: str
    data_type: str = "video"
    options: Options = field(default_factory=list)


def from_record(record: Mapping[str, Any]) -> Row:
    """Raises:
    RowError: a field is missing or of another type, it is about a picture, or no rule can check the answer.
    """
    r: _Record = validated(_Record, record)
    check_is_video(r.data_type, [r.path])
    found = verifiable(r.problem, r.solution, r.problem_type, r.options, "solution")
    return build_row(
        [(r.path, 0.0)], found.question, found.answer, {"answer_kind": found.answer_kind, "kind": found.kind}
    )
