"""Chance and the best constant answer on benchmarks' own folders, by hand; kept and found again."""

import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from tasks.benchmarks.adapter import FolderBenchmark
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.lengths import question_lengths
from tasks.benchmarks.questions import list_benchmark
from tasks.benchmarks.records import BenchmarkFolder, Questions
from tasks.benchmarks.viubench.chance import chance_by_type
from tasks.benchmarks.viubench.folder import keep_benchmark
from tasks.core.config import PerturbConfig
from tasks.core.controls import Unseen
from tasks.core.manifest import read_rows, write_rows
from tasks.core.records import DataSet
from tasks.core.store import Store
from tasks.core.types import Clip, Sample, Split
from tasks.evaluate.unseen import score_unseen
from tasks.evaluate.unseen_benchmark import unseen_benchmark
from tasks.perturb.viubench import plan_viubench
from tests.helpers.choice_folders import vinoground_row
from tests.helpers.clips import make_clip
from tests.helpers.files import touch, write_json
from tests.helpers.questions import make_benchmark
from tests.helpers.samples import plan_all


def _unseen(root: Path, adapter: str) -> dict[str, Unseen]:
    benchmark = BENCHMARKS[adapter].open(root)
    return {row.item: row for row in _rows(benchmark, list(benchmark.samples()))}


def _rows(benchmark: FolderBenchmark, samples: Sequence[Sample]) -> list[Unseen]:
    folder = BenchmarkFolder(
        benchmark.name, str(benchmark.root), benchmark.conditions, benchmark.name
    )
    return unseen_benchmark(benchmark, samples, question_lengths(folder, samples), 0)


def test_a_letter_is_chosen_by_type_and_a_missing_video_scores_nothing(tmp_path: Path) -> None:
    answers = [("speed", "B"), ("order", "A")]
    rows: dict[str, dict[str, list[dict[str, str]]]] = {
        f"v{number}": {
            kind: [{"question": "What?\nA. one\nB. two\nC. three", "answer": f"{letter}. x"}]
            for kind, letter in answers
        }
        for number in range(20)
    }
    write_json(tmp_path / "questions/multi-choice.json", rows)
    touch(tmp_path, *(f"videos/v{number}.mp4" for number in range(1, 20)))
    found = _unseen(tmp_path, "tempcompass")
    gone = {name for name in found if "/v0-" in name}
    assert len(gone) == 2
    for name, row in found.items():
        assert row.constant == row.chance * 3 == float(name not in gone)
        assert row.constant_answer == ("" if name in gone else "B" if "speed" in name else "A")


def test_of_a_list_of_answers_the_constant_is_a_place(tmp_path: Path) -> None:
    rows = {
        f"v{number}": {"order": [{"question": "Is it?", "answer": "yes" if number % 4 else "no"}]}
        for number in range(24)
    }
    write_json(tmp_path / "questions/yes_no.json", rows)
    touch(tmp_path, *(f"videos/v{number}.mp4" for number in range(24)))
    found = _unseen(tmp_path, "tempcompass_yes_no")
    assert {row.constant_answer for row in found.values()} == {"option 1"}
    assert sum(row.constant for row in found.values()) == 18
    assert {row.chance for row in found.values()} == {0.5}


def test_a_group_is_right_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "vinoground_videos"
    letters = ["BB" if number % 4 else "AB" for number in range(24)]
    rows = [
        vinoground_row(f"{number}_{half}", letter)
        for number, pair in enumerate(letters)
        for half, letter in zip(("pos", "neg"), pair, strict=True)
    ]
    write_json(folder / "vinoground_textscore.json", rows)
    touch(tmp_path, *(row["video_name"] for row in rows))
    found = _unseen(tmp_path, "vinoground")
    assert {name: row.constant for name, row in found.items()} == {
        str(number): float(pair == "BB") for number, pair in enumerate(letters)
    }
    assert {(row.chance, row.constant_answer) for row in found.values()} == {(0.25, "B")}


def _windows(root: Path, lengths: Sequence[float]) -> Path:
    """The second half of each video, which is not there but for its name."""
    rows = [
        {"video": f"v{number}", "question": "it moves", "answer": f"{length / 2}-{length}"}
        for number, length in enumerate(lengths)
    ]
    write_json(root / "questions.json", rows)
    touch(root, *(f"v{number}.mp4" for number in range(len(lengths))))
    return root


def test_an_interval_is_in_seconds_where_no_length_is_known(tmp_path: Path) -> None:
    found = _unseen(_windows(tmp_path, [8.0] * 16), "universal")
    assert {(row.constant, row.constant_answer) for row in found.values()} == {(1.0, "4.0-8.0")}
    assert all(math.isnan(row.chance) for row in found.values())


def test_an_interval_is_a_share_where_lengths_are_known(tmp_path: Path) -> None:
    seconds = [4.0 + 2 * number for number in range(20)]
    benchmark = BENCHMARKS["universal"].open(_windows(tmp_path, seconds))
    samples = list(benchmark.samples())
    lengths = {s.sample_id: length for s, length in zip(samples[1:], seconds[1:], strict=True)}
    unknown, *known = unseen_benchmark(benchmark, samples, lengths, 0)
    assert {(row.constant, row.constant_answer) for row in known} == {
        (1.0, "0.50-1.00 of the video")
    }
    assert all(0 < row.chance < 0.5 for row in known)
    # A share of nobody knows what is no answer, and no wrong one either.
    assert math.isnan(unknown.constant)


@pytest.mark.slow
def test_lengths_come_from_headers_and_from_clips(tmp_path: Path, data_root: str) -> None:
    folder = make_benchmark(tmp_path / "b", num_videos=2, num_missing=1)
    samples = list(BENCHMARKS["universal"].open(folder.folder, folder.conditions).samples())
    assert question_lengths(folder, samples) == pytest.approx(
        {"universal/0-g": 2.0, "universal/1-g": 2.5}
    )
    (tmp_path / "b/videos/v1.mp4").write_bytes(b"no video")
    moved = BenchmarkFolder("x", str(tmp_path / "b"), folder.conditions, "universal")
    (tmp_path / "b/videos/v0.mp4").rename(tmp_path / "b/videos/v2.mp4")
    samples = list(BENCHMARKS["universal"].open(moved.folder, folder.conditions).samples())
    assert question_lengths(moved, samples) == {}


def _clips() -> dict[str, Clip]:
    clips = [
        make_clip(f"c{i}", split=Split.HELDOUT if i % 2 else Split.TRAIN, side_px=256)
        for i in range(8)
    ]
    return {clip.clip_id: clip for clip in clips}


@pytest.mark.slow
def test_every_place_is_kept_once(tmp_path: Path, data_root: str) -> None:
    store, clips = Store(data_root), _clips()
    heldout = [clip for clip in clips.values() if clip.split is Split.HELDOUT]
    items = plan_viubench(heldout, 2, seed=0)
    samples = [*plan_all(list(clips.values()), PerturbConfig()), *items]
    data = DataSet(
        clips=write_rows(store, "clips.parquet", Clip, clips.values()),
        samples=write_rows(store, "samples.parquet", Sample, samples),
    )
    built = keep_benchmark(store, items, {clip.clip_id: clip for clip in heldout}, 2, 0)
    folders = [
        make_benchmark(tmp_path / "b"),
        BenchmarkFolder(
            "fixed",
            f"{data_root}/{built.key}",
            BENCHMARKS["viubench"].conditions,
            "viubench",
        ),
    ]
    questions = Questions([list_benchmark(store, folder, 4) for folder in folders])
    found = score_unseen(store, data, questions, 0)
    assert list(found) == ["viubench", "heldout", "universal", "fixed"]
    rows = {place: read_rows(store, artifact, Unseen) for place, artifact in found.items()}
    assert {row.item for row in rows["heldout"]} == {
        sample.sample_id for sample in samples if sample.split is Split.HELDOUT
    }
    assert not any(math.isnan(row.constant) for place in rows.values() for row in place)
    # Built here, its lengths are known: chance is that of the card.
    chances = [row.chance for row in rows["fixed"] if "-jigsaw-" not in row.item]
    assert all(0 < chance < 1 for chance in chances)
    own = {row.item: row.chance for row in rows["viubench"]}
    assert {row.item.removeprefix("viubench/"): row.chance for row in rows["fixed"]} == (
        pytest.approx(own)
    )
    assert set(chance_by_type(items, clips)) == {sample.kind for sample in _fixed(folders[1])}
    changed = store.path(found["heldout"].key)
    before = Path(changed).stat().st_mtime_ns
    assert score_unseen(store, data, questions, 0) == found
    assert Path(changed).stat().st_mtime_ns == before
    assert list(score_unseen(store, DataSet(), questions, 0)) == ["universal", "fixed"]


def _fixed(folder: BenchmarkFolder) -> list[Sample]:
    return list(BENCHMARKS["viubench"].open(folder.folder).samples())
