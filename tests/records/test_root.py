"""A data root and registry of an earlier commit: today's code goes on with them."""

import json
import logging
import sqlite3
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks.core.digest import digest_of_folder
from tasks.core.errors import InputError
from tasks.core.latest import find_manifests, latest_clips
from tasks.core.manifest import read_rows
from tasks.core.scores import SampleScore
from tasks.core.store import Store
from tasks.core.types import Clip, Rollout, Run, Sample
from tasks.promote.rollback import fetch_champion, move_champion
from tasks.tracking.run import open_registry
from tasks.tracking.tracker import ModelRegistry, RegisteredModel
from tests.helpers.pyflyte import run_pyflyte
from tests.records.root import LAST_SEED, MODEL, OLDER_MODEL, Root, unpack

pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return unpack(tmp_path)


@pytest.fixture
def store(root: Root) -> Store:
    return Store(str(root.data_root))


@pytest.fixture
def registry(root: Root) -> ModelRegistry:
    return open_registry(Run(data_root=str(root.data_root), run_id="", preset=""))


def _champion(registry: ModelRegistry, name: str) -> RegisteredModel:
    champion = registry.standing(name).champion
    assert champion is not None
    return champion


def test_the_champion_is_the_version_that_was_rolled_back_to(
    registry: ModelRegistry, root: Root
) -> None:
    champion = _champion(registry, MODEL)
    assert champion.version == "1"
    assert champion.policy.digest == digest_of_folder(root.data_root / champion.policy.key)
    assert champion.tags["videossr.code"].startswith("496260d")


def test_the_champion_s_history_is_known(registry: ModelRegistry) -> None:
    assert [(move.before, move.version) for move in registry.standing(MODEL).moves] == [("", "1")]
    assert registry.standing(OLDER_MODEL).moves == ()


def test_a_champion_without_digest_gets_the_one_of_its_files(
    registry: ModelRegistry, root: Root, caplog: pytest.LogCaptureFixture
) -> None:
    assert "videossr.policy_digest" not in _tags(root, OLDER_MODEL)
    with caplog.at_level(logging.INFO):
        found = [_champion(registry, OLDER_MODEL) for _ in range(2)]
    digest = _champion(registry, MODEL).policy.digest
    assert [champion.policy.digest for champion in found] == [digest, digest]
    assert _tags(root, OLDER_MODEL)["videossr.policy_digest"] == digest
    assert [
        record.message for record in caplog.records if "without a digest" in record.message
    ] == [
        f"{OLDER_MODEL} version 1 was registered without a digest: it gets that of its files, "
        f"{digest}"
    ]


def test_a_champion_without_digest_and_files_stays_as_it_is(
    registry: ModelRegistry, store: Store, root: Root
) -> None:
    store.delete(_champion(registry, MODEL).policy.key)
    assert _champion(registry, OLDER_MODEL).policy.digest == ""
    assert "videossr.policy_digest" not in _tags(root, OLDER_MODEL)


def test_rollback_knows_the_versions_and_says_which_files_are_gone(
    registry: ModelRegistry, store: Store
) -> None:
    assert (
        move_champion(store, registry, MODEL, "1") == f"{MODEL}: version 1 is the champion already"
    )
    with pytest.raises(InputError, match=r"version 2 .* its files are not in the data root"):
        move_champion(store, registry, MODEL, "2")
    assert (
        move_champion(store, registry, OLDER_MODEL, "1")
        == f"{OLDER_MODEL}: version 1 is the champion already"
    )


def test_the_command_rolls_back_to_the_version_that_is_named(
    root: Root, pyflyte_env: dict[str, str]
) -> None:
    args = [f"--model_name={MODEL}", "--version=3", f"--data_root={root.data_root}"]
    done = run_pyflyte(["run", "workflows/rollback.py", "rollback", *args], env=pyflyte_env)
    assert done.returncode == 1
    assert f"model '{MODEL}' has no version '3'" in done.stdout + done.stderr


def test_the_champion_can_be_served_from_there(
    registry: ModelRegistry, store: Store, tmp_path: Path
) -> None:
    for name in (MODEL, OLDER_MODEL):
        assert fetch_champion(store, registry, name, tmp_path / name).version == "1"
        assert (tmp_path / name / "model.safetensors").is_file()


def test_the_latest_data_set_can_be_read(store: Store) -> None:
    samples, clips = find_manifests(store, "", "")
    known = {clip.clip_id for clip in read_rows(store, clips, Clip)}
    assert {
        view.clip_id for sample in read_rows(store, samples, Sample) for view in sample.views
    } <= known


def test_rows_that_held_more_are_still_read(store: Store, root: Root) -> None:
    for pattern, row_type in (
        ("calibrated/*/rollouts.parquet", Rollout),
        ("evaluated/*/predictions.parquet", SampleScore),
    ):
        files = sorted(root.data_root.glob(pattern))
        assert files
        for path in files:
            needed = {field.name for field in fields(row_type) if field.default is MISSING}
            assert set(pq.read_schema(path).names) > needed, "nothing to leave out"
            assert read_rows(store, str(path.relative_to(root.data_root)), row_type)


def test_the_same_command_continues_with_the_split_and_the_stored_champion(
    root: Root, store: Store, pyflyte_env: dict[str, str]
) -> None:
    before = {clip.source: clip.split for clip in latest_clips(store)}
    done = run_pyflyte(root.retrain(LAST_SEED), env=pyflyte_env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    summary: dict[str, Any] = json.loads((root.data_root / "summary.json").read_text())
    assert summary["counts"]["ingest"]["reused"] == 0, (
        "work of an earlier version is not taken for today's"
    )
    # The lowest hashes of half the folder would be three: one of them was in training.
    assert {clip.source: clip.split for clip in latest_clips(store)} == before
    assert summary["clips"]["by_split"] == {"heldout": 2, "train": 4}
    decision = summary["decision"]
    assert (decision["promoted"], decision["compared_with"], decision["champion"]) == (
        False,
        "champion",
        "1",
    )
    assert "champion version 1" in decision["reason"]
    assert summary["heldout"]["champion"]["no_interval"] == "2 videos: no interval"


def _tags(root: Root, name: str) -> dict[str, str]:
    connection = sqlite3.connect(root.data_root / "mlflow.db")
    try:
        return dict(
            connection.execute(
                "select key, value from model_version_tags where name = ?", (name,)
            ).fetchall()
        )
    finally:
        connection.close()
