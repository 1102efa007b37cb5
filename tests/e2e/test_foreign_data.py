"""Data sets of other projects as their authors publish them, with bad rows among the good ones, by
command."""

import json
import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.types import Rejection, Sample
from tasks.diagnose.judge import RowDiagnosis
from tasks.evaluate.score_benchmark import Prediction
from tests.helpers.files import write_json, write_lines
from tests.helpers.hostile import hostile_rows
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.reasoning_rows import FREE_FORM, PICTURES, long_video_reason, rewatch, video_r1
from tests.helpers.videos import write_video

pytestmark = pytest.mark.slow

_TINY = {
    "calibrate": {"max_rollouts": 16, "num_samples": 4},
    "warm_start": {"num_steps": 30, "batch_size": 6},
    "train": {"num_steps": 1, "prompts_per_step": 2, "checkpoint_every_steps": 1},
}
_IS_ALL_THE_SAME = re.compile("pretext|kind|sample id|rate|level|times that|400 digits")
"""What is wrong with fields that rows of a benchmark do not have."""


def _write_video(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, num_frames=12)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put_empty_database(tmp_path / "root" / "mlflow.db")
    return tmp_path / "root"


def _run(env: dict[str, str], workflow: str, root: Path, *arguments: str) -> str:
    command = [
        "run",
        f"workflows/{workflow}.py",
        workflow,
        "--preset=smoke",
        f"--data_root={root}",
        *arguments,
    ]
    done = run_pyflyte(command, env=env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_rows_of_video_r1_are_imported_and_the_others_counted_by_reason(
    pyflyte_env: dict[str, str], tmp_path: Path, root: Path
) -> None:
    _write_video(tmp_path / "set" / "NeXT-QA" / "a.mp4")
    path = "NeXT-QA/a.mp4"
    rows = [
        video_r1(path),
        video_r1(path, problem_type="numerical", options=[], solution="<answer>1,000</answer>"),
        video_r1("x") | PICTURES,
        video_r1(path) | FREE_FORM,
        video_r1(path) | FREE_FORM,
        video_r1("NeXT-QA/gone.mp4"),
    ]
    write_json(tmp_path / "set" / "Video-R1-260k.json", rows)
    _run(pyflyte_env, "import_dataset", root, f"--dataset={tmp_path}/set/Video-R1-260k.json")
    (samples,) = root.glob("imported/*/samples.parquet")
    found = read_rows(Store(str(root)), str(samples.relative_to(root)), Sample)
    assert [(row.answer, row.answer_kind) for row in found] == [("B", "choice"), ("1000", "number")]
    rejected = read_rows(
        Store(str(root)), str(samples.with_name("rejected.parquet").relative_to(root)), Rejection
    )
    assert Counter(row.reason for row in rejected) == {
        "picture instead of a video": 1,
        "answer without a rule": 2,
        "bad videos": 1,
    }
    connection = sqlite3.connect(root / "mlflow.db")
    logged = dict(
        connection.execute("select key, value from metrics where key like 'import/%'").fetchall()
    )
    connection.close()
    assert (logged["import/rejected/answer without a rule"], logged["import/rows"]) == (2, 6)


def test_hostile_rows_are_listed_by_a_diagnosis_and_what_they_hold_is_escaped(
    pyflyte_env: dict[str, str], tmp_path: Path, root: Path
) -> None:
    _write_video(tmp_path / "set" / "longvila_videos" / "a.mp4")
    path, markup = "longvila_videos/a.mp4", "<script>alert('here')</script>"
    good = [
        long_video_reason(path),
        long_video_reason(
            path, problem=f"{markup} Why?\nA. {markup}\nD. none", problem_type=markup
        ),
        rewatch("a.mp4"),
    ]
    hostile = hostile_rows(path, [path])
    hostile |= {"markup in a name": json.dumps(long_video_reason(f"{markup}.mp4")).encode()}
    file = tmp_path / "set" / "train.jsonl"
    file.write_bytes(b"\n".join([*hostile.values(), *(json.dumps(row).encode() for row in good)]))
    out = tmp_path / "out"
    arguments = [f"--dataset={file}", f"--out={out}", "--model=tiny", "--rollouts=2"]
    said = _run(
        pyflyte_env, "diagnose", root, *arguments, '--rewrites=["MiraData/=longvila_videos/"]'
    )
    assert (
        f"{len(hostile) + 3} in the file: 3 answered 2 times each, {len(hostile)} unusable" in said
    )
    assert "x bad layout" in said
    listed = [json.loads(line) for line in (out / "unusable_rows.jsonl").read_text().splitlines()]
    assert sorted(int(row["source"].rsplit(" ", 1)[1]) for row in listed) == list(
        range(len(hostile))
    )
    summary = json.loads((out / "summary.json").read_text())
    assert sum(summary["unusable_by_reason"].values()) == len(hostile)
    (table,) = root.glob("diagnosed/*/rows.parquet")
    rows = read_rows(Store(str(root)), str(table.relative_to(root)), RowDiagnosis)
    assert sorted(row.label for row in rows) == ["A", "D", "D"]
    report = (out / "report.html").read_text()
    assert "<script" not in report
    assert "&lt;script&gt;alert(&#39;here&#39;)" in report


def test_a_model_trains_on_a_published_data_set(
    pyflyte_env: dict[str, str], tmp_path: Path, root: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        _write_video(tmp_path / "set" / name)
    rows = [
        video_r1(
            f"{name}.mp4",
            problem="How many?",
            problem_type="numerical",
            options=[],
            solution=f"<answer>{n}</answer>",
        )
        for name in "ab"
        for n in (1, 2, 3)
    ]
    write_lines(
        tmp_path / "set" / "rows.jsonl", [*rows, video_r1("a.mp4") | FREE_FORM, {"video": "<b>"}]
    )
    _run(
        pyflyte_env,
        "train_dataset",
        root,
        f"--dataset={tmp_path}/set/rows.jsonl",
        f"--overrides={json.dumps(_TINY)}",
    )
    (samples,) = root.glob("imported/*/samples.parquet")
    assert len(read_rows(Store(str(root)), str(samples.relative_to(root)), Sample)) == 6
    (policy,) = root.glob("trained/*/policy")
    assert (policy / "model.safetensors").is_file()
    assert not list(root.glob("evaluated/*")), "nothing is compared or promoted"


def test_hostile_questions_of_ones_own_stay_in_the_denominator(
    pyflyte_env: dict[str, str], tmp_path: Path, root: Path
) -> None:
    folder = tmp_path / "own"
    _write_video(folder / "videos" / "good.mp4")
    good = {
        "video": "good.mp4",
        "question": "What?",
        "options": ["a dog", "a cat"],
        "answer": "A",
        "id": "first",
    }
    hostile = {
        wrong: row
        for wrong, row in hostile_rows("good.mp4", []).items()
        if not _IS_ALL_THE_SAME.search(wrong)
    }
    changes: dict[str, dict[str, object]] = {
        "the same id": {},
        "a long id": {"id": "i" * 300},
        "a long tag": {"id": "t", "tags": {"kind": "t" * 300}},
    }
    hostile |= {wrong: json.dumps(good | change).encode() for wrong, change in changes.items()}
    folder.joinpath("rows.jsonl").write_bytes(
        b"\n".join([json.dumps(good).encode(), *hostile.values()])
    )
    benchmarks = json.dumps({"universal": str(folder)})
    said = _run(pyflyte_env, "evaluate_model", root, "--model=random", f"--benchmarks={benchmarks}")
    assert "universal: no headline" in said
    (predictions,) = root.glob("evaluated/*/universal/predictions.parquet")
    found = read_rows(Store(str(root)), str(predictions.relative_to(root)), Prediction)
    assert len(found) == len(hostile) + 1
    assert [row.sample_id for row in found if not row.failure] == ["universal/first"]
