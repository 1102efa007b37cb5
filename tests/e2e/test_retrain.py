"""The main job through real `pyflyte run` processes, at smoke size, on generated clips.

The tests of this file are one story, in order: cut off, gone on, run again, run with one more
video.
"""

import json
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from transformers import AutoProcessor, Qwen3VLForConditionalGeneration

from tasks.video.generate import generate_clips
from tests.helpers.pyflyte import REPO_ROOT, isolated_env, run_pyflyte
from tests.helpers.smoke_run import interrupted_run, retrain_args

pytestmark = pytest.mark.slow


class Place(NamedTuple):
    """Where the story plays."""

    videos: Path
    root: Path
    env: dict[str, str]

    def args(self, **overrides: object) -> list[str]:
        return retrain_args(self.root.parent, **overrides)

    def retrain(self, **overrides: object) -> str:
        done = run_pyflyte(self.args(**overrides), env=self.env)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.root / "summary.json").read_text())
        return summary

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.root / "mlflow.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place() -> Place:
    folder, _ = interrupted_run()
    return Place(folder / "videos", folder / "root", isolated_env(folder))


def test_ctrl_c_in_the_middle_leaves_a_run_marked_as_killed(place: Place) -> None:
    assert interrupted_run().exit_code != 0
    assert not (place.root / "summary.json").exists()
    assert place.rows("select status from runs") == [("KILLED",)]


def test_the_same_command_goes_on_and_ends_with_everything_in_its_place(place: Place) -> None:
    printed = place.retrain()
    summary = place.summary()
    assert summary["clips"]["accepted"] == 9
    assert summary["clips"]["rejected_by_reason"] == {"not a video": 1}
    assert summary["counts"]["ingest"]["new"] == 0, "ingested before the interruption"
    assert summary["counts"]["warm_start"]["reused"] == 1
    assert summary["training"]["steps"] == 6, "two of them from the checkpoint"
    assert summary["heldout"]["before"]["num_items"] == summary["samples"]["by_split"]["heldout"]
    assert len(summary["viubench"]["after"]["by_type"]) == 9
    assert "held-out reward" in printed
    assert str(place.root) in printed
    assert Path(summary["report"]).read_text().startswith("<!doctype html>")
    assert place.rows("select status from runs") == [("FINISHED",)], (
        "the interrupted run was gone on with"
    )


def test_mlflow_holds_params_curves_datasets_and_the_registered_model(place: Place) -> None:
    assert ("train.num_steps", "6") in place.rows("select key, value from params")
    steps = place.rows("select distinct step from metrics where key = 'reward/mean' order by step")
    assert steps == [(step,) for step in range(6)]
    assert {"clips", "samples", "selected samples"} <= {
        name for (name,) in place.rows("select name from datasets")
    }
    assert place.rows("select name, version from model_versions") == [("videossr-demo", 1)]


def test_the_challenger_is_a_hugging_face_folder_with_safetensors(place: Place) -> None:
    (folder,) = place.root.glob("trained/*/policy")
    model = Qwen3VLForConditionalGeneration.from_pretrained(folder)
    assert (
        AutoProcessor.from_pretrained(folder).tokenizer.eos_token_id
        == model.generation_config.eos_token_id
    )
    assert [path.suffix for path in folder.iterdir() if path.name.startswith("model")] == [
        ".safetensors"
    ]


def test_nothing_is_written_outside_the_data_root(place: Place) -> None:
    assert not (REPO_ROOT / "mlruns").exists()
    # What libraries keep for themselves (fonts, settings) lies in the home's hidden folders.
    assert {path.name for path in (place.root.parent / "home").iterdir()} <= {".cache", ".config"}


def test_a_second_run_reuses_every_stage(place: Place) -> None:
    before = place.summary()
    place.retrain()
    counts = place.summary()["counts"]
    assert counts["ingest"]["new"] == 0
    assert counts["perturb"]["new_clips"] == 0
    assert counts["train"]["reused"] == 1
    assert place.summary()["heldout"] == before["heldout"] | {
        key: value
        for key, value in place.summary()["heldout"].items()
        if key in ("champion", "gain_over_champion")
    }


def test_one_more_video_and_two_rounds_start_from_the_plan_of_the_run_before(place: Place) -> None:
    generate_clips(place.videos, num_clips=10, seed=0)
    place.retrain(rounds=2)
    summary = place.summary()
    counts = summary["counts"]
    assert counts["ingest"]["new"] == 1
    # No plan changes what held-out clips get; the new one may be one of them.
    heldout = summary["clips"]["by_split"]["heldout"]
    assert counts["perturb"]["reused_clips"] in (heldout - 1, heldout)
    plan = place.rows("select value from tags where key = 'videossr.difficulty_plan_round'")
    assert sorted(plan) == [("0",), ("0",), ("1",)], "three runs, the first two of the same inputs"
    assert summary["training"]["steps"] == 12
    assert len(summary["calibration"]["levels"]) == 2
    assert counts["calibrate round 2"]["rollouts"] > 0
    assert {"before", "round 1", "after"} <= summary["heldout"].keys()
    steps = place.rows("select max(step) from metrics where key = 'reward/mean'")
    assert steps == [(11,)], "the second round goes on with the first one's curves"
