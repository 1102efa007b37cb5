"""VIUBench through real `pyflyte run` processes, at smoke size, on generated clips: built, then guessed at."""

import json
import math
import sqlite3
from pathlib import Path

import pytest

from tasks.core.manifest import read_rows
from tasks.core.scores import SampleScore
from tasks.core.store import Store
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import run_pyflyte

pytestmark = pytest.mark.slow


def _run(env: dict[str, str], root: Path, workflow: str, *options: str) -> str:
    file = f"workflows/{workflow}.py"
    done = run_pyflyte(["run", file, workflow, "--preset=smoke", f"--data_root={root}", *options], env=env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_a_folder_of_videos_becomes_a_benchmark_that_random_answers_are_scored_on(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    generate_clips(tmp_path / "videos", num_clips=4, seed=0)
    printed = _run(pyflyte_env, root, "build_viubench", f"--videos={tmp_path / 'videos'}", "--items_per_type=2")
    (folder,) = root.glob("benchmarks/viubench-*")
    assert str(folder) in printed
    assert {path.name for path in folder.iterdir()} == {"items.parquet", "clips.parquet", "card.md", "card.json"}
    card = json.loads((folder / "card.json").read_text())
    assert {name: part["found"] for name, part in card["types"].items()} == dict.fromkeys(VIUBENCH_TYPES, 2)
    assert len(card["videos"]) == 4
    decks = [path.read_text() for path in Path(pyflyte_env["TMPDIR"]).rglob("deck.html")]
    assert [deck.count("data:image/png;base64,") for deck in decks] == [12]
    assert "counting · shapes" in decks[0]

    printed = _run(pyflyte_env, root, "evaluate_viubench", f"--benchmark={folder}", "--policy=random")
    (file,) = root.glob(f"evaluated/{folder.name}/*/scores.json")
    scores = json.loads(file.read_text())
    overall = scores["by_type"]["mean of types"]
    assert (overall["num_items"], overall["parsed_share"], overall["num_failed"]) == (18, 1, 0)
    assert overall["chance"] == card["chance"]
    assert 0 < abs(overall["mean"] - overall["chance"]["mean"]) < 4 * overall["chance"]["se"]
    assert f"{overall['mean']:.4f} ± {overall['se']:.4f}" in printed
    rows = read_rows(Store(str(root)), scores["predictions"]["key"], SampleScore)
    assert math.isclose(sum(row.score for row in rows) / len(rows), overall["mean"])
    connection = sqlite3.connect(root / "mlflow.db")
    assert set(connection.execute("select status from runs").fetchall()) == {("FINISHED",)}
    logged = dict(connection.execute("select key, value from metrics where key like 'viubench/%'").fetchall())
    connection.close()
    assert logged["viubench/mean_of_types"] == pytest.approx(overall["mean"])
    assert len(logged) == 1 + len(VIUBENCH_TYPES)
