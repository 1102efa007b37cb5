"""Results, refusals and the table; expected numbers are by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.adapter import FolderBenchmark
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.paper import beside_paper
from tasks.core.controls import GREY, Unseen, control
from tasks.core.statistics import Estimate, ItemScore
from tasks.core.types import Sample
from tasks.evaluate.score_benchmark import (
    ModelResult,
    result_json,
    results_table,
    score_benchmark,
)
from tasks.rollout.answerer import Reply
from tests.helpers.questions import make_benchmark
from tests.helpers.rollouts import make_reply

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> FolderBenchmark:
    folder = make_benchmark(tmp_path_factory.mktemp("benchmark"), num_videos=2, num_missing=1)
    return BENCHMARKS["universal"].open(Path(folder.folder), folder.conditions)


def _replies(samples: list[Sample]) -> dict[str, Reply]:
    """Two letters right, one after a space, one question that could not be shown, the rest
    unreadable."""
    texts = {
        "universal/0-0": "A",
        "universal/0-1": " B",
        "universal/0-2": "C because",
        "universal/0-g": "nothing",
    }
    return {
        sample.sample_id: make_reply(sample.sample_id, failure="no video")
        if "gone" in sample.sample_id
        else make_reply(
            sample.sample_id,
            texts.get(sample.sample_id, "?"),
            truncated=sample.sample_id == "universal/0-2",
        )
        for sample in samples
    }


def test_missing_and_unreadable_questions_stay_in_the_denominator(
    benchmark: FolderBenchmark,
) -> None:
    samples = list(benchmark.samples())
    found, rows = score_benchmark(
        benchmark, samples, _replies(samples), model="m", num_available=20, min_coverage=0.0
    )
    assert found.result.num_items == 9
    assert found.result.headline.mean == pytest.approx(2 / 9)
    assert found.result.robust.mean == pytest.approx(3 / 9)
    assert (found.result.num_missing, found.result.num_unparsed, found.num_truncated) == (1, 6, 1)
    assert found.num_answer_tokens == 1 + 2 + 9 + 7 + 4
    assert [row.sample_id for row in rows] == [sample.sample_id for sample in samples]
    assert {row.sample_id: row.failure for row in rows if row.failure} == {
        "universal/gone-0": "no video"
    }
    assert found.metrics()["benchmark/score"] == pytest.approx(2 / 9)


def test_low_coverage_gives_no_headline(benchmark: FolderBenchmark) -> None:
    samples = list(benchmark.samples())
    found, _ = score_benchmark(
        benchmark, samples, _replies(samples), model="m", num_available=9, min_coverage=0.98
    )
    assert found.headline is None
    assert "1 of 9 questions could not be shown (most often: no video)" in found.refused
    assert not any(name.startswith("benchmark/score") for name in found.metrics())
    table = results_table([found])
    assert "refused" in table
    assert "88.9%" in table
    assert "22.2" not in table
    assert json.loads(result_json(found))["refused"] == found.refused


def test_the_table_says_what_limits_the_numbers(benchmark: FolderBenchmark) -> None:
    samples = list(benchmark.samples())
    found, _ = score_benchmark(
        benchmark, samples, _replies(samples), model="m", num_available=20, min_coverage=0.0
    )
    table = results_table([found])
    for text in (
        "22.2",
        "3 videos: no interval",
        "9 of 20 questions (limit)",
        "1 x no video",
        "1 answers were cut off",
        "deviation: max_frames: 8 (paper: 32, 48, 64)",
    ):
        assert text in table


@pytest.mark.parametrize(
    ("mean", "reach", "differs"),
    [
        (0.641, 0.002, False),
        (0.6505, 0.002, False),
        (0.652, 0.002, True),
        (0.652, 0.012, False),
        (0.60, 0.02, True),
    ],
)
def test_a_difference_from_the_paper_is_marked_beyond_a_point_and_outside_the_interval(
    mean: float, reach: float, differs: bool
) -> None:
    own = Estimate(mean=mean, low=mean - reach, high=mean + reach, num_items=2700, num_videos=900)
    baseline, trained = beside_paper("videomme", 32, own)
    assert (baseline.score, trained.score) == (64.1, 65.2)
    assert baseline.difference == pytest.approx(100 * mean - 64.1)
    assert baseline.differs == differs


def test_the_paper_has_a_row_for_each_of_its_benchmarks_and_frames() -> None:
    from tasks.benchmarks.catalogue import PAPER_BENCHMARKS

    own = Estimate(mean=0.5, num_items=1, num_videos=1)
    for name in PAPER_BENCHMARKS:
        for frames in (32, 48, 64):
            expected = 2 if name != "viubench" or frames == 48 else 0
            assert len(beside_paper(name, frames, own)) == expected, (name, frames)
    assert beside_paper("universal", 48, own) == []


def _with_control(benchmark: FolderBenchmark) -> ModelResult:
    samples = list(benchmark.samples())
    found, _ = score_benchmark(
        benchmark, samples, _replies(samples), model="m", num_available=9, min_coverage=0.0
    )
    # Of ten videos with one item each five are right; blind two of eight.
    scores = {f"i{n}": ItemScore(score=float(n % 2), video=f"v{n}") for n in range(10)}
    unseen = {item: Unseen(item=item, chance=0.25, constant=0.3) for item in scores}
    blind = {GREY: {f"i{n}": float(n in (1, 2)) for n in range(8)}}
    return replace(found, control=control(scores, unseen, blind))


def test_the_table_says_how_far_the_questions_are_answered_blind(
    benchmark: FolderBenchmark,
) -> None:
    found = _with_control(benchmark)
    table = results_table([found, replace(found, control=None, name="other")])
    head, _, row, other, *notes = table.splitlines()
    columns = [cell.strip() for cell in head.split("|")][11:]
    assert columns[:4] == ["best constant", "blind, grey", "blind, swapped", "gain by seeing, grey"]
    cells = [cell.strip() for cell in row.split("|")][11:]
    # Seen on the eight: 1, 3, 5, 7; three of them and minus the second are gained.
    assert cells[:3] == ["30.0", "25.0", "–"]
    assert cells[3].startswith("+25.0 (-")
    assert {cell.strip() for cell in other.split("|")[11:-1]} == {"–"}
    assert (
        "universal: answered blind: 25.0 with grey frames (8 of 10 asked), of 50.0 points with its "
        "pictures (chance 25.0, best constant answer 30.0)"
    ) in notes
    assert "blind" not in results_table([replace(found, control=None)])


def test_a_result_has_its_controls_and_without_them_no_word_of_it(
    benchmark: FolderBenchmark,
) -> None:
    found = _with_control(benchmark)
    kept = json.loads(result_json(found))
    assert kept["controls"].keys() == {
        "chance",
        "constant",
        "over_constant",
        "blind",
        "gain_by_seeing",
    }
    assert kept["controls"]["blind"][GREY]["mean"] == 0.25
    assert kept["controls"]["over_constant"]["mean"] == pytest.approx(0.2)
    metrics = found.metrics()
    assert metrics["controls/blind_grey"] == 0.25
    assert metrics["controls/gain_by_seeing_grey"] == 0.25
    assert metrics["controls/gain_by_seeing_grey_low"] < 0.25
    without = replace(found, control=None)
    del kept["controls"]
    assert json.loads(result_json(without)) == kept
    assert not any(name.startswith("controls/") for name in without.metrics())
