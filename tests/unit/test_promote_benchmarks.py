"""Benchmarks and the anchor in what a run leaves: summary, table, report, metrics, tags."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import pytest
from scipy.special import stdtrit

from tasks.core.manifest import write_rows
from tasks.core.score_config import BenchmarkConfig, EvaluateConfig
from tasks.core.scores import BEFORE, BenchmarkScore, UnitScore
from tasks.core.store import Store
from tasks.promote.evidence import load_evidence
from tests.helpers.finished_run import make_inputs
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.promoted_run import CONFIG, Outcome

pytestmark = pytest.mark.slow

OURS = replace(
    CONFIG, evaluate=EvaluateConfig(benchmarks={"ours": BenchmarkConfig("/data/questions")})
)
"""With a benchmark besides the anchor."""


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run that was asked a benchmark and an anchor, and lost one question of forty."""
    root = str(tmp_path_factory.mktemp("asked"))
    inputs = make_inputs(Store(root), losses={"ours": 1, "anchor": 0})
    return Outcome(root, inputs, MemoryRegistry(), config=OURS)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def test_a_benchmark_that_fell_is_why_a_challenger_is_not_promoted(
    data_root: str, registry: MemoryRegistry
) -> None:
    inputs = make_inputs(Store(data_root), losses={"ours": 8})
    outcome = Outcome(data_root, inputs, registry, config=OURS)
    assert not outcome.promotion.promoted
    assert "it may not fall on ours: the mean gain of -0.2000" in outcome.promotion.reason
    line = "promoted            no: 1 of 7 rules does not hold\n"
    _, _, checks = outcome.table.partition(line)
    assert checks.strip().startswith("no: it may not fall on ours"), "what failed comes first"
    assert outcome.promotion.reason not in outcome.table


def test_a_rule_on_an_anchor_that_nobody_was_asked_does_not_hold(
    data_root: str, registry: MemoryRegistry
) -> None:
    """As on a night that held out too few videos for one."""
    rules = replace(CONFIG.promote, must_win=("anchor",), overall=("anchor", "heldout"))
    config = replace(CONFIG, promote=rules)
    outcome = Outcome(data_root, make_inputs(Store(data_root)), registry, config=config)
    assert not outcome.promotion.promoted
    assert (
        "gains must rest on at least 10 videos: on anchor there are 0" in outcome.promotion.reason
    )
    gains = outcome.summary["overall"]["gain"], outcome.summary["heldout"]["gain"]
    assert gains[0]["mean"] == pytest.approx(gains[1]["mean"])


def test_one_question_of_forty_may_be_lost_and_what_would_have_shown_is_said(
    asked: Outcome,
) -> None:
    """Lost is one question of 40 on 20 videos: the mean of -1/40 has a standard error of 1/40, as
    videos gained 0, but for one that lost a half."""
    summary = asked.summary["benchmarks"]["ours"]
    assert asked.promotion.promoted
    assert (summary["gain"]["mean"], summary["gain"]["se"]) == (
        pytest.approx(-1 / 40),
        pytest.approx(1 / 40),
    )
    loss = summary["visible_loss"]
    # With normal quantiles it would be (1.96 + 0.84) / 40, but one video carries all the spread.
    quantiles = stdtrit(summary["gain"]["degrees_of_freedom"], [0.975, 0.8])
    assert loss == pytest.approx(quantiles.sum() / 40)
    assert loss > 2.8 / 40
    (check,) = (text for text in asked.summary["decision"]["checks"] if "fall on ours" in text)
    assert f"would have shown a true loss of {loss:.4f} four times out of five" in check
    assert f"{loss:.3f}" in asked.table
    assert f"{loss:.3f}" in asked.report


def test_benchmarks_stand_in_the_summary_beside_base_and_paper(asked: Outcome) -> None:
    ours, anchor = (asked.summary["benchmarks"][name] for name in ("ours", "anchor"))
    assert asked.summary["anchor"] == "anchor"
    assert (ours["is_anchor"], anchor["is_anchor"]) == (False, True)
    # 36 of 40 are right, and one of them was lost.
    assert ours["before"]["mean"] == pytest.approx(36 / 40)
    assert ours["after"]["mean"] == pytest.approx(35 / 40)
    assert ours["after"]["low"] < 35 / 40 < ours["after"]["high"]
    assert anchor["base"]["mean"] == pytest.approx(16 / 40)
    assert "base" not in ours
    assert (ours["num_questions"], ours["num_available"], ours["chance"]) == (40, 100, 0.25)
    assert ours["paper"] == {"VideoSSR-8B": 0.875}
    assert ours["questions"] == "questions of ours"
    assert asked.store.exists(ours["after"]["result"])
    # Without the anchor, which shows the VIUBench of one night again.
    overall = asked.summary["overall"]
    assert overall["places"] == ["viubench", "heldout", "ours"]
    gains = asked.summary["decision"]["gains"]
    assert overall["gain"]["mean"] == pytest.approx(
        fmean(gains[place]["mean"] for place in overall["places"])
    )


def test_benchmarks_stand_in_table_report_metrics_and_tags(asked: Outcome) -> None:
    for text in ("ours", "anchor", "40 of 100 questions", "0.875 (VideoSSR-8B)", "0.400 ± "):
        assert text in asked.table
    for text in ("<h2>Benchmarks</h2>", "0.875 VideoSSR-8B", "kind: what", "chance 0.250"):
        assert text in asked.report
    assert "charts/benchmarks.png" in asked.tracker.files
    assert all(len(line) <= 140 for line in asked.table.splitlines() if " ± " in line)
    values = {name: value for name, ((_, value),) in asked.tracker.metrics.items()}
    gain = asked.summary["benchmarks"]["ours"]["gain"]
    assert values["benchmark_ours/after"] == pytest.approx(35 / 40)
    assert values["benchmark_ours/gain"] == gain["mean"]
    assert values["benchmark_ours/gain_low"] == gain["low"]
    assert values["benchmark_anchor/base"] == pytest.approx(16 / 40)
    assert values["benchmark_ours/paper VideoSSR-8B"] == 0.875
    assert "benchmark_anchor/gain_low" not in values, "nothing changed there: no interval"
    tags = asked.registry.versions["videossr"][0].tags
    assert tags["videossr.ours_mean"] == "0.875000"
    assert tags["videossr.ours_interval"].startswith("0.7")
    assert tags["videossr.digest.questions.ours"] == "questions of ours"


def test_without_benchmarks_nothing_is_said_of_them(
    data_root: str, registry: MemoryRegistry
) -> None:
    outcome = Outcome(data_root, make_inputs(Store(data_root), num_items=2), registry)
    assert outcome.summary["benchmarks"] == {}
    assert "visible loss" not in outcome.table
    assert "<h2>Benchmarks" not in outcome.report
    assert not [name for name in outcome.tracker.metrics if name.startswith("benchmark")]


def test_who_answered_in_the_place_of_a_policy_is_said_wherever_scores_are(
    data_root: str, registry: MemoryRegistry
) -> None:
    given = {"after": "http://me:secret@host:8000/v1#other", "champion": "random"}
    config = replace(OURS, evaluate=replace(OURS.evaluate, answerers=given))
    inputs = make_inputs(Store(data_root), losses={"ours": 0})
    outcome = Outcome(data_root, inputs, registry, config=config)
    line = "benchmarks were answered by http://***@host:8000/v1#other in the place of 'after'"
    assert line in outcome.table
    assert outcome.report.count(line.replace("'", "&#39;")) == 2, "in the verdict, and beside them"
    assert outcome.summary["answered_by"] == {"after": "http://***@host:8000/v1#other"}, (
        "nobody was champion"
    )
    tags = registry.versions["videossr"][0].tags
    assert tags["videossr.answered_by.after"] == "http://***@host:8000/v1#other"


def test_a_question_is_worth_most_in_the_smallest_part(data_root: str) -> None:
    """Parts of 5, 3 and 2 questions count a third each: one of two questions is a sixth."""
    store = Store(data_root)
    inputs = make_inputs(store, losses={"ours": 0})
    right = [
        UnitScore(unit=f"{part}{number}", score=1.0, video=f"v{number}", stratum=part)
        for part, size in (("a", 5), ("b", 3), ("c", 2))
        for number in range(size)
    ]
    wrong = [replace(row, score=float(row.unit != "c0")) for row in right]
    scores = [
        replace(one, benchmarks={"ours": _with_units(store, one.benchmarks["ours"], rows)})
        for one, rows in zip(inputs.scores, (right, wrong), strict=True)
    ]
    evidence = load_evidence(store, replace(inputs, scores=scores), OURS)
    assert evidence.guards["ours"].worth == pytest.approx(1 / 6)
    assert evidence.gains[BEFORE]["ours"].mean == pytest.approx(-1 / 6)


def _with_units(store: Store, score: BenchmarkScore, rows: Sequence[UnitScore]) -> BenchmarkScore:
    return replace(score, units=write_rows(store, score.units.key, UnitScore, rows))
