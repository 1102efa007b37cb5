"""Layouts of the grounding benchmarks, and their special rows."""

from pathlib import Path

import pytest

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.core.errors import InputError
from tasks.core.types import Sample, VideoFile
from tests.helpers import benchmark_folders as folders
from tests.helpers.files import touch, write_json, write_lines


def _samples(name: str, root: Path, conditions: Conditions | None = None) -> list[Sample]:
    return list(BENCHMARKS[name].open(root, conditions).samples())


def _file(sample: Sample) -> VideoFile:
    found = sample.views[0].file
    assert found is not None
    return found


def test_activitynet_windows_are_clamped_and_empty_ones_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders.activitynet(tmp_path)
    first, second, _ = _samples("activitynet", tmp_path)
    assert second.benchmark is not None
    assert second.benchmark.windows == ((60.0, 80.0),)
    assert "She walks off." in second.question
    assert first.views[0].clip_id == second.views[0].clip_id == "v_a-1"
    assert "sentence 2 left out" in caplog.text


def test_charades_windows_are_left_and_exports_accepted(tmp_path: Path) -> None:
    folders.charades_sta(tmp_path)
    assert [s.benchmark.windows for s in _samples("charades_sta", tmp_path) if s.benchmark] == [
        ((4.2, 11.7),), ((1.0, 2.5),), ((25.0, 39.0),),
    ]  # fmt: skip
    rows = [{"video": "X.mp4", "timestamp": "[4.5, 2]", "caption": "it moves."},
            {"video": "X.mp4", "timestamp": [1, 2.5], "caption": "it stops."}]  # fmt: skip
    (tmp_path / "charades_sta_test.txt").unlink()
    write_json(tmp_path / "charades_sta_test.json", rows)
    assert [s.answer for s in _samples("charades_sta", tmp_path)] == ["2.0-4.5", "1.0-2.5"]
    write_json(tmp_path / "charades_sta_test.json", [{**rows[0], "timestamp": "soon"}])
    with pytest.raises(
        InputError, match=r"charades_sta_test.json, row 0, field 'timestamp': got 'soon'"
    ):
        _samples("charades_sta", tmp_path)


def test_charades_line_that_is_cut_off_is_named(tmp_path: Path) -> None:
    (tmp_path / "charades_sta_test.txt").write_text("A 1.0 2.0##one.\nB 3.0")
    with pytest.raises(InputError, match=r"charades_sta_test.txt, row 1, field 'line'.*cut off"):
        _samples("charades_sta", tmp_path)


def test_tacos_times_are_frames_and_paraphrases_questions(tmp_path: Path) -> None:
    folders.tacos(tmp_path)
    samples = _samples("tacos", tmp_path)
    windows = [sample.benchmark.windows[0] for sample in samples if sample.benchmark]
    assert windows[0] == pytest.approx((10.0, 20.0))
    assert windows[1] == windows[2] == pytest.approx((7700 / 29.4, 7800 / 29.4))
    assert _file(samples[0]).paths == ("videos/s27-d09-cam-002.avi",)


def test_tacos_export_has_seconds(tmp_path: Path) -> None:
    row = {
        "qid": 1,
        "vid": "s1",
        "duration": 9,
        "query": "He cuts.",
        "relevant_windows": [[1.0, 6.0]],
    }
    write_lines(tmp_path / "test.jsonl", [row])
    touch(tmp_path, "s1.mp4")
    (sample,) = _samples("tacos", tmp_path)
    assert (sample.answer, _file(sample).paths) == ("1.0-6.0", ("s1.mp4",))
