"""What holds for every benchmark, on a folder as its authors lay it out."""

import math
import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rewards.schema import canonical_answer, read_schema
from tasks.benchmarks.adapter import FolderBenchmark, mean
from tasks.benchmarks.catalogue import BENCHMARKS, PAPER_BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.lookup import missing_of
from tasks.benchmarks.protocol import AnswerScore, Benchmark
from tasks.core.errors import InputError
from tasks.core.manifest import read_rows, write_rows
from tasks.core.store import Store
from tasks.core.types import Sample, Split
from tasks.evaluate.unseen_benchmark import unseen_benchmark
from tests.helpers.benchmark_folders import FOLDERS
from tests.helpers.choice_folders import MISSING

_ROUNDING = 0.01
"""Windows are written with one decimal."""
_ANNOTATIONS = {".json", ".jsonl", ".parquet", ".txt"}


@pytest.fixture(params=list(BENCHMARKS))
def benchmark(request: pytest.FixtureRequest, tmp_path: Path) -> FolderBenchmark:
    FOLDERS[request.param][0](tmp_path)
    return BENCHMARKS[request.param].open(tmp_path)


def _right(benchmark: FolderBenchmark, samples: Sequence[Sample]) -> list[AnswerScore]:
    return [benchmark.judge(sample, _written(sample)) for sample in samples]


def _written(sample: Sample) -> str:
    """The right answer as the question asks for it; only VIUBench wants an order as bare digits."""
    if sample.answer_kind != "permutation" or sample.pretext == "viubench":
        return sample.answer
    return f"Correct order: {', '.join(sample.answer)}"


def test_all_of_the_paper_are_there() -> None:
    assert len(PAPER_BENCHMARKS) == 17
    assert set(FOLDERS) == set(BENCHMARKS)


def test_it_keeps_the_protocol(benchmark: FolderBenchmark) -> None:
    assert isinstance(benchmark, Benchmark)


def test_every_question_comes_with_an_id_of_its_own_and_a_readable_answer(
    benchmark: FolderBenchmark,
) -> None:
    samples = list(benchmark.samples())
    assert len(samples) == FOLDERS[benchmark.name][1]
    assert len({sample.sample_id for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.split == Split.BENCHMARK
        assert sample.pretext == benchmark.name
        assert canonical_answer(sample.answer, read_schema(sample.answer_kind)) is not None
        assert sample.question == sample.question.strip() != ""


def test_questions_survive_in_a_manifest(benchmark: FolderBenchmark, data_root: str) -> None:
    samples = list(benchmark.samples())
    write_rows(Store(data_root), "samples.parquet", Sample, samples)
    assert read_rows(Store(data_root), "samples.parquet", Sample) == samples


def test_a_missing_video_leaves_its_question_and_says_why(benchmark: FolderBenchmark) -> None:
    for view in (view for sample in benchmark.samples() for view in sample.views):
        assert view.file is not None
        assert bool(view.file.missing) == (not view.file.paths)
        assert (MISSING in view.clip_id) == (not view.file.paths) or benchmark.name.startswith(
            "vinoground"
        )
        assert all((benchmark.root / path).is_file() for path in view.file.paths)


def test_the_right_answer_scores_one_and_an_empty_one_nothing(benchmark: FolderBenchmark) -> None:
    for sample in benchmark.samples():
        right, empty = benchmark.judge(sample, _written(sample)), benchmark.judge(sample, "")
        assert (right.robust, right.robust_parsed) == (pytest.approx(1.0, abs=_ROUNDING), True)
        assert (right.paper, right.paper_parsed) == (pytest.approx(1.0, abs=_ROUNDING), True)
        assert (empty.paper, empty.robust, empty.paper_parsed, empty.robust_parsed) == (
            0.0,
            0.0,
            False,
            False,
        )


def test_no_text_raises(benchmark: FolderBenchmark) -> None:
    rng = random.Random(0)
    pieces = [
        "A",
        "(B)",
        "\n",
        "1-2",
        "0:05",
        "to",
        "<think>",
        "</think>",
        "\\boxed{",
        "}",
        "2,1,3",
        "é",
        "\0",
        "9" * 400,
    ]
    for sample in benchmark.samples():
        for _ in range(20):
            text = " ".join(rng.choices(pieces, k=rng.randrange(12)))
            row = benchmark.judge(sample, text)
            assert 0.0 <= row.paper <= 1.0
            assert 0.0 <= row.robust <= 1.0


def test_a_perfect_run_scores_one_but_for_incomplete_groups(benchmark: FolderBenchmark) -> None:
    result = benchmark.aggregate(_right(benchmark, list(benchmark.samples())))
    expected = 2 / 3 if benchmark.name.startswith("vinoground") else 1.0
    assert result.headline.mean == pytest.approx(expected, abs=_ROUNDING)
    assert result.robust.mean == pytest.approx(expected, abs=_ROUNDING)
    assert (result.coverage, result.num_missing, result.num_unparsed) == (1.0, 0, 0)
    assert result.deviations == ()


def test_what_could_not_be_shown_stays_in_the_denominator_with_its_reason(
    benchmark: FolderBenchmark,
) -> None:
    samples = list(benchmark.samples())
    rows = _right(benchmark, samples)
    rows[0] = benchmark.fail(samples[0], "no video")
    result = benchmark.aggregate(rows)
    assert result.headline.mean < benchmark.aggregate(_right(benchmark, samples)).headline.mean
    assert (result.num_items, result.num_missing) == (len(rows), 1)
    assert result.missing_reasons == {"no video": 1}
    assert result.coverage == pytest.approx(1 - 1 / len(rows))


def test_all_missing_gives_zero_and_no_official_number(benchmark: FolderBenchmark) -> None:
    result = benchmark.aggregate([benchmark.fail(sample, "gone") for sample in benchmark.samples()])
    assert (result.headline.mean, result.official_like, result.coverage) == (0.0, None, 0.0)


def test_order_of_the_rows_does_not_matter(benchmark: FolderBenchmark) -> None:
    rows = _right(benchmark, list(benchmark.samples()))
    assert benchmark.aggregate(rows[::-1]) == benchmark.aggregate(rows)
    with pytest.raises(ValueError, match="each question once"):
        benchmark.aggregate([*rows, rows[0]])


def test_every_deviation_is_said(benchmark: FolderBenchmark) -> None:
    usual = benchmark.conditions
    other = replace(benchmark, conditions=replace(usual, max_frames=16, max_answer_tokens=512))
    said = other.aggregate(_right(other, list(other.samples()))).deviations
    assert [text.split(":")[0] for text in said] == ["max_frames", "max_answer_tokens"]
    alternative = replace(benchmark, conditions=Conditions(max_frames=64))
    says_so = bool(
        alternative.aggregate(_right(alternative, list(alternative.samples()))).deviations
    )
    assert says_so == (benchmark.name == "viubench")


def test_a_file_that_is_cut_off_is_named(benchmark: FolderBenchmark) -> None:
    files = sorted(
        p for p in benchmark.root.rglob("*") if p.suffix in _ANNOTATIONS and p.stat().st_size
    )
    for path in files:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) - max(12, len(whole) // 10)])
    if benchmark.name == "universal":  # anybody's rows: the others go on
        (cut,) = [sample for sample in benchmark.samples() if not sample.question]
        assert cut.views[0].file is not None
        assert re.search(rf"{files[0].name}, row .*cut off", cut.views[0].file.missing)
        return
    with pytest.raises(InputError, match=r"cut off|is no (Parquet|JSON)|no JSON") as caught:
        list(benchmark.samples())
    assert any(path.name in str(caught.value) for path in files)


def test_an_empty_folder_is_refused_in_one_line(benchmark: FolderBenchmark, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(InputError, match=r"expected|give the folder") as caught:
            list(benchmark.adapter.open(folder).samples())
        assert "\n" not in str(caught.value)


def test_chance_is_stated_by_unit_and_a_constant_is_none_or_a_score(
    benchmark: FolderBenchmark,
) -> None:
    samples = list(benchmark.samples())
    judged = [
        benchmark.fail(sample, "gone") if missing_of(sample) else benchmark.judge(sample, "")
        for sample in samples
    ]
    rows, units = unseen_benchmark(benchmark, samples, {}, 0), benchmark.units(judged)
    assert [row.item for row in rows] == list(units)
    assert all(math.isnan(row.constant) or 0 <= row.constant <= 1 for row in rows)
    stated = mean({row.item: replace(units[row.item], score=row.chance) for row in rows})
    chance = benchmark.aggregate(judged).chance
    assert stated == pytest.approx(math.nan if chance is None else chance, nan_ok=True)
