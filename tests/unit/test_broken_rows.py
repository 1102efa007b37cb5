"""Annotations that cannot be: the error says which file, row and field."""

import re
from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.core.errors import InputError
from tests.helpers.files import write_json, write_lines

_BROKEN: list[tuple[str, str, str, object]] = [
    (
        "videomme",
        "videomme.json",
        "answer",
        {"videoID": "x", "question_id": "1", "question": "?", "options": ["a", "b"], "answer": "Q"},
    ),
    (
        "cgbench",
        "cgbench_mini.json",
        "choices",
        {"qid": 1, "video_uid": "x", "question": "?", "right_answer": "A"},
    ),
    (
        "longvideobench",
        "lvb_val.json",
        "correct_choice",
        {
            "id": "1",
            "video_path": "x",
            "question": "?",
            "correct_choice": 2,
            "candidates": ["a", "b"],
        },
    ),
    (
        "cvbench",
        "CVBench.json",
        "video_1",
        {"question": "?", "answer": "A", "options": ["A. x", "B. y"]},
    ),
    (
        "qvhighlights",
        "highlight_val_release.jsonl",
        "relevant_windows",
        {"qid": 1, "query": "?", "vid": "x", "relevant_windows": []},
    ),
    (
        "vinoground",
        "vinoground_textscore.json",
        "idx",
        {"idx": "4", "video_name": "x", "question": "A. a\nB. b", "GT": "A"},
    ),
    (
        "aotbench_qa",
        "AoTBench_QA.json",
        "ans",
        {"video_name": "x", "question": "A. a\nB. b", "ans": "C"},
    ),
    ("universal", "rows.json", "answer", {"video": "x", "question": "?", "answer": "1,1,2"}),
]


@pytest.mark.parametrize(("name", "file", "field", "row"), _BROKEN, ids=[row[0] for row in _BROKEN])
def test_a_wrong_row_is_named_by_file_row_and_field(
    tmp_path: Path, name: str, file: str, field: str, row: dict[str, object]
) -> None:
    write_lines(tmp_path / file, [row]) if file.endswith("l") else write_json(
        tmp_path / file, [row]
    )
    with pytest.raises(InputError, match=rf"{re.escape(file)}, row 0, field '{field}'"):
        list(BENCHMARKS[name].open(tmp_path).samples())
