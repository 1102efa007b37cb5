"""Which answers are kept, and when they are used again."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tasks.benchmarks.questions import list_suite
from tasks.benchmarks.records import BenchmarkFolder, Questions
from tasks.core.config import EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.errors import InputError
from tasks.core.records import AskedShard
from tasks.core.store import Store
from tasks.core.types import Run
from tasks.evaluate.benchmarks import (
    answer_questions,
    named_candidate,
    pair_up,
    replies_by_id,
)
from tasks.rollout.answerer import Reply
from tasks.rollout.server_answerer import Served, looks_same
from tests.helpers.chat_server import ChatServer, chat_server
from tests.helpers.questions import make_benchmark

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> BenchmarkFolder:
    return make_benchmark(tmp_path / "benchmark", num_videos=2, num_missing=1)


@dataclass
class _Evaluation:
    """The stages of one command, without what is around them."""

    root: Path
    folder: BenchmarkFolder
    model: str
    run_id: str = "run"

    def list(self) -> "_Listed":
        store = Store(str(self.root))
        questions = Questions(list_suite(store, [self.folder], questions_per_shard=4))
        run = Run(data_root=str(self.root), run_id=self.run_id, preset="smoke")
        return _Listed(questions, pair_up([named_candidate(store, run, self.model)], questions))

    def answer(self, listed: "_Listed") -> dict[str, Reply]:
        store, config = Store(str(self.root)), EvaluateConfig(questions_per_batch=2)
        shards = [
            answer_questions(store, asked, listed.questions, ModelConfig(), RolloutConfig(), config)
            for asked in listed.asked
        ]
        return replies_by_id(store, shards)

    def run(self) -> dict[str, Reply]:
        return self.answer(self.list())


class _Listed(NamedTuple):
    """What is asked, shard by shard."""

    questions: Questions
    asked: list[AskedShard]


def _failed(answers: dict[str, Reply]) -> set[str]:
    return {name.split("/")[1].split("-")[0] for name, answer in answers.items() if answer.failure}


def test_a_repaired_video_is_asked_about_and_the_others_are_not(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer
) -> None:
    video = Path(folder.folder) / "videos/v0.mp4"
    whole = video.read_bytes()
    video.write_bytes(whole[:300])
    evaluation = _Evaluation(tmp_path / "root", folder, server.address)
    assert _failed(evaluation.run()) == {"0", "gone"}
    assert sum(server.answered.values()) == 4
    video.write_bytes(whole)
    answers = evaluation.run()
    assert _failed(answers) == {"gone"}
    assert list(server.answered.values()) == [1] * 8
    evaluation.run()
    assert list(server.answered.values()) == [1] * 8


def test_a_failure_is_tried_again_though_nothing_seems_to_have_changed(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be read for a while, as on a disk that was away."""
    evaluation = _Evaluation(tmp_path / "root", folder, server.address)
    questions = evaluation.list()
    away = tmp_path / "away"
    (Path(folder.folder) / "videos").rename(away)
    assert _failed(evaluation.answer(questions)) == {"0", "1", "gone"}
    away.rename(Path(folder.folder) / "videos")
    assert _failed(evaluation.answer(questions)) == {"gone"}


def test_a_video_that_another_one_replaced_is_asked_about_again_even_with_its_size_and_time(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer
) -> None:
    video = Path(folder.folder) / "videos/v1.mp4"
    evaluation = _Evaluation(tmp_path / "root", folder, server.address)
    evaluation.run()
    before = video.stat()
    other = bytearray(video.read_bytes())
    other[-1] ^= 1
    video.write_bytes(other)
    os.utime(video, ns=(before.st_atime_ns, before.st_mtime_ns))
    evaluation.run()
    assert sum(server.answered.values()) == 8 + 4


def test_a_touched_or_moved_benchmark_keeps_its_answers(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer
) -> None:
    _Evaluation(tmp_path / "root", folder, server.address).run()
    (Path(folder.folder) / "videos/v0.mp4").touch()
    moved = tmp_path / "moved"
    shutil.copytree(folder.folder, moved)
    for place in (folder.folder, str(moved)):
        again = _Evaluation(
            tmp_path / "root",
            replace(folder, folder=place),
            server.address,
        )
        again.run()
    assert list(server.answered.values()) == [1] * 8


def test_no_model_is_loaded_for_videos_that_still_cannot_be_shown(
    tmp_path: Path, server: ChatServer
) -> None:
    folder = make_benchmark(tmp_path / "benchmark", num_videos=1, num_missing=2)
    video = Path(folder.folder) / "videos/v0.mp4"
    video.write_bytes(b"no video")
    evaluation = _Evaluation(tmp_path / "root", folder, server.address)
    questions = evaluation.list()
    evaluation.answer(questions)
    before = server.num_requests
    assert all(reply.failure for reply in evaluation.answer(questions).values())
    assert server.num_requests == before


def test_a_servers_answers_belong_to_one_run(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer
) -> None:
    first = _Evaluation(tmp_path / "root", folder, server.address, run_id="one").run()
    server.says = "B"  # nothing that the server says about itself changes
    second = _Evaluation(tmp_path / "root", folder, server.address, run_id="two").run()
    assert {text for reply in first.values() for text in reply.texts} == {"A"}
    assert {text for reply in second.values() for text in reply.texts} == {"B"}


def test_an_interrupted_run_asks_a_changed_server_anew_and_the_same_one_only_what_is_left(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer
) -> None:
    evaluation = _Evaluation(tmp_path / "root", folder, server.address)
    server.log_probs, server.fails_after = [-1.0, -2.0], 4
    with pytest.raises(InputError, match="the server failed"):
        evaluation.run()
    server.fails_after, server.log_probs = None, [-1.01, -1.99]  # the last bits
    evaluation.run()
    assert list(server.answered.values()) == [1] * 8
    server.log_probs, server.says = [-1.5, -2.5], "B"
    answers = evaluation.run()
    assert {text for reply in answers.values() for text in reply.texts} == {"B"}


def test_a_server_that_changes_between_two_shards_ends_the_run(
    tmp_path: Path, folder: BenchmarkFolder, server: ChatServer
) -> None:
    evaluation = _Evaluation(tmp_path / "root", folder, server.address)
    server.log_probs = [-1.0, -2.0]
    questions = evaluation.list()
    server.log_probs = [-3.0, -2.0]
    with pytest.raises(
        InputError, match="has changed while it was asked; run the same command again"
    ):
        evaluation.answer(questions)
    assert len(evaluation.run()) == 9


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Served(facts={"id": "m"}, log_probs=(-1.05, -2.0)), True),
        (Served(facts={"id": "m"}, log_probs=(-1.3, -2.0)), False),
        (Served(facts={"id": "m"}, log_probs=()), False),
        (Served(facts={"id": "m", "root": "/other"}, log_probs=(-1.0, -2.0)), False),
    ],
)
def test_servers_are_compared_by_what_they_say_and_how_likely_they_find_a_text(
    other: Served, same: bool
) -> None:
    assert looks_same(Served(facts={"id": "m"}, log_probs=(-1.0, -2.0)), other) is same
