"""VIUBench through real `pyflyte run` processes, at smoke size, on generated clips: built, then
guessed at."""

import json
import math
from pathlib import Path

import pytest

from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.viubench import VIUBENCH_TYPES
from tasks.evaluate.score_benchmark import Prediction
from tasks.video.generate import generate_clips
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte

pytestmark = pytest.mark.slow


def _run(env: dict[str, str], root: Path, workflow: str, *options: str) -> str:
    file = f"workflows/{workflow}.py"
    done = run_pyflyte(
        ["run", file, workflow, "--preset=smoke", f"--data_root={root}", *options], env=env
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_a_folder_of_videos_becomes_a_benchmark_that_random_answers_are_scored_on(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "root"
    put_empty_database(root / "mlflow.db")
    generate_clips(tmp_path / "videos", num_clips=4, seed=0)
    printed = _run(
        pyflyte_env, root, "build_viubench", f"--videos={tmp_path / 'videos'}", "--items_per_type=2"
    )
    (folder,) = root.glob("benchmarks/viubench-*")
    assert str(folder) in printed
    assert {path.name for path in folder.iterdir()} == {
        "items.parquet",
        "clips.parquet",
        "card.md",
        "card.json",
    }
    card = json.loads((folder / "card.json").read_text())
    assert {name: part["found"] for name, part in card["types"].items()} == dict.fromkeys(
        VIUBENCH_TYPES, 2
    )
    assert len(card["videos"]) == 4
    decks = [path.read_text() for path in Path(pyflyte_env["TMPDIR"]).rglob("deck.html")]
    assert [deck.count("data:image/png;base64,") for deck in decks] == [12]
    assert "counting · shapes" in decks[0]

    options = ["--model=random", f"--benchmarks={json.dumps({'viubench': str(folder)})}"]
    printed = _run(pyflyte_env, root, "evaluate_model", *options)
    (file,) = root.glob("evaluated/*/viubench/result.json")
    result = json.loads(file.read_text())["result"]
    assert (result["num_items"], result["num_missing"], result["num_unparsed"]) == (18, 0, 0)
    assert result["deviations"] == []
    assert json.loads(file.read_text())["paper"] == [], (
        "these are not the questions of the paper's rows"
    )
    assert result["breakdown"]["type"].keys() == VIUBENCH_TYPES.keys()
    assert 0 < abs(result["headline"]["mean"] - card["chance"]["mean"]) < 4 * card["chance"]["se"]
    assert f"{100 * result['headline']['mean']:.1f}" in printed
    assert "grounding_mirror" in printed
    rows = read_rows(
        Store(str(root)), f"{file.parent.relative_to(root)}/predictions.parquet", Prediction
    )
    assert math.isclose(sum(row.paper for row in rows) / len(rows), result["headline"]["mean"])

    # The tiny model is shown the altered frames, with the system prompt of training.
    options[0] = "--model=tiny"
    _run(
        pyflyte_env,
        root,
        "evaluate_model",
        *options,
        "--limit=3",
        '--conditions={"max_answer_tokens": 4}',
    )
    kept = [json.loads(path.read_text()) for path in root.glob("evaluated/*/viubench/result.json")]
    (tiny,) = (found for found in kept if found["model"] == "tiny")
    assert (tiny["num_available"], tiny["result"]["num_items"], tiny["result"]["num_missing"]) == (
        18,
        3,
        0,
    )
    assert tiny["num_vision_tokens"] > 0
