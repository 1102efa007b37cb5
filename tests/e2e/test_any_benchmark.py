"""Benchmarks in the main job, through real `pyflyte run` processes at smoke size: a universal one
of 40 questions, and a VIUBench that was built from generated clips.

The tests of this file are one story, in order: refused, killed in the middle of a benchmark and run
again, then decided on what scripts answer.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.video.generate import generate_clips
from tests.helpers.files import write_json
from tests.helpers.mlflow_database import put_empty_database
from tests.helpers.pyflyte import REPO_ROOT, isolated_env, run_pyflyte
from tests.helpers.smoke_run import copy_started_run, retrain_args
from tests.helpers.videos import write_video
from tests.helpers.warm import process as warm

pytestmark = pytest.mark.slow
_NUM_VIDEOS = 20
_BATCH = 4
_OF_ONE_RUN = {"runs", "leases", "mlartifacts", "logged", "scores"}
"""Folders of a data root whose files tell of time or of the run itself."""
_OF_BENCHMARKS = {"answers", "evaluated", "questions", "anchors", "benchmarks"}


class Place(NamedTuple):
    """Where the story plays."""

    folder: Path
    env: dict[str, str]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def built(self) -> Path:
        (found,) = self.folder.glob("built/benchmarks/viubench-*")
        return found

    def args(self, benchmarks: object = None, **overrides: Any) -> list[str]:
        conditions = {"max_frames": 4, "max_answer_tokens": 4, "max_area_px": 16384}
        mine = {"folder": str(self.folder / "mine"), "conditions": conditions}
        evaluate = {
            "questions_per_batch": _BATCH,
            "questions_per_shard": 16,
            "benchmarks": benchmarks or {"mine": mine, "fixed": str(self.built)},
            **overrides.pop("evaluate", {}),
        }
        return retrain_args(self.folder, evaluate=evaluate, **overrides)

    def beside(self, name: str) -> "Place":
        """Another data root with the same videos and benchmarks."""
        folder = self.folder.parent / name
        folder.mkdir()
        for shared in ("videos", "mine", "built"):
            (folder / shared).symlink_to(self.folder / shared)
        return Place(folder, isolated_env(folder))

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = json.loads((self.root / "summary.json").read_text())
        return summary

    def files(self) -> dict[str, bytes]:
        """What hangs on neither time nor the run's name."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in self.root.glob("*/**/*")
            if path.is_file()
            and path.relative_to(self.root).parts[0] not in _OF_ONE_RUN
            and path.name != "output.json"  # with the seconds that it took
        }

    def answers(self) -> dict[Path, int]:
        """Every file of a batch of the universal benchmark, with when it was written."""
        return {path: path.stat().st_mtime_ns for path in self.root.glob("answers/*/universal-*/*")}

    def script(self, name: str, *, lost: Iterable[int] = (), knows: bool = False) -> str:
        """Answers all 40 questions but those `lost`, and most built items or none."""
        texts = {f"universal/q{n}": "ABC"[(n + (n in set(lost))) % 3] for n in range(40)}
        items = [*BENCHMARKS["viubench"].open(str(self.built)).samples()]
        # Not all of a type: else it would have no spread, and the gain no interval.
        known = [item for number, item in enumerate(items) if knows and number % 6]
        texts |= {item.sample_id: item.answer for item in known}
        write_json(self.folder / name, texts | {"*": "none"})
        return f"scripted:{self.folder / name}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("any") / "whole"
    folder.mkdir()
    copy_started_run(folder)
    found = Place(folder, isolated_env(folder))
    (folder / "mine" / "videos").mkdir(parents=True)
    for number in range(_NUM_VIDEOS):
        write_video(folder / f"mine/videos/v{number}.mp4", num_frames=40 + number)
    rows = [
        {
            "id": f"q{number}",
            "video": f"v{number % _NUM_VIDEOS}.mp4",
            "question": f"What moves here, number {number}?",
            "options": ["a circle", "a square", "a star"],
            "answer": "ABC"[number % 3],
            "tags": {"kind": "what" if number < 30 else "where"},
        }
        for number in range(40)
    ]
    write_json(folder / "mine" / "questions.json", rows)
    generate_clips(folder / "clips", num_clips=6, seed=5)
    put_empty_database(folder / "built" / "mlflow.db")
    command = ["run", "workflows/build_viubench.py", "build_viubench", "--preset=smoke"]
    places = [f"--videos={folder / 'clips'}", f"--data_root={folder / 'built'}"]
    done = run_pyflyte([*command, *places, "--items_per_type=2"], env=found.env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return found


def _refused(place: Place, benchmarks: object = None, **overrides: object) -> str:
    """The line with which it ends, on a data root that nothing was written to before."""
    elsewhere = place.folder.parent / "refused"
    shutil.rmtree(elsewhere, ignore_errors=True)
    args = [
        f"--data_root={elsewhere}" if arg.startswith("--data_root=") else arg
        for arg in place.args(benchmarks, **overrides)
    ]
    done = run_pyflyte(args, env=place.env)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return said


def test_a_benchmark_that_is_written_down_wrong_is_refused_before_anything_is_written(
    place: Place,
) -> None:
    mine = str(place.folder / "mine")
    for given, line in (
        ("/nowhere", "mine.folder: there is no folder '/nowhere'"),
        ({"folder": mine, "adapter": "videome"}, "mine.adapter: got 'videome', expected one of"),
        ({"folder": mine, "conditions": {"frames": 3}}, "mine.conditions: 'frames': unknown key"),
    ):
        assert f"config evaluate.benchmarks.{line}" in _refused(place, {"mine": given})
        assert not (place.folder.parent / "refused").exists()
    said = _refused(place, evaluate={"answerers": {"after": "scripted:/nowhere"}})
    assert "config evaluate.answerers.after: scripted: cannot read '/nowhere'" in said
    assert not (place.folder.parent / "refused").exists()


def test_a_benchmark_whose_videos_are_missing_is_refused_before_a_video_is_read(
    place: Place,
) -> None:
    half = place.folder.parent / "half"
    shutil.copytree(place.folder / "mine", half)
    for number in range(0, _NUM_VIDEOS, 2):
        (half / f"videos/v{number}.mp4").unlink()
    said = _refused(place, {"mine": str(half)})
    assert "evaluate.benchmarks.mine: 20 of 40 questions cannot be shown" in said
    assert {path.name for path in (place.folder.parent / "refused").iterdir()}.isdisjoint(
        {"ingest", "frames", "trained"}
    )


def test_a_run_that_was_killed_in_the_middle_of_a_benchmark_asks_no_question_twice(
    place: Place,
) -> None:
    done = run_pyflyte(place.args(), env=place.env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    # The new model once more under each of two conditions.
    assert len(place.answers()) == (2 + 2) * 40 / _BATCH, "before, after, and after blind"

    killed = place.beside("killed")
    _copy_what_precedes_benchmarks(place.root, killed.root)
    process = warm.start(["pyflyte", *killed.args()], cwd=REPO_ROOT, env=killed.env)
    while len(killed.answers()) < 3:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.002)
    process.kill()
    kept = killed.answers()
    assert 3 <= len(kept) < 10, "in the middle of the first candidate"
    assert not (killed.root / "summary.json").exists()

    done = run_pyflyte(killed.args(), env=killed.env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert kept.items() <= killed.answers().items(), "none is asked, and written, again"
    assert killed.files() == place.files()


def _copy_what_precedes_benchmarks(root: Path, copy: Path) -> None:
    """As a run leaves it that is killed before it asks any candidate."""
    for folder in root.iterdir():
        if folder.is_dir() and folder.name not in _OF_BENCHMARKS | _OF_ONE_RUN:
            shutil.copytree(folder, copy / folder.name)
    for folder in root.glob("answers/*/calibrate-*"):
        shutil.copytree(folder, copy / folder.relative_to(root))


def _promotion(place: Place, after: str, before: str) -> dict[str, Any]:
    args = place.args(
        evaluate={"answerers": {"before": before, "after": after}},
        promote={"must_win": ["fixed"], "may_lose": {}},
    )
    done = run_pyflyte(args, env=place.env)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return place.summary()


def test_a_challenger_that_loses_eight_of_forty_is_not_promoted_and_one_that_loses_one_is(
    place: Place,
) -> None:
    before = place.script("before.json")
    summary = _promotion(place, place.script("eight.json", lost=range(8), knows=True), before)
    decision = summary["decision"]
    assert not decision["promoted"]
    assert "it may not fall on mine" in decision["reason"]
    assert "-0.2000" in decision["reason"]
    assert summary["benchmarks"]["mine"]["gain"]["mean"] == pytest.approx(-8 / 40)
    assert summary["answered_by"].keys() == {"before", "after"}

    summary = _promotion(place, place.script("one.json", lost=[5], knows=True), before)
    decision = summary["decision"]
    assert decision["promoted"], decision["checks"]
    (check,) = (check for check in decision["checks"] if "it may not fall on mine" in check)
    assert check.startswith("yes: ")
    assert "would have shown a true loss of" in check
    assert {"fixed", "mine", "anchor"} <= summary["benchmarks"].keys()
    assert summary["benchmarks"]["fixed"]["gain"]["low"] > 0
    assert summary["benchmarks"]["mine"]["gain"]["mean"] == pytest.approx(-1 / 40)


def test_both_benchmarks_are_in_the_report_and_in_mlflow(place: Place) -> None:
    report = Path(place.summary()["report"]).read_text()
    for name in ("mine", "fixed"):
        assert name in report
    connection = sqlite3.connect(place.root / "mlflow.db")
    try:
        metrics = {key for (key,) in connection.execute("select distinct key from metrics")}
        tags = dict(connection.execute("select key, value from model_version_tags"))
    finally:
        connection.close()
    for name in ("mine", "fixed"):
        assert {f"benchmark_{name}/{kind}" for kind in ("before", "after", "gain")} <= metrics
    assert [tag for tag in tags if "mine" in tag]
