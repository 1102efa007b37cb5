"""A smoke run on nine generated clips that Ctrl-C ended in the middle of training.

It is made once in a test session: one story goes on with it, others start from a copy of its data
root.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tasks.video.generate import generate_clips
from tests.helpers.made_once import made_once
from tests.helpers.pyflyte import REPO_ROOT, isolated_env

SMALL: dict[str, dict[str, object]] = {
    "perturb": {"viubench_items_per_type": 1},
    "warm_start": {"batch_size": 4},
}
"""Its overrides: about as little as gives a policy whose answers differ."""
_UP_TO_THE_WARM_START = (
    "frames",
    "ingest",
    "ingested",
    "planned",
    "perturbed",
    "validated",
    "policies",
)


class InterruptedRun(NamedTuple):
    """Where it was, as it was left, and its exit code; `videos` has one file that is no video."""

    folder: Path
    exit_code: int


def retrain_args(folder: Path, **overrides: object) -> list[str]:
    """The command line of a smoke run in `folder`, on the videos there; `overrides` come on top of
    `SMALL`."""
    return [
        *[
            "run",
            "workflows/retrain.py",
            "retrain",
            "--preset=smoke",
            f"--videos={folder / 'videos'}",
        ],
        *[f"--data_root={folder / 'root'}", f"--overrides={json.dumps(SMALL | overrides)}"],
    ]


def interrupted_run() -> InterruptedRun:
    """The run itself; whoever goes on in its folder is the only one."""
    made = made_once("smoke", _make)
    return InterruptedRun(made / "run", int((made / "exit_code").read_text()))


def copy_started_run(folder: Path) -> None:
    """Its `videos`, and its data root (`root`) up to the warm start, in `folder`, which has
    neither."""
    shutil.copytree(made_once("smoke", _make) / "started", folder, dirs_exist_ok=True)


def _make(folder: Path) -> None:
    run = folder / "run"
    run.mkdir()
    (folder / "exit_code").write_text(str(_interrupt(run)))
    for name in ("videos", *(f"root/{name}" for name in _UP_TO_THE_WARM_START)):
        shutil.copytree(run / name, folder / "started" / name)


def _interrupt(folder: Path) -> int:
    """A cold interpreter, as a person starts it, ended in the middle of training."""
    generate_clips(folder / "videos", num_clips=9, seed=0)
    (folder / "videos" / "broken.mp4").write_bytes(b"not a video")
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("pyflyte")), *retrain_args(folder)],
        cwd=REPO_ROOT,
        env=isolated_env(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list(folder.glob("root/trained/*/checkpoints/*/contents.json")):
        assert process.poll() is None, "the run ended before it could be interrupted"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    return process.wait()
