"""The same command again: beside itself, after its files were damaged or removed, after its model
was replaced."""

import os
import shutil
import signal
import sqlite3
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.pyflyte import REPO_ROOT, isolated_env, run_pyflyte
from tests.helpers.smoke_run import SMALL, copy_started_run, retrain_args
from tests.helpers.videos import write_video
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy_started_run(tmp_path)
    return tmp_path


@pytest.fixture
def env(folder: Path) -> dict[str, str]:
    return isolated_env(folder)


def _weights(root: Path) -> Path:
    [weights] = root.glob("policies/*/policy/model.safetensors")
    return weights


def _flip_bits(path: Path) -> None:
    data = np.fromfile(path, dtype=np.uint8)
    data[len(data) // 2 : len(data) // 2 + 4] ^= 1
    data.tofile(path)


def _rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(root / "mlflow.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_of_two_equal_commands_one_works_and_the_other_ends_with_one_line(
    folder: Path, env: dict[str, str]
) -> None:
    command = ["pyflyte", *retrain_args(folder)]
    with ExitStack() as stack:
        files = [stack.enter_context((folder / f"out-{number}").open("wb")) for number in range(2)]
        both = [
            warm.start(command, cwd=REPO_ROOT, env=env, stdout=file, stderr=file) for file in files
        ]
        codes = [process.wait() for process in both]
    assert sorted(codes) == [0, 1]
    refused = (folder / f"out-{codes.index(1)}").read_text()
    assert f"the same job is at work already: process {both[codes.index(0)].pid} on" in refused
    assert "Traceback" not in refused
    assert _rows(folder / "root", "select status from runs") == [("FINISHED",)]
    steps = _rows(
        folder / "root",
        "select step, count(*) from metrics where key = 'reward/mean' group by step",
    )
    assert steps == [(step, 1) for step in range(6)], "nothing is done, or written down, twice"


def test_a_start_on_arrival_ends_well_beside_an_equal_run(
    folder: Path, env: dict[str, str]
) -> None:
    write_video(folder / "videos" / "new.mp4", num_frames=70)
    args = retrain_args(folder)
    running = warm.start(["pyflyte", *args], cwd=REPO_ROOT, env=env)
    try:
        while not list(folder.glob("root/leases/*/*.json")):
            assert running.poll() is None
            time.sleep(0.01)
        os.killpg(running.pid, signal.SIGSTOP)
        on_arrival = [
            {
                "workflows/retrain.py": "workflows/retrain_if_new.py",
                "retrain": "retrain_if_new",
            }.get(a, a)
            for a in args
        ]
        done = run_pyflyte(on_arrival, env=env)
    finally:
        running.kill()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "new videos          10 of 11" in done.stdout, "the run that had the others never ended"
    assert f"at work already     process {running.pid} on" in done.stdout


def test_damaged_weights_are_not_trained_from(folder: Path, env: dict[str, str]) -> None:
    _flip_bits(_weights(folder / "root"))
    done = run_pyflyte(retrain_args(folder), env=env)
    assert done.returncode == 1
    assert f"{_weights(folder / 'root')} is not what was written" in done.stdout + done.stderr
    assert not list(folder.glob("root/trained/*/output.json"))

    shutil.rmtree(_weights(folder / "root").parent)  # what the line says
    done = run_pyflyte(retrain_args(folder), env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is gone: what" in done.stdout + done.stderr


def test_a_model_folder_whose_weights_were_replaced_is_another_model(
    folder: Path, env: dict[str, str]
) -> None:
    base = folder / "base"
    shutil.copytree(_weights(folder / "root").parent, base)
    args = retrain_args(
        folder, model={"base": str(base)}, warm_start=SMALL["warm_start"] | {"num_steps": 0}
    )
    made = []
    for _ in range(2):
        done = run_pyflyte(args, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        made.append({path.parent.name for path in folder.glob("root/trained/*/output.json")})
        _flip_bits(base / "model.safetensors")
    assert len(made[0]) == 1
    assert len(made[1]) == 2, "trained anew from what lies there now"
