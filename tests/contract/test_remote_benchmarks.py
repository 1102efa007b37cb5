"""A benchmark's folder in an object store is what the same folder is here: the same questions, the
same videos, the same answers."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.files import find_folder, mirror_of
from tasks.benchmarks.questions import configured_suite, list_benchmark, read_suite
from tasks.benchmarks.records import AskedBenchmark, BenchmarkFolder, Questions
from tasks.benchmarks.viubench.folder import keep_benchmark
from tasks.core.config import BenchmarkConfig, EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows
from tasks.core.records import AnsweredShard
from tasks.core.store import Store
from tasks.core.types import Run, Sample, Split
from tasks.deployment.stage_task import is_transient
from tasks.evaluate.benchmark_scores import score_answers
from tasks.evaluate.benchmarks import (
    answer_questions,
    named_candidate,
    pair_up,
    replies_by_id,
)
from tasks.perturb.viubench import plan_viubench
from tasks.rollout.videos import BenchmarkVideos
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.chat_server import chat_server
from tests.helpers.clips import make_clip, store_clip
from tests.helpers.questions import make_benchmark
from tests.helpers.s3_server import s3_files

pytestmark = pytest.mark.slow
BUCKET = "benchmarks"


@pytest.fixture(scope="module")
def s3() -> Iterator[fsspec.AbstractFileSystem]:
    with s3_files(BUCKET) as files:
        yield files


@pytest.fixture
def there(s3: fsspec.AbstractFileSystem, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URI of a folder of this test alone."""
    mirror_of.cache_clear()
    name = request.node.name.replace("[", "-").replace("]", "")
    yield f"s3://{BUCKET}/{name}"
    mirror_of.cache_clear()


def _put(s3: fsspec.AbstractFileSystem, folder: Path, uri: str) -> None:
    for path in (path for path in folder.rglob("*") if path.is_file()):
        s3.pipe(f"{uri}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def _start_anew(uri: str) -> None:
    """As in the pod that answers: the folder was listed, and no video is here yet."""
    mirror_of.cache_clear()
    assert mirror_of(uri).root()


def _fetched(uri: str) -> set[str]:
    """Videos of which the mirror holds more than the name."""
    root = mirror_of(uri).root()
    found = (path for path in root.rglob("*") if path.suffix in {".mp4", ".jpg"})
    return {path.relative_to(root).as_posix() for path in found if path.stat().st_size}


@pytest.mark.parametrize("name", FOLDERS)
def test_every_adapter_reads_the_same_questions(
    name: str, s3: fsspec.AbstractFileSystem, there: str, tmp_path: Path
) -> None:
    write, num_questions = FOLDERS[name]
    write(tmp_path)
    _put(s3, tmp_path, there)
    local, remote = BENCHMARKS[name].open(tmp_path), BENCHMARKS[name].open(there)
    samples = list(remote.samples())
    assert len(samples) == num_questions
    assert samples == list(local.samples())


@pytest.mark.parametrize("name", ["videomme", "viubench", "universal"])
def test_a_file_that_is_cut_off_is_named_by_its_uri(
    name: str, s3: fsspec.AbstractFileSystem, there: str, tmp_path: Path
) -> None:
    FOLDERS[name][0](tmp_path)
    endings = {".json", ".jsonl", ".parquet"}
    cut = next(p for p in sorted(tmp_path.rglob("*")) if p.suffix in endings and p.stat().st_size)
    cut.write_bytes(cut.read_bytes()[:-20])
    _put(s3, tmp_path, there)
    if name == "universal":  # a question that could not be shown
        local, remote = BENCHMARKS[name].open(tmp_path), BENCHMARKS[name].open(there)
        assert list(remote.samples()) == list(local.samples())
        return
    with pytest.raises(InputError) as caught:
        list(BENCHMARKS[name].open(there).samples())
    assert f"{there}/{cut.relative_to(tmp_path).as_posix()}" in caught.value.message
    assert "\n" not in caught.value.message


class _Evaluation:
    """The stages of one command, as a process of its own would go through them."""

    def __init__(self, root: str, folder: BenchmarkFolder, model: str = "label-prior") -> None:
        self.store = Store(root)
        mirror_of.cache_clear()
        self.benchmark = list_benchmark(self.store, folder, 100)
        self._questions = Questions([self.benchmark])
        run = Run(data_root=root, run_id="run", preset="smoke")
        self._asked = pair_up([named_candidate(self.store, run, model)], self._questions)

    def answer(self) -> list[AnsweredShard]:
        # Of two, so that videos of several batches are fetched.
        config = EvaluateConfig(questions_per_batch=2)
        return [
            answer_questions(
                self.store, asked, self._questions, ModelConfig(), RolloutConfig(), config
            )
            for asked in self._asked
        ]

    def failed(self, answered: list[AnsweredShard]) -> dict[str, str]:
        replies = replies_by_id(self.store, answered).items()
        return {name: reply.failure for name, reply in replies if reply.failure}


def _universal(s3: fsspec.AbstractFileSystem, there: str, folder: Path) -> BenchmarkFolder:
    """Two videos, eight questions."""
    made = make_benchmark(folder, num_videos=2)
    _put(s3, folder, there)
    return replace(made, folder=there)


def test_the_same_folder_in_a_store_is_asked_nothing_again_and_scores_the_same(
    s3: fsspec.AbstractFileSystem, there: str, data_root: str, tmp_path: Path
) -> None:
    remote = _universal(s3, there, tmp_path / "here")
    here = _Evaluation(data_root, replace(remote, folder=str(tmp_path / "here")))
    answered = here.answer()
    assert sum(shard.num_asked for shard in answered) == 8
    moved = _Evaluation(data_root, remote)
    again = moved.answer()
    assert moved.benchmark.digest == here.benchmark.digest
    assert [shard.answers for shard in again] == [shard.answers for shard in answered]
    assert sum(shard.num_asked for shard in again) == 0

    def scores(benchmark: AskedBenchmark, answered: list[AnsweredShard]) -> object:
        return score_answers(here.store, "label-prior", benchmark, answered, min_coverage=1.0).score

    assert scores(moved.benchmark, again) == scores(here.benchmark, answered)


def test_a_second_run_fetches_annotations_alone_and_shows_what_it_fetches(
    s3: fsspec.AbstractFileSystem,
    there: str,
    data_root: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = _universal(s3, there, tmp_path / "here")
    assert list(BENCHMARKS["universal"].open(there).samples())
    assert _fetched(there) == set()
    assert sum(shard.num_asked for shard in _Evaluation(data_root, folder).answer()) == 8
    assert _fetched(there) == {"videos/v0.mp4", "videos/v1.mp4"}
    assert f"fetch {there.rpartition('/')[2]}" in capfd.readouterr().err
    second = _Evaluation(data_root, folder)
    assert sum(shard.num_asked for shard in second.answer()) == 0
    assert _fetched(there) == set()


def test_the_contents_of_an_anchor_are_read_once(
    s3: fsspec.AbstractFileSystem, there: str, data_root: str, tmp_path: Path
) -> None:
    folder = _universal(s3, there, tmp_path / "here")
    benchmark = _Evaluation(data_root, folder).benchmark
    store = Store(data_root)
    samples = [s for shard in benchmark.shards for s in read_rows(store, shard, Sample)]
    found = BenchmarkVideos(store, folder).contents(samples)
    here = replace(folder, folder=str(tmp_path / "here"))
    assert found == BenchmarkVideos(store, here).contents(samples)
    assert len(found) == 2
    mirror_of.cache_clear()
    assert BenchmarkVideos(store, folder).contents(samples) == found
    assert _fetched(there) == set()


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_a_video_that_is_not_what_was_listed_fails_its_questions_and_is_tried_again(
    change: str, s3: fsspec.AbstractFileSystem, there: str, data_root: str, tmp_path: Path
) -> None:
    folder = _universal(s3, there, tmp_path / "here")
    video = f"{there}/videos/v0.mp4"
    with chat_server() as server:
        run, whole = _Evaluation(data_root, folder, server.address), s3.cat_file(video)
        _start_anew(there)
        if change == "gone":
            s3.rm(video)
        else:
            s3.pipe(video, whole + b"more")
        failed = run.failed(run.answer())
        assert set(failed) == {f"universal/0-{name}" for name in "012g"}
        said = {"gone": "does not exist", "changed": "not what it was when the folder was listed"}
        assert all(said[change] in reason for reason in failed.values())
        s3.pipe(video, whole)
        again = _Evaluation(data_root, folder, server.address)
        answered = again.answer()
        assert again.failed(answered) == {}
        assert sum(shard.num_asked for shard in answered) == 4
        assert list(server.answered.values()) == [1] * 8


def test_a_store_that_does_not_answer_is_no_fault_of_a_video(
    data_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with s3_files("ends") as files:
        run = _Evaluation(data_root, _universal(files, "s3://ends/soon", tmp_path / "here"))
        _start_anew("s3://ends/soon")
    with pytest.raises(ConnectionError, match="s3://ends/soon cannot be read") as caught:
        run.answer()
    assert is_transient(caught.value), "a cluster tries it again"
    assert run.store.list_keys("answers") == []


def test_a_viubench_built_in_a_store_is_read_there(
    s3: fsspec.AbstractFileSystem, there: str, data_root: str, tmp_path: Path
) -> None:
    here, root = Store(data_root), Store(f"{there}/data")
    folders = []
    for store, place in ((here, data_root), (root, f"{there}/data")):
        clips = [
            store_clip(store, make_clip(name, split=Split.HELDOUT, side_px=64), seed=3)
            for name in "ab"
        ]
        items = plan_viubench(clips, 1, 0)
        built = keep_benchmark(store, items, {clip.clip_id: clip for clip in clips}, 1, 0)
        given = BenchmarkConfig(folder=f"{place}/{built.key}/")
        folders += configured_suite({"mine": given}, seed=0)
    local, remote = folders
    assert (local.adapter, remote.adapter) == ("viubench", "viubench")
    assert remote.folder == f"{there}/data/{built.key}"
    first, second = (_Evaluation(data_root, folder) for folder in folders)
    assert first.benchmark.digest == second.benchmark.digest
    samples = read_rows(here, second.benchmark.shards[0], Sample)
    assert len(samples) == len(items)
    videos = [BenchmarkVideos(here, folder) for folder in folders]
    assert videos[0].digests(samples) == videos[1].digests(samples)
    for mine, theirs in zip(*(found.show(samples[0]) for found in videos), strict=True):
        assert (mine.frames == theirs.frames).all()
    assert sum(shard.num_asked for shard in first.answer()) == len(items)
    assert sum(shard.num_asked for shard in second.answer()) == 0
    root.delete(f"{built.key}/clips.parquet")
    with pytest.raises(InputError, match="but its card says"):
        _Evaluation(data_root, remote)


def test_a_folder_of_folders_in_a_store_names_the_benchmarks(
    s3: fsspec.AbstractFileSystem, there: str, tmp_path: Path
) -> None:
    for name in ("videomme", "lvbench"):
        FOLDERS[name][0](tmp_path / name)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/a.txt").write_text("no benchmark")
    _put(s3, tmp_path, there)
    named = json.dumps({"videomme": f"{there}/videomme/", "lvbench": f"{there}/lvbench"})
    for given in (there, f"{there}/", named):
        found = {folder.name: folder.folder for folder in read_suite(given, "{}")}
        assert found == {name: f"{there}/{name}" for name in ("lvbench", "videomme")}


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("s3://no-such-bucket/x", "The specified bucket does not exist"),
        (f"s3://{BUCKET}/nowhere", "there is no folder 's3://benchmarks/nowhere'"),
        (f"s3://{BUCKET}/one.json", "is one object"),
        ("https://example.org/Video-MME", "is on the web, which lists no folders"),
        ("nosuch://bucket/x", "Protocol not known"),
    ],
    ids=["bucket", "folder", "object", "web", "scheme"],
)
def test_a_place_that_is_none_is_refused_in_one_line(
    uri: str, reason: str, s3: fsspec.AbstractFileSystem
) -> None:
    s3.pipe(f"{BUCKET}/one.json", b"[]")
    with pytest.raises(InputError, match=re.escape(reason)) as caught:
        configured_suite({"mine": BenchmarkConfig(folder=uri)}, seed=0)
    assert caught.value.message.startswith("config evaluate.benchmarks.mine.folder: ")
    assert "\n" not in caught.value.message


def test_missing_credentials_are_said_in_one_line(
    s3: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = fsspec.get_filesystem_class("s3")
    with monkeypatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.delenv(name)
        # Nor those of the machine, of a profile, or of a cloud that it runs in.
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
            patch.setenv(name, "/nowhere")
        kind.clear_instance_cache()
        with pytest.raises(InputError, match="Unable to locate credentials") as caught:
            find_folder(f"s3://{BUCKET}/x", "benchmarks: videomme")
        assert "\n" not in caught.value.message
    kind.clear_instance_cache()
