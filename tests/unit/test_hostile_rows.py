"""One bad row costs that row: whatever it holds, in whatever file."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Rejection
from tasks.exchange.files import read_records, subset
from tests.helpers.datasets import import_from, samples_of, write_frames
from tests.helpers.hostile import hostile_rows
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow

GOOD = {"video": "good.mp4", "question": "What?", "answer": "B"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    write_video(folder / "good.mp4", num_frames=12)
    return folder


def _rejected(store: Store, imported: DataSet) -> dict[int, Rejection]:
    rows = read_rows(store, imported.rejected.key, Rejection)
    found = {int(row.source.rsplit(" ", 1)[1]): row for row in rows}
    assert len(found) == len(rows)
    return found


def _check(store: Store, imported: DataSet, num_hostile: int) -> None:
    """The rows between two good ones are listed, each with a reason of one line, and everything
    adds up."""
    assert [sample.question for sample in samples_of(store, imported.samples.key)] == [
        "What?",
        "What?",
    ]
    rejected = _rejected(store, imported)
    assert sorted(rejected) == list(range(1, num_hostile + 1))
    assert all(row.reason and row.detail and len(row.detail) < 1000 for row in rejected.values())
    counts = imported.reports[0].counts
    assert (counts["rows"], counts["samples"], counts["rejected"]) == (
        num_hostile + 2,
        2,
        num_hostile,
    )
    assert (
        sum(number for name, number in counts.items() if name.startswith("rejected/"))
        == num_hostile
    )


@pytest.mark.parametrize("ending", ["jsonl", "json"])
def test_every_hostile_row_is_listed_and_the_rest_goes_on(
    store: Store, folder: Path, ending: str
) -> None:
    rows = hostile_rows("good.mp4", write_frames(folder / "frames"))
    texts = [json.dumps(GOOD).encode(), *rows.values(), json.dumps(GOOD).encode()]
    file = folder / f"rows.{ending}"
    file.write_bytes(
        b"\n".join(texts) if ending == "jsonl" else b"[\n" + b",\n".join(texts) + b"\n]"
    )
    _check(store, import_from(store, file), len(rows))


def test_the_reasons_say_what_is_wrong(store: Store, folder: Path) -> None:
    rows = hostile_rows("good.mp4", write_frames(folder / "frames"))
    file = folder / "rows.jsonl"
    file.write_bytes(b"\n".join([json.dumps(GOOD).encode(), *rows.values()]))
    rejected = _rejected(store, import_from(store, file))
    said = dict(zip(rows, (rejected[number] for number in range(1, len(rows) + 1)), strict=True))
    for wrong, (reason, detail) in {
        "a name over 255 bytes": ("bad videos", "File name too long"),
        "a folder": ("bad videos", "a folder '.'"),
        "markup in the pretext task": ("bad pretext", "expected a name of letters"),
        "an object nested deep": ("bad layout", "nested too deep"),
        "an integer of 5,000 digits": ("bad layout", "4300 digits"),
        "a name that stands twice": ("bad layout", "'answer' stands twice"),
        "no UTF-8": ("bad layout", "no UTF-8"),
        "half a surrogate pair in a name": ("bad videos", "surrogates not allowed"),
        "videos within lists": ("bad video", "valid string"),
        "a level out of range": ("bad level", "from 0 to 1"),
        "a question of 100 MB": ("bad question", "100000000 characters"),
        "a tiny frame rate": ("bad videos", "no finite numbers"),
    }.items():
        assert (said[wrong].reason, detail in said[wrong].detail) == (reason, True), (
            wrong,
            said[wrong],
        )


@pytest.mark.parametrize(
    ("text", "num_rows", "num_bad"),
    [
        (b'[{"a": 1}, {"a": 2}]', 2, 0),
        (b'[{"a": 1}, {a}, {"a": "],["}]', 3, 1),
        (b'[{"a": 1}, {"a": 2}', 2, 1),
        (b'[{"a": 1},', 2, 1),
        (b'[{"a": 1}] {"a": 2}', 2, 1),
        (b'[\n  {"a": "x},\n  {"a": [\n    {}]},\n  {"a": 2}\n]', 3, 1),
        (b'["no object"]\n{"a": 1}', 2, 1),
        (b'\xef\xbb\xbf[{"a": 1}]', 1, 0),
        (b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": 2}\r\n', 2, 0),
        (b'{"a": 1}\n{"a"', 2, 1),
        (b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n', 2, 0),
        (b'{"data": [\n{"a": 1},\n{"a": 2}]}', 1, 0),
        (b'{"a": 1}{"a": 2}\n', 2, 0),
        (b'{\n  "a": 1\n}\n{"a"', 4, 4),
        (b"", 0, 0),
    ],
)
def test_a_broken_text_is_cut_into_its_rows(
    tmp_path: Path, text: bytes, num_rows: int, num_bad: int
) -> None:
    (tmp_path / "rows.json").write_bytes(text)
    rows = [row for _, row in read_records(tmp_path / "rows.json")]
    assert len(rows) == num_rows
    assert sum(not isinstance(row, dict) for row in rows) == num_bad


SIGNS = [gzip.compress(b"x", mtime=0), b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\x00", b"BZh9"]


@pytest.mark.parametrize("sign", SIGNS, ids=["gzip", "zip", "zstd", "xz", "bzip2"])
def test_an_archive_is_named_as_one(tmp_path: Path, sign: bytes) -> None:
    (tmp_path / "rows.json").write_bytes(sign + bytes(100))
    with pytest.raises(InputError, match=r"rows.json is packed \(\w+\); unpack it") as refused:
        list(read_records(tmp_path / "rows.json"))
    assert "\n" not in str(refused.value)


def test_rows_over_several_lines_are_filtered_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_bytes(
        b"".join(json.dumps({"a": number}, indent=2).encode() + b"\n" for number in range(3))
    )
    file.write_bytes(subset(file, {0, 2}))
    assert [row for _, row in read_records(file)] == [{"a": 0}, {"a": 2}]


def test_rows_are_filtered_out_of_a_broken_file_as_they_stand(tmp_path: Path) -> None:
    file = tmp_path / "rows.json"
    file.write_bytes(b'[{"a": 1, "b": "\\ud800"},\n {oh},\n {"a": 2}]')
    kept = subset(file, {0, 2})
    assert json.loads(kept) == [{"a": 1, "b": "\ud800"}, {"a": 2}]
    file.write_bytes(kept)
    assert json.loads(subset(file, {0})) == [{"a": 1, "b": "\ud800"}]


def test_a_value_of_a_table_that_cannot_be_read_costs_its_row(store: Store, folder: Path) -> None:
    questions = pa.array([b"What?", b"\xff\xfe", b"What?"], pa.binary()).view(pa.string())
    columns = {"video": ["good.mp4"] * 3, "question": questions, "answer": ["B"] * 3}
    pq.write_table(pa.table(columns), folder / "rows.parquet")
    _check(store, import_from(store, folder / "rows.parquet"), 1)
