"""What a run says of versions: the same whenever it is said, and of whom it is."""

from dataclasses import replace

import pytest

from tasks.core.config import RetrainConfig
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.promote.scores_file import VersionScore, read_scores
from tasks.tracking.memory_tracker import MemoryTracker
from tests.helpers.finished_nights import CONFIG, run_nights
from tests.helpers.memory_registry import MemoryRegistry

pytestmark = pytest.mark.slow
FILE = "scores/videossr/scores.json"


def end(
    root: str, run_id: str, registry: MemoryRegistry, config: RetrainConfig = CONFIG
) -> MemoryTracker:
    """The first night, in a run of this id."""
    tracker = MemoryTracker()
    run_nights([Run(data_root=root, run_id=run_id, preset="")], registry, [tracker], config)
    return tracker


def rows(root: str, version: str) -> dict[str, VersionScore]:
    """The newest of a version by place."""
    return {
        row.place: row for row in read_scores(Store(root), "videossr") if row.version == version
    }


def test_the_same_command_again_leaves_the_same_bytes(data_root: str) -> None:
    """Of a run that was cut off, and of one that ended: then its challenger is the champion."""
    registry, store = MemoryRegistry(), Store(data_root)
    end(data_root, "r1", registry)
    written = store.read_bytes(FILE), store.read_bytes("scores/videossr/runs/r1.json")
    for run_id in ("r1", "r2"):
        tracker = end(data_root, run_id, registry)
        assert tracker.files["scores.json"] == written[0]
        assert len(tracker.tables["scores_table.json"]) == 7
        known = store.read_bytes(FILE), store.read_bytes("scores/videossr/runs/r1.json")
        assert known == written


def test_a_version_is_said_to_have_become_champion_only_if_it_did(data_root: str) -> None:
    rules = replace(CONFIG.promote, must_win=("mme",))
    end(data_root, "r1", MemoryRegistry(), replace(CONFIG, promote=rules))
    assert not any(row.promoted for row in read_scores(Store(data_root), "videossr"))


def test_who_answered_in_the_place_of_a_policy_is_named_where_it_did(data_root: str) -> None:
    answerers = {"after": "scripted:a.json", "base": "http://host/v1#b"}
    evaluate = replace(CONFIG.evaluate, answerers=answerers)
    end(data_root, "r1", MemoryRegistry(), replace(CONFIG, evaluate=evaluate))
    found = {place: row.answerer for place, row in rows(data_root, "1").items()}
    assert found == {"heldout": "", "viubench": "", "mme": "scripted:a.json"}
    assert rows(data_root, "base")["mme"].answerer == "http://host/v1#b"
    assert rows(data_root, "1/before")["mme"].answerer == ""


def test_other_sampling_is_another_set_of_questions(data_root: str) -> None:
    registry = MemoryRegistry()
    end(data_root, "r1", registry)
    before = rows(data_root, "1")
    end(data_root, "r2", registry, replace(CONFIG, rollout=replace(CONFIG.rollout, temperature=2)))
    after = rows(data_root, "1")
    # VIUBench is answered greedily, whatever the temperature.
    assert {place for place in before if after[place].questions != before[place].questions} == {
        "heldout"
    }
