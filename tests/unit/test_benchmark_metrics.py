"""Each benchmark's metric on hand-made answers, calculated a second time without the code under
test."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tasks.benchmarks.adapter import FolderBenchmark
from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.protocol import BenchmarkResult
from tasks.core.types import Sample
from tests.helpers import benchmark_folders as folders
from tests.helpers import choice_folders
from tests.helpers.files import write_json, write_lines

_AB = "A. x\nB. y"


def _run(
    name: str, root: Path, answers: Mapping[str, str | None]
) -> tuple[list[Sample], BenchmarkResult]:
    """`answers` by sample id without the benchmark's name; None for a question that could not be
    shown."""
    benchmark: FolderBenchmark = BENCHMARKS[name].open(root)
    samples = list(benchmark.samples())
    rows = []
    for sample in samples:
        text = answers[sample.sample_id.removeprefix(f"{name}/")]
        rows.append(
            benchmark.fail(sample, "gone") if text is None else benchmark.judge(sample, text)
        )
    return samples, benchmark.aggregate(rows)


def _grid_iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Counted on hundredths of a second instead of calculated."""
    ticks = np.arange(0, 20_000) + 0.5
    in_one = (ticks > one[0] * 100) & (ticks < one[1] * 100)
    in_other = (ticks > other[0] * 100) & (ticks < other[1] * 100)
    return float((in_one & in_other).sum() / max(1, (in_one | in_other).sum()))


def _qvhighlights(root: Path, windows: Sequence[Sequence[tuple[float, float]]]) -> None:
    rows = [
        {"qid": n, "query": "It moves.", "vid": f"v{n}", "relevant_windows": found}
        for n, found in enumerate(windows)
    ]
    write_lines(root / "highlight_val_release.jsonl", rows)


def test_grounding_with_several_windows(tmp_path: Path) -> None:
    windows = [
        [(10.0, 16.0)],
        [(0.0, 10.0), (40.0, 60.0), (100.0, 120.0)],
        [(2.0, 4.0)],
        [(5.0, 9.0)],
        [(1.0, 2.0)],
    ]
    said: list[tuple[float, float] | None] = [(12.0, 20.0), (42.0, 60.0), None, (5.0, 9.0), None]
    _qvhighlights(tmp_path, windows)
    texts = {
        str(n): "nothing" if found is None else f"in the {found[0]} - {found[1]}"
        for n, found in enumerate(said)
    }
    _, result = _run("qvhighlights", tmp_path, {**texts, "4": None})

    ious = [
        [_grid_iou(found, w) if found else 0.0 for w in truth]
        for found, truth in zip(said, windows, strict=True)
    ]
    best = [max(row) for row in ious]
    assert best == pytest.approx([0.4, 0.9, 0, 1, 0], abs=1e-3)
    assert result.headline.mean == pytest.approx(np.mean(best))
    assert result.metrics["R1@0.3"] == pytest.approx(3 / 5)
    assert result.metrics["R1@0.5"] == result.metrics["R1@0.7"] == pytest.approx(2 / 5)
    assert result.metrics["mIoU with the first window"] == pytest.approx(
        np.mean([row[0] for row in ious])
    )
    assert result.metrics["mIoU of single windows"] == pytest.approx((0.4 + 0 + 1 + 0) / 4)
    # The script leaves unreadable answers out, and what it could not show.
    assert result.official_like == pytest.approx((0.4 + 0.9 + 1) / 3)
    assert result.official_metrics["R1@0.3"] == pytest.approx(1.0)
    assert (
        result.official_metrics["R1@0.5"]
        == result.official_metrics["R1@0.7"]
        == pytest.approx(2 / 3)
    )
    assert (result.num_unparsed, result.num_missing, result.coverage) == (1, 1, pytest.approx(0.8))


def test_mean_average_precision_of_one_prediction(tmp_path: Path) -> None:
    windows = [[(0.0, 10.0)], [(0.0, 10.0), (50.0, 60.0)], [(0.0, 10.0)]]
    _qvhighlights(tmp_path, windows)
    answers = {"0": "0.0 - 8.0", "1": "50.0 - 60.0", "2": "70 - 80"}
    _, result = _run("qvhighlights", tmp_path, answers)
    by_hand = []
    for threshold in np.arange(0.5, 0.96, 0.05):
        # Precision is 1 at the only rank if it hits; recall then steps up by one of the windows.
        hits = [threshold - 1e-9 <= 0.8, True, False]
        by_hand.append(
            np.mean([hit / len(found) for hit, found in zip(hits, windows, strict=True)])
        )
    assert result.metrics["MR-mAP"] == pytest.approx(np.mean(by_hand))


def test_recall_counts_an_overlap_that_is_just_enough(tmp_path: Path) -> None:
    (tmp_path / "charades_sta_test.txt").write_text("X 0 10##it moves.\n")
    _, result = _run("charades_sta", tmp_path, {"0": "5 - 10"})
    assert (result.metrics["R1@0.5"], result.metrics["R1@0.7"]) == (1.0, 0.0)


def test_copies_of_the_prompts_example_are_counted(tmp_path: Path) -> None:
    (tmp_path / "charades_sta_test.txt").write_text("X 0 10##it moves.\nX 1 2##it stops.\n")
    _, result = _run(
        "charades_sta",
        tmp_path,
        {"0": "The event happens in the 24.3 - 30.4 seconds.", "1": "1 - 2"},
    )
    assert result.metrics["example_copied"] == 0.5


def test_pairs_count_only_as_a_whole(tmp_path: Path) -> None:
    rows = [
        choice_folders.vinoground_row(f"{n}_{half}", "A")
        for n in range(4)
        for half in ("pos", "neg")
    ][:-1]
    write_json(tmp_path / "vinoground_textscore.json", rows)
    texts = ["A", "A", "A", "B", "B", "B", "A"]
    answers = {f"text-{row['idx']}": text for row, text in zip(rows, texts, strict=True)}
    _, result = _run("vinoground", tmp_path, answers)
    right = defaultdict(list)
    for row, text in zip(rows, texts, strict=True):
        right[row["idx"].split("_")[0]].append(text == row["GT"])
    assert (
        result.headline.mean
        == sum(len(pair) == 2 and all(pair) for pair in right.values()) / 4
        == 0.25
    )
    assert result.metrics["accuracy of single questions"] == pytest.approx(4 / 7)
    assert (result.num_items, result.headline.num_items) == (7, 4)


def test_the_papers_script_leaves_empty_letters_out(tmp_path: Path) -> None:
    """eval/vqa.py of github.com/lcqysl/VideoSSR fails on them and divides by right and wrong; a
    blank is wrong."""
    rows = [{"video": "v", "question": f"?\n{_AB}", "answer": "A", "id": str(n)} for n in range(5)]
    write_json(tmp_path / "q.json", rows)
    _, result = _run("universal", tmp_path, {"0": "A", "1": "", "2": None, "3": "A", "4": " A"})
    assert result.headline.mean == pytest.approx(2 / 5)
    assert result.official_like == pytest.approx(2 / 3)
    _, result = _run("universal", tmp_path, {"0": "A", "1": "", "2": "", "3": "A", "4": ""})
    assert result.official_like == 1.0
    _, result = _run("universal", tmp_path, dict.fromkeys("01234", ""))
    assert (result.official_like, result.official_metrics) == (None, {})


def test_mvbenchs_script_averages_over_questions(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    write_json(
        tmp_path / "json/moving_count.json", [choice_folders.mvbench_row(n % 3) for n in range(8)]
    )
    samples = list(BENCHMARKS["mvbench"].open(tmp_path).samples())
    said = ["A", "", "B"]
    texts = {s.sample_id.removeprefix("mvbench/"): said[n % 3] for n, s in enumerate(samples)}
    samples, result = _run("mvbench", tmp_path, texts)
    right = [said[n % 3] == sample.answer for n, sample in enumerate(samples) if said[n % 3]]
    assert result.official_like == pytest.approx(np.mean(right))


def test_a_pair_with_an_empty_answer_is_wrong_for_vinogrounds_script(tmp_path: Path) -> None:
    rows = [
        choice_folders.vinoground_row(f"{n}_{half}", "A")
        for n in range(3)
        for half in ("pos", "neg")
    ]
    write_json(tmp_path / "vinoground_textscore.json", rows)
    texts = ["A", "A", "A", "", None, None]
    answers = {f"text-{row['idx']}": text for row, text in zip(rows, texts, strict=True)}
    _, result = _run("vinoground", tmp_path, answers)
    assert result.headline.mean == pytest.approx(1 / 3)
    assert result.official_like == pytest.approx(1 / 2)


def test_orders_that_cannot_be_read_stay_wrong_for_the_authors_script(tmp_path: Path) -> None:
    folders.vcrbench(tmp_path)
    _, result = _run("vcrbench", tmp_path, {"1": "3, 1, 4, 2", "2": "no idea", "3": None})
    assert result.official_like == pytest.approx(1 / 2)
    assert result.official_metrics["step accuracy"] == pytest.approx(4 / 7)


def test_group_score_wants_text_and_video_right(tmp_path: Path) -> None:
    for score in ("text", "video"):
        rows = [
            choice_folders.vinoground_row(f"{n}_{half}", "A")
            for n in range(2)
            for half in ("pos", "neg")
        ]
        write_json(tmp_path / f"vinoground_{score}score.json", rows)
    answers = {
        f"{score}-{n}_{half}": "A"
        for score in ("text", "video")
        for n in range(2)
        for half in ("pos", "neg")
    }
    _, result = _run("vinoground_group", tmp_path, answers | {"video-1_neg": "B"})
    assert result.headline.mean == 0.5
    assert (result.metrics["text score"], result.metrics["video score"]) == (1.0, 0.5)


def test_mvbench_is_the_mean_of_tasks(tmp_path: Path) -> None:
    folders.mvbench(tmp_path)
    write_json(
        tmp_path / "json/moving_count.json", [choice_folders.mvbench_row(n % 3) for n in range(8)]
    )
    samples = list(BENCHMARKS["mvbench"].open(tmp_path).samples())
    answers = {sample.sample_id.removeprefix("mvbench/"): "A" for sample in samples}
    samples, result = _run("mvbench", tmp_path, answers)
    shares = defaultdict(list)
    for sample in samples:
        shares[sample.kind].append(sample.answer == "A")
    assert result.headline.mean == pytest.approx(
        np.mean([np.mean(found) for found in shares.values()])
    )
    assert result.headline.mean != pytest.approx(
        np.mean([sample.answer == "A" for sample in samples])
    )
    assert result.breakdown["task"]["moving_count"].score == pytest.approx(3 / 8)


def test_viubench_is_the_mean_of_nine_types(tmp_path: Path) -> None:
    folders.viubench(tmp_path)
    answers: dict[str, str | None] = {f"grounding-{n}": "11.0-18.8" for n in range(5)}
    answers |= {"counting_easy-0": "circles: 3, squares: 1, triangles: 4", "counting_easy-1": None}
    answers |= {"counting_hard-0": "4,1", "jigsaw-0": "3-4-1-5-6-2", "jigsaw-1": "34156287"}
    _, result = _run("viubench", tmp_path, answers)
    interval = _grid_iou((11.0, 18.8), (12.5, 18.8))
    by_type = [*[interval] * 5, (2 / 3 + 0) / 2, 0.0, 1.0, 0.0]
    assert result.headline.mean == pytest.approx(np.mean(by_type), abs=1e-4)
    assert result.breakdown["pretext"]["grounding"].score == pytest.approx(interval, abs=1e-4)
    assert result.breakdown["pretext"]["counting"].score == pytest.approx((1 / 3 + 0) / 2)
    assert result.breakdown["pretext"]["jigsaw"].score == 0.5
    # Strictly, the whole text must be the answer.
    assert result.metrics["strict format"] == pytest.approx((interval * 5 + 0) / 9, abs=1e-4)


def test_vcrbench_pools_steps_and_averages_goals(tmp_path: Path) -> None:
    truths = [[2, 0, 3, 1], [1, 0, 2], [0, 1, 2]]
    goals = ["make a latte", "make a latte", "change a tyre"]
    rows = [{"qid": str(n), "goal": goal, "ground_truth": truth, "video_file": "v.mp4"}
            for n, (goal, truth) in enumerate(zip(goals, truths, strict=True))]  # fmt: skip
    write_json(tmp_path / "data.json", rows)
    said = [[3, 1, 2, 4], [2, 1, 3], None]
    texts = {
        str(n): None
        if order is None
        else f"Well.\n**Correct order:** Clip {', Clip '.join(map(str, order))}"
        for n, order in enumerate(said)
    }
    _, result = _run("vcrbench", tmp_path, texts)
    hits = [
        sum(s - 1 == t for s, t in zip(order or [], truth, strict=False))
        for order, truth in zip(said, truths, strict=True)
    ]
    assert hits == [2, 3, 0]
    assert result.metrics["step accuracy"] == pytest.approx(sum(hits) / 10)
    assert result.headline.mean == pytest.approx(1 / 3)
    assert result.metrics["mean of goals"] == pytest.approx((0.5 + 0) / 2)
    assert result.breakdown["steps"]["3"].score == 0.5


def test_videommmu_prints_micro_and_track_means(tmp_path: Path) -> None:
    folders.videommmu(tmp_path)
    more = {
        str(n): {"id": f"dev_Math_{n}", "question": "?", "options": ["x", "y"], "answer": "B"}
        for n in range(4)
    }
    write_json(tmp_path / "data/perception_video.json", {"Perception": more})
    samples = list(BENCHMARKS["videommmu"].open(tmp_path).samples())
    answers = {sample.sample_id.removeprefix("videommmu/"): "B" for sample in samples}
    _, result = _run("videommmu", tmp_path, answers)
    assert result.headline.mean == pytest.approx(5 / 6)
    assert result.metrics["mean of tracks"] == pytest.approx((1 + 1 + 0) / 3)


def test_cvbench_prints_groups_and_leaves_out_yes_or_no_rows(tmp_path: Path) -> None:
    folders.cvbench(tmp_path)
    _, result = _run("cvbench", tmp_path, {"1": "B", "2": "D", "3": "A", "4": "B"})
    assert result.headline.mean == 0.5
    assert result.metrics["accuracy without yes-or-no rows"] == pytest.approx(2 / 3)
    assert {name: part.score for name, part in result.breakdown["task_group"].items()} == {
        "Object Association": pytest.approx(2 / 3), "Event Association": 0.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "tempcompass",
        "aotbench",
        "videomme",
        "lvbench",
        "longvideobench",
        "cgbench",
        "videott",
        "cvbench",
        "universal",
    ],
)
def test_choice_benchmarks_score_the_share_that_is_right(tmp_path: Path, name: str) -> None:
    """First characters, compared by a regular expression over what was asked and said."""
    folders.FOLDERS[name][0](tmp_path)
    benchmark = BENCHMARKS[name].open(tmp_path)
    samples = [sample for sample in benchmark.samples() if sample.answer_kind == "choice"]
    texts = ["A", " A", "(B)", "B. because", "", "C"]
    said = [texts[index % len(texts)] for index in range(len(samples))]
    result = benchmark.aggregate(
        [benchmark.judge(sample, text) for sample, text in zip(samples, said, strict=True)]
    )
    paper = [
        bool(re.match(sample.answer, text)) for sample, text in zip(samples, said, strict=True)
    ]
    robust = [
        re.sub(r"\W", "", text)[:1] == sample.answer
        for sample, text in zip(samples, said, strict=True)
    ]
    assert result.headline.mean == pytest.approx(np.mean(paper))
    assert result.robust.mean == pytest.approx(np.mean(robust))
    letters = [sample.benchmark.letters for sample in samples if sample.benchmark]
    assert result.num_unparsed == sum(
        not re.match(f"[{own}]", text) for own, text in zip(letters, said, strict=True)
    )


def test_intervals_are_over_videos_not_questions(tmp_path: Path) -> None:
    lines = [f"V{video} 0 10##it moves {n}." for video in range(10) for n in range(10)]
    (tmp_path / "charades_sta_test.txt").write_text("\n".join(lines))
    _, result = _run(
        "charades_sta", tmp_path, {str(n): "0 - 10" if n < 50 else "50 - 60" for n in range(100)}
    )
    assert (result.headline.num_items, result.headline.num_videos) == (100, 10)
    assert result.headline.se == pytest.approx(0.5 / np.sqrt(9), rel=0.3), (
        "as of 10 videos; 0.05 as of 100 questions"
    )
