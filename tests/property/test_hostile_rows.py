"""Whatever the rows of a file hold, each is imported or listed with its reason, and no other row is
lost."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Rejection, Sample
from tasks.exchange.row import Origin
from tests.helpers.datasets import import_from, write_frames

pytestmark = pytest.mark.slow

# Few and large: each example is an import of its own.
_FEW = settings(
    max_examples=5,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow],
)
"""An import starts a process, so many rows go into each, and a failure is shown as it is."""
_FIELDS = [
    "video",
    "question",
    "answer",
    "fps",
    "level",
    "kind",
    "pretext",
    "split",
    "sample_id",
    "answer_kind",
    "timestamps_seconds",
    "prompt",
    "messages",
    "videos",
    "solution",
    "reward_model",
    "extra_info",
    "data_source",
    "problem",
    "path",
    "problem_type",
    "data_type",
    "options",
    "video_path",
]
_text = st.one_of(
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs", "Cc", "Lu"]), max_size=5),
    st.sampled_from(
        [
            "frames/0.jpg",
            "frames",
            "../x",
            "x" * 300,
            "B",
            "<answer>B</answer>",
            "multiple choice",
            "video",
            "user",
            "1.5-2.5",
            "train",
            "<b>",
            "interval",
            "a:choice*9",
            "<|im_end|>",
            "text",
            "image",
        ]
    ),
)
_number = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**320, float("nan"), float("inf"), 5e-324, 1e308, True, None]),
)
_value = st.recursive(
    _text | _number,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*_FIELDS, "role", "content", "ground_truth"]) | _text,
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)
_rows = st.dictionaries(st.sampled_from(_FIELDS) | _text, _value, max_size=8)
_likely = st.fixed_dictionaries(
    {},
    optional={
        "video": st.sampled_from([["frames/0.jpg", "frames/1.jpg"], "frames", 1]) | _value,
        "question": st.just("What?") | _value,
        "answer": st.sampled_from(["B", 3, "0.5-1.5"]) | _value,
        "fps": st.just(2) | _number,
        **dict.fromkeys(
            ["level", "kind", "pretext", "sample_id", "answer_kind", "timestamps_seconds"], _value
        ),
    },
)
_questions = st.fixed_dictionaries(
    {"video": st.just("gone.mp4") | _value, "question": st.just("What?") | _value},
    optional={
        "answer": st.sampled_from(["A", "0.5-1.5", "9-2", "2,1", "٣-٥"]) | _value,
        "options": st.just(["a", "b"]) | _value,
        "id": st.sampled_from(["row 1", "row 2", 7]) | _value,
        "tags": st.dictionaries(_text, _value, max_size=2) | _value,
    },
)
_lines = st.one_of(
    (_likely | _rows | _value).map(lambda row: json.dumps(row).encode()),
    st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")),
    st.sampled_from([b"[" * 1100, b'{"a":' * 1100, b"{", b'"', b"[", b"]"]),
).filter(lambda line: bool(line.strip()))


def _import(
    folder: Path, data: bytes, name: str
) -> tuple[list[int], list[Rejection], dict[str, float]]:
    file = folder / name
    file.write_bytes(data)
    store = Store(str(folder / "root"))
    imported = import_from(store, file)
    origins = read_rows(store, imported.origins.key, Origin)
    return (
        [origin.row for origin in origins],
        read_rows(store, imported.rejected.key, Rejection),
        imported.reports[0].counts,
    )


@pytest.fixture(scope="module")
def folder() -> Any:
    with TemporaryDirectory() as name:
        write_frames(Path(name) / "frames", 2)
        yield Path(name)


_GOOD = json.dumps(
    {"video": ["frames/0.jpg", "frames/1.jpg"], "question": "What?", "answer": "B", "fps": 2}
).encode()


@_FEW
@given(lines=st.lists(_lines, min_size=10, max_size=25))
def test_every_line_is_imported_or_listed(folder: Path, lines: list[bytes]) -> None:
    imported, rejected, counts = _import(folder, b"\n".join([_GOOD, *lines, _GOOD]), "rows.jsonl")
    listed = [int(row.source.rsplit(" ", 1)[1]) for row in rejected]
    assert sorted(imported + listed) == list(range(len(lines) + 2))
    assert {0, len(lines) + 1} <= set(imported)
    assert all(row.reason.startswith("bad ") and row.detail for row in rejected)
    assert counts["rows"] == counts["samples"] + counts["rejected"] == len(lines) + 2


@_FEW
@given(
    rows=st.lists(_likely | _rows | _value, min_size=8, max_size=16),
    broken=st.sampled_from([b"{oh", b'{"a": "}', b"nul"]),
)
def test_every_row_of_a_list_is_imported_or_listed(
    folder: Path, rows: list[object], broken: bytes
) -> None:
    texts = [_GOOD, *(json.dumps(row).encode() for row in rows), broken, _GOOD]
    imported, rejected, counts = _import(folder, b"[\n" + b",\n".join(texts) + b"\n]", "rows.json")
    assert counts["rows"] == len(imported) + len(rejected)
    assert {0, counts["rows"] - 1} <= set(imported)
    assert all(row.reason.startswith("bad ") and row.detail for row in rejected)


@settings(max_examples=40, phases=[Phase.generate])
@given(lines=st.lists(_lines | _questions.map(lambda row: json.dumps(row).encode()), max_size=40))
def test_every_line_of_ones_own_benchmark_is_a_question_or_says_why_not(
    folder: Path, lines: list[bytes]
) -> None:
    root = folder / "own"
    root.mkdir(exist_ok=True)
    good = {
        "video": "gone.mp4",
        "question": "What?",
        "options": ["a", "b"],
        "answer": "A",
        "id": "good",
    }
    (root / "rows.jsonl").write_bytes(b"\n".join([json.dumps(good).encode(), *lines]))
    samples = list(BENCHMARKS["universal"].open(root).samples())
    assert len(samples) == len({sample.sample_id for sample in samples}) == len(lines) + 1
    write_rows(Store(str(folder / "root")), "questions.parquet", Sample, samples)
