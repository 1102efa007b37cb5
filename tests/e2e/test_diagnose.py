"""A data set of another project diagnosed through a real `pyflyte run` process, by the small
model."""

import json
import re
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.diagnose.judge import RowDiagnosis
from tests.helpers.datasets import release_row, write_frames
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte

pytestmark = pytest.mark.slow

COMMAND = [
    "run",
    "workflows/diagnose.py",
    "diagnose",
    "--preset=smoke",
    "--model=tiny",
    "--rollouts=3",
]


def test_a_released_data_set_is_answered_judged_and_filtered(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "set" / "frames")
    rows = [
        release_row(frames) | {"prompt": [{"role": "user", "content": f"<video>\n{n}: when?"}]}
        for n in range(6)
    ]
    file = tmp_path / "set" / "train.parquet"
    pq.write_table(pa.Table.from_pylist([*rows, release_row(["missing.jpg"])]), file)
    root, out = tmp_path / "root", tmp_path / "out"
    put_empty_database(root / "mlflow.db")
    command = [*COMMAND, f"--dataset={file}", "--limit=4", f"--data_root={root}", f"--out={out}"]
    done = run_pyflyte(command, env=pyflyte_env)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (
        "7 in the file: 4 answered 3 times each, 1 unusable, 0 not shown, 2 beyond the limit"
        in done.stdout
    )
    assert re.search(f"^report +{re.escape(str(out))}/report.html$", done.stdout, re.MULTILINE)
    summary = json.loads((out / "summary.json").read_text())
    assert sum(summary["rows_by_num_correct"]) == 4
    (table,) = root.glob("diagnosed/*/rows.parquet")
    found = read_rows(Store(str(root)), str(table.relative_to(root)), RowDiagnosis)
    assert [len(row.answers) for row in found] == [3] * 4
    assert pq.read_schema(out / "train.teaching.parquet").equals(pq.read_schema(file))
    connection = sqlite3.connect(root / "mlflow.db")
    assert connection.execute("select status from runs").fetchall() == [("FINISHED",)]
    logged = dict(
        connection.execute("select key, value from metrics where key like 'diagnose/%'").fetchall()
    )
    connection.close()
    assert logged["diagnose/num_beyond_limit"] == 2


@pytest.mark.parametrize("model", ["random", ""])
def test_the_random_policy_and_the_presets_model_can_be_diagnosed_with(
    pyflyte_env: dict[str, str], tmp_path: Path, model: str
) -> None:
    frames = write_frames(tmp_path / "set" / "frames")
    file = tmp_path / "set" / "train.parquet"
    pq.write_table(pa.Table.from_pylist([release_row(frames)]), file)
    put_empty_database(tmp_path / "root" / "mlflow.db")
    options = [f"--model={model}", f"--dataset={file}", f"--data_root={tmp_path}/root"]
    done = run_pyflyte([*COMMAND, *options], env=pyflyte_env)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "1 in the file: 1 answered 3 times each" in done.stdout


def test_a_data_set_without_videos_ends_in_one_line(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"video": "missing.mp4", "question": "?", "answer": "A"}')
    done = run_pyflyte(
        [*COMMAND, f"--dataset={file}", f"--data_root={tmp_path}/root"], env=pyflyte_env
    )
    assert done.returncode == 1
    assert "none of the 1 rows" in done.stdout + done.stderr
    assert "no file 'missing.mp4'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
