"""A data root with its MLflow registry as commit 496260d wrote them: what comes after continues it,
or refuses it.

Two runs of the main job, smaller than the smoke preset, with seeds 1 and 0 in turn; the first one's
model is champion. A second registered model has a champion without a digest, as no run of today
registers one. Left out is what going on does not need (policies that are no champion, pictures,
pages), and the champion's scores on the last run's questions, so that who goes on asks the stored
champion.

`python -m tests.records.root` writes such an archive with the code it is run in, which takes
minutes.
"""

import io
import json
import logging
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import isolated_env, run_pyflyte

ARCHIVE = Path(__file__).parent / "root.tar.xz"
MODEL = "videossr-demo"
OLDER_MODEL = "videossr-older"
FIRST_SEED, LAST_SEED = 1, 0
_ELSEWHERE = "/written/by/496260d"
"""Stands in the archive for the folder that it is unpacked to: MLflow keeps absolute paths."""
_NUM_CLIPS = 6
_OVERRIDES = {
    "ingest": {"heldout_share": 0.5},
    "perturb": {"levels": [0.0], "viubench_items_per_type": 1},
    "validate": {"num_rerendered": 4},
    "model": {"tiny_hidden_size": 32, "tiny_num_layers": 1, "dtype": "bfloat16"},
    "calibrate": {"max_rollouts": 48, "num_samples": 8},
    "warm_start": {"num_steps": 60},
    "train": {"num_steps": 3, "prompts_per_step": 4, "learning_rate": 2e-3, "zero_stage": 1},
}


@dataclass(frozen=True)
class Root:
    """Where it lies."""

    videos: Path
    data_root: Path

    def retrain(self, seed: int) -> list[str]:
        """The command of a run, as it was given."""
        overrides = json.dumps(_OVERRIDES | {"seed": seed})
        return [
            *[
                "run",
                "workflows/retrain.py",
                "retrain",
                "--preset",
                "smoke",
                f"--overrides={overrides}",
            ],
            *[f"--videos={self.videos}", f"--data_root={self.data_root}"],
        ]


def unpack(folder: Path) -> Root:
    """The archive below `folder`, which takes the place of where it was written."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    _replace_text(folder / "root" / "mlflow.db", _ELSEWHERE, str(folder))
    return Root(folder / "videos", folder / "root")


def write(folder: Path, archive: Path) -> None:
    """Run everything below `folder`, and pack what is needed to go on."""
    found = Root(folder / "videos", folder / "root")
    generate_clips(found.videos, num_clips=_NUM_CLIPS, seed=0)
    env = isolated_env(folder, folder / "torch_extensions")
    for seed in (FIRST_SEED, LAST_SEED):
        _run(found.retrain(seed), env)
    name = [f"--model_name={MODEL}", "--version=1", f"--data_root={found.data_root}"]
    _run(["run", "workflows/rollback.py", "rollback", *name], env)
    champion = _register_older(found)
    _strip(found.data_root, champion)
    _replace_text(found.data_root / "mlflow.db", str(folder), _ELSEWHERE)
    _pack(folder, archive)


def _run(args: list[str], env: dict[str, str]) -> None:
    done = run_pyflyte(args, env=env)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, args, done.stdout, done.stderr)
    logging.info(done.stdout)


def _register_older(root: Root) -> Path:
    """A champion without digest, on the files of the real one; returns their folder."""
    client = MlflowClient(f"sqlite:///{root.data_root}/mlflow.db")
    champion = client.get_model_version_by_alias(MODEL, "champion")
    client.create_registered_model(OLDER_MODEL)
    key = champion.tags["videossr.policy_key"]
    made = client.create_model_version(
        OLDER_MODEL, str(champion.source), tags={"videossr.policy_key": key}
    )
    client.set_registered_model_alias(OLDER_MODEL, "champion", made.version)
    return root.data_root / key


def _strip(root: Path, champion: Path) -> None:
    for folder in [*root.glob("trained/*/policy"), *root.glob("policies/*/policy")]:
        if folder != champion:
            shutil.rmtree(folder)
    for output in root.glob("evaluated/*/output.json"):
        if json.loads(output.read_text())["scores"]["name"] == "champion":
            shutil.rmtree(output.parent)
    for name in ("mlartifacts", "scratch"):
        shutil.rmtree(root / name, ignore_errors=True)
    for page in [*root.rglob("*.html"), *root.rglob("*.png")]:
        page.unlink()
    with sqlite3.connect(root / "mlflow.db") as connection:
        connection.execute("delete from metrics where key not in ('reward/mean')")
        connection.execute("delete from latest_metrics where key not in ('reward/mean')")
    connection.execute("vacuum")
    connection.close()


def _replace_text(database: Path, old: str, new: str) -> None:
    connection = sqlite3.connect(database)
    with connection:
        tables = [
            name
            for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
        ]
        for table in tables:
            for _, column, *_ in connection.execute(f"pragma table_info({table})").fetchall():
                change = (
                    f"update {table} set {column} = replace({column}, ?, ?) where "
                    f"instr({column}, ?)"
                )
                connection.execute(change, (old, new, old))
    connection.close()


def _pack(folder: Path, archive: Path) -> None:
    """Sorted and without times, so that equal content is an equal archive."""
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for path in sorted(
            p for name in ("videos", "root") for p in (folder / name).rglob("*") if p.is_file()
        ):
            entry = tarfile.TarInfo(str(path.relative_to(folder)))
            entry.size, entry.mode = path.stat().st_size, 0o644
            packed.addfile(entry, io.BytesIO(path.read_bytes()))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory(prefix="videossr-root-") as place:
        write(Path(place), ARCHIVE)
