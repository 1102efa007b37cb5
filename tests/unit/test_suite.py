import json
from collections import Counter
from pathlib import Path

import pytest

from tasks.benchmarks.questions import list_suite, read_suite, video_of
from tasks.benchmarks.records import BenchmarkFolder, Questions
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.types import Sample
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.questions import make_benchmark

pytestmark = pytest.mark.slow


def _samples(store: Store, questions: Questions) -> list[list[Sample]]:
    return [read_rows(store, shard.questions.key, Sample) for shard in questions.shards]


@pytest.fixture(scope="module")
def universal(tmp_path_factory: pytest.TempPathFactory) -> BenchmarkFolder:
    return make_benchmark(tmp_path_factory.mktemp("benchmark"), num_videos=3, num_missing=1)


def test_a_folder_of_folders_or_a_json_object_names_the_benchmarks(tmp_path: Path) -> None:
    for name in ("mvbench", "videomme"):
        (tmp_path / name).mkdir()
    found = read_suite(str(tmp_path), "{}")
    assert [(folder.name, folder.folder) for folder in found] == [
        (name, str(tmp_path / name)) for name in ("mvbench", "videomme")
    ]
    assert read_suite(json.dumps({"mvbench": str(tmp_path / "mvbench")}), "{}") == found[:1]


def test_conditions_change_the_benchmarks_own(tmp_path: Path) -> None:
    (tmp_path / "viubench").mkdir()
    (folder,) = read_suite(str(tmp_path), '{"max_frames": 32, "fps": 1}')
    assert (folder.conditions.max_frames, folder.conditions.fps) == (32, 1)
    assert folder.conditions.max_answer_tokens == 128


@pytest.mark.parametrize(
    ("benchmarks", "conditions", "reason"),
    [
        ("nowhere", "{}", "JSON object"),
        ("{}", "{}", "none in"),
        ('{"mvbenc": "."}', "{}", "unknown 'mvbenc'"),
        ('{"mvbench": "/nowhere"}', "{}", "there is no folder '/nowhere'"),
        ('{"mvbench": "."}', '{"frames": 3}', "'frames': unknown key"),
        ('{"mvbench": "."}', '{"max_frames": "many"}', "expected int"),
        ('{"mvbench": "."}', '{"max_frames": true}', "expected int"),
        ('{"mvbench": "."}', '{"max_frames": 1}', "at least 2"),
        ('{"mvbench": "."}', "3", "conditions: got '3'"),
    ],
)
def test_what_cannot_be_used_is_named(benchmarks: str, conditions: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        read_suite(benchmarks, conditions)


def test_every_question_is_in_one_shard_and_a_video_in_one_only(
    data_root: str, universal: BenchmarkFolder
) -> None:
    store = Store(data_root)
    questions = list_suite(store, [universal], limit=0, seed=0, questions_per_shard=5)
    shards = _samples(store, questions)
    assert questions.num_available == questions.num_selected == {"universal": 13}
    assert (
        Counter(sample.sample_id for shard in shards for sample in shard).most_common(1)[0][1] == 1
    )
    assert len(shards) == 2
    assert sum(len({video_of(sample) for sample in shard}) for shard in shards) == 4


def test_a_limit_draws_the_same_questions_each_time(
    data_root: str, universal: BenchmarkFolder
) -> None:
    store = Store(data_root)
    drawn = {
        seed: [s.sample_id for shard in _samples(store, found) for s in shard]
        for seed in (0, 1)
        if (found := list_suite(store, [universal], limit=5, seed=seed, questions_per_shard=100))
    }
    again = list_suite(store, [universal], limit=5, seed=0, questions_per_shard=100)
    assert len(drawn[0]) == 5 == again.num_selected["universal"]
    assert again.num_available["universal"] == 13
    assert drawn[0] != drawn[1]
    assert [s.sample_id for shard in _samples(store, again) for s in shard] == drawn[0]


def test_a_limit_keeps_questions_together_that_are_scored_together(
    tmp_path: Path, data_root: str
) -> None:
    FOLDERS["vinoground_group"][0](tmp_path)
    (folder,) = read_suite(json.dumps({"vinoground_group": str(tmp_path)}), "{}")
    store = Store(data_root)
    every = list_suite(store, [folder], limit=0, seed=0, questions_per_shard=100)
    some = list_suite(store, [folder], limit=1, seed=0, questions_per_shard=100)

    def sizes(questions: Questions) -> Counter[str]:
        return Counter(
            s.benchmark.group for shard in _samples(store, questions) for s in shard if s.benchmark
        )

    assert len(sizes(some)) == 1
    assert sizes(some).items() <= sizes(every).items()
