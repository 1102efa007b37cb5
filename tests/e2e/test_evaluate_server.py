"""A model server on a benchmark through real `pyflyte run` processes: its answers belong to one
run."""

import json
from pathlib import Path

import pytest

from tests.helpers.chat_server import chat_server
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import run_pyflyte
from tests.helpers.questions import make_benchmark

pytestmark = pytest.mark.slow


def _command(folder: str, root: Path, model: str) -> list[str]:
    return [
        *[
            "run",
            "workflows/evaluate_model.py",
            "evaluate_model",
            f"--model={model}",
            "--preset=smoke",
        ],
        *[f"--benchmarks={json.dumps({'universal': folder})}", f"--data_root={root}"],
        '--conditions={"max_frames": 8, "max_area_px": 16384, "max_answer_tokens": 4}',
        '--overrides={"evaluate": {"questions_per_batch": 2}}',
    ]


def test_a_server_is_asked_once_in_a_run_however_often_it_is_cut_off_and_anew_in_the_next_one(
    pyflyte_env: dict[str, str], tmp_path: Path
) -> None:
    folder, root = make_benchmark(tmp_path / "universal", num_videos=2).folder, tmp_path / "root"
    put_empty_database(root / "mlflow.db")
    with chat_server() as server:
        command = _command(folder, root, server.address)
        server.fails_after = 4
        done = run_pyflyte(command, env=pyflyte_env)
        assert done.returncode != 0
        assert "the server failed" in done.stdout + done.stderr
        server.fails_after = None
        done = run_pyflyte(command, env=pyflyte_env)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "| universal | 25.0" in done.stdout  # A is right for one question of four
        assert list(server.answered.values()) == [1] * 8, "what was answered is not asked again"
        server.says = "no idea"  # other weights under the same address and name
        done = run_pyflyte(command, env=pyflyte_env)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert "| universal | 0.0" in done.stdout
        assert list(server.answered.values()) == [2] * 8
