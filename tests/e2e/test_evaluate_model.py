"""A model on benchmarks through real `pyflyte run` processes: killed at random moments, and run to
the end."""

import json
import random
import sqlite3
import time
from pathlib import Path

import pytest

from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.evaluate.score_benchmark import Prediction
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import REPO_ROOT, run_pyflyte
from tests.helpers.questions import make_benchmark
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow

_EVALUATE = {"questions_per_batch": 2, "min_coverage": 0.9}
_CONDITIONS = json.dumps({"max_frames": 8, "max_area_px": 128 * 128, "max_answer_tokens": 4})


def _command(benchmarks: dict[str, str], root: Path, model: str, **evaluate: object) -> list[str]:
    return [
        *[
            "run",
            "workflows/evaluate_model.py",
            "evaluate_model",
            f"--model={model}",
            "--preset=smoke",
        ],
        *[
            f"--benchmarks={json.dumps(benchmarks)}",
            f"--conditions={_CONDITIONS}",
            f"--data_root={root}",
        ],
        f"--overrides={json.dumps({'evaluate': _EVALUATE | evaluate})}",
    ]


def _results(root: Path) -> dict[str, bytes]:
    """Bytes of every file that is a result."""
    files = (path for path in (root / "evaluated").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_a_run_killed_at_random_moments_ends_as_an_uninterrupted_one(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    folder = make_benchmark(tmp_path / "universal", num_videos=6)
    benchmarks = {"universal": folder.folder}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for root in (whole, killed):
        put_empty_database(root / "mlflow.db")
    done = run_pyflyte(_command(benchmarks, whole, "tiny"), env=pyflyte_env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    command = _command(benchmarks, killed, "tiny")
    wanted = random.Random(0).randint(3, 8)
    process = warm.start(["pyflyte", *command], cwd=REPO_ROOT, env=pyflyte_env)
    while process.poll() is None:
        if len(list(killed.glob("answers/*/universal-*/*.parquet"))) >= wanted:
            break
        time.sleep(0.002)
    assert process.poll() is None, "it ended before it was killed"
    process.kill()
    process.wait()
    num_kept = len(list(killed.glob("answers/*/universal-*/*.parquet")))
    assert wanted <= num_kept < 12

    done = run_pyflyte(command, env=pyflyte_env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert _results(killed) == _results(whole)
    assert len(_results(whole)) == 4, "result, predictions, units, and the table"
    connection = sqlite3.connect(killed / "mlflow.db")
    asked = connection.execute("select value from metrics where key = 'cost/asked'").fetchall()
    connection.close()
    assert asked == [(24 - 2 * num_kept,)], "what was answered is not asked again"


def test_several_benchmarks_become_runs_below_the_models_and_one_table(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    put_empty_database(root / "mlflow.db")
    make_benchmark(tmp_path / "universal", num_videos=2)
    FOLDERS["vcrbench"][0](tmp_path / "vcrbench")
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"universal/0-0": "A", "*": "B"}))
    benchmarks = {name: str(tmp_path / name) for name in ("universal", "vcrbench")}
    command = _command(benchmarks, root, f"scripted:{script}", questions_per_shard=3)
    command.append("--controls")
    done = run_pyflyte(command, env=pyflyte_env)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "| universal | 37.5" in done.stdout  # 0-0, 0-1 and 1-1 of 8
    # A script answers alike whatever it is shown.
    assert "universal: answered blind: 37.5 with grey frames, 37.5 with the video" in done.stdout
    (result,) = root.glob("evaluated/*/universal/result.json")
    controls = json.loads(result.read_text())["controls"]
    assert controls["blind"].keys() == {"grey", "swapped"}
    assert [gain["mean"] for gain in controls["gain_by_seeing"].values()] == [0, 0]
    assert "used more than once" not in done.stderr, "click's warning of flytekit's switches"
    assert "vcrbench: no headline" in done.stdout  # its fixtures lack videos
    assert "vcrbench: 3 questions in the files, the published ones have 365" in done.stdout
    (predictions,) = root.glob("evaluated/*/universal/predictions.parquet")
    rows = read_rows(Store(str(root)), str(predictions.relative_to(root)), Prediction)
    assert sum(row.paper for row in rows) == 3
    connection = sqlite3.connect(root / "mlflow.db")
    parents = dict(
        connection.execute(
            "select r.name, t.value from runs r join tags t using (run_uuid) where t.key = "
            "'mlflow.parentRunId'"
        ).fetchall()
    )
    (parent,) = connection.execute(
        "select run_uuid from runs where name like 'scripted:%'"
    ).fetchone()
    statuses = connection.execute("select distinct status from runs").fetchall()
    gain = connection.execute(
        "select distinct value from metrics where key = 'controls/gain_by_seeing_grey'"
    ).fetchall()
    connection.close()
    assert gain == [(0.0,)]
    assert parents == {"universal": parent, "vcrbench": parent}
    assert statuses == [("FINISHED",)]
