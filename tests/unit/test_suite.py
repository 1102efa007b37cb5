import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.questions import list_benchmark, read_suite, video_of
from tasks.benchmarks.records import AskedBenchmark, BenchmarkFolder
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.store import Store
from tasks.core.types import Sample
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.questions import make_benchmark

pytestmark = pytest.mark.slow


def _samples(store: Store, asked: AskedBenchmark) -> list[list[Sample]]:
    return [read_rows(store, shard, Sample) for shard in asked.shards]


def _list(
    store: Store, folder: BenchmarkFolder, *, limit: int = 0, seed: int = 0, per_shard: int = 100
) -> AskedBenchmark:
    limited = replace(folder, limit=limit, seed=seed)
    return list_benchmark(store, limited, questions_per_shard=per_shard)


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
    asked = _list(store, universal, per_shard=5)
    shards = _samples(store, asked)
    assert asked.num_available == asked.num_selected == 13
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
        if (found := _list(store, universal, limit=5, seed=seed))
    }
    again = _list(store, universal, limit=5, seed=0)
    assert len(drawn[0]) == 5 == again.num_selected
    assert again.num_available == 13
    assert drawn[0] != drawn[1]
    assert [s.sample_id for shard in _samples(store, again) for s in shard] == drawn[0]


def test_a_limit_keeps_questions_together_that_are_scored_together(
    tmp_path: Path, data_root: str
) -> None:
    FOLDERS["vinoground_group"][0](tmp_path)
    (folder,) = read_suite(json.dumps({"vinoground_group": str(tmp_path)}), "{}")
    store = Store(data_root)

    def sizes(asked: AskedBenchmark) -> Counter[str]:
        return Counter(
            s.benchmark.group for shard in _samples(store, asked) for s in shard if s.benchmark
        )

    some = sizes(_list(store, folder, limit=1))
    assert len(some) == 1
    assert some.items() <= sizes(_list(store, folder)).items()
