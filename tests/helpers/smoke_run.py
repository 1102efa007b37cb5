"""A finished smoke run on nine generated clips: made once in a test session, copied by whoever goes on from it."""

import fcntl
import json
import shutil
from pathlib import Path

from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import isolated_env, run_pyflyte
from tests.helpers.warm.process import session_folder

SMALL = {"perturb": {"viubench_items_per_type": 1}}
"""Its overrides."""
_UP_TO_THE_WARM_START = ("frames", "ingest", "ingested", "planned", "perturbed", "validated", "policies")


def retrain_args(folder: Path, **overrides: object) -> list[str]:
    """The command line of a smoke run in `folder`, on the videos there; `overrides` come on top of `SMALL`."""
    return [
        *["run", "workflows/retrain.py", "retrain", "--preset=smoke", f"--videos={folder / 'videos'}"],
        *[f"--data_root={folder / 'root'}", f"--overrides={json.dumps(SMALL | overrides)}"],
    ]


def copy_started_run(folder: Path) -> None:
    """Its `videos`, and its data root (`root`) up to the warm start, in `folder`, which has neither."""
    kept = session_folder() / "smoke"
    with (session_folder() / "smoke.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "root" / "summary.json").exists():
            kept.mkdir()
            generate_clips(kept / "videos", num_clips=9, seed=0)
            done = run_pyflyte(retrain_args(kept), env=isolated_env(kept))
            assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    shutil.copytree(kept / "videos", folder / "videos")
    for name in _UP_TO_THE_WARM_START:
        shutil.copytree(kept / "root" / name, folder / "root" / name)
