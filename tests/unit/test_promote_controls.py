"""Controls in what a run leaves: decision, summary, table, report, metrics, tags."""

import re
from dataclasses import replace

import pytest

from tasks.core.config import PromoteConfig
from tasks.core.controls import Controls
from tasks.core.score_config import BenchmarkConfig, EvaluateConfig
from tasks.core.store import Store
from tests.helpers.controlled_run import CHANCE, with_controls
from tests.helpers.finished_run import make_inputs
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.promoted_run import CONFIG, Outcome

pytestmark = pytest.mark.slow

MUST_SEE = replace(
    CONFIG,
    promote=PromoteConfig(),
    evaluate=EvaluateConfig(benchmarks={"ours": BenchmarkConfig("/data/questions")}),
)
"""With a benchmark of free words."""


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A challenger that looks, and is better."""
    root = str(tmp_path_factory.mktemp("seeing"))
    inputs = make_inputs(Store(root), losses={"ours": 1})
    inputs = with_controls(Store(root), inputs, free_text=["ours"], gains={"heldout": 0.25})
    return Outcome(root, inputs, MemoryRegistry(), config=MUST_SEE)


def test_a_better_challenger_that_looks_is_promoted(seeing: Outcome) -> None:
    assert seeing.promotion.promoted
    assert seeing.summary["decision"]["must_see"]
    assert sum("it must see on viubench" in text for text in seeing.summary["decision"]["checks"])


@pytest.mark.parametrize(
    ("constant", "looks", "words"),
    [
        (0.6, 0.15, "does not lie above the best constant answer"),
        (0.2, 0.0, "it answers alike whatever it is shown"),
    ],
)
def test_a_better_challenger_that_does_not_look_is_not_promoted(
    data_root: str, constant: float, looks: float, words: str
) -> None:
    store = Store(data_root)
    inputs = with_controls(store, make_inputs(store), constant=constant, looks=looks)
    demanded = replace(CONFIG, promote=PromoteConfig())
    outcome = Outcome(data_root, inputs, MemoryRegistry(), config=demanded)
    assert not outcome.promotion.promoted
    assert words in outcome.promotion.reason
    assert words in outcome.table
    assert words in outcome.registry.versions["videossr"][0].tags["videossr.reason"]
    tags = outcome.registry.versions["videossr"][0].tags
    assert tags["videossr.sees.viubench"].startswith("not shown: ")


def test_a_promotion_that_did_not_demand_it_says_so(data_root: str) -> None:
    store = Store(data_root)
    inputs = with_controls(store, make_inputs(store), constant=0.9, looks=0.0)
    outcome = Outcome(data_root, inputs, MemoryRegistry())
    line = "promote.must_see is off: this promotion did not demand that the model looks"
    assert outcome.promotion.promoted
    assert line in outcome.table
    assert line in outcome.report
    assert not outcome.summary["decision"]["must_see"]


def test_the_summary_has_the_controls_of_every_place_part_and_cell(seeing: Outcome) -> None:
    controls = seeing.summary["controls"]
    assert [*controls] == ["viubench", "heldout", "ours", "overall"]
    heldout = controls["heldout"]
    assert [*heldout["by_part"]] == ["counting", "grounding", "jigsaw"]
    assert "grounding/zoom_out/0.5" in heldout["by_cell"]
    assert [*controls["viubench"]["by_part"]] == [*seeing.summary["viubench"]["after"]["by_type"]]
    for of in (heldout, heldout["by_part"]["jigsaw"], heldout["by_cell"]["jigsaw/clips/0.5"]):
        assert of["chance"] == pytest.approx(CHANCE)
        assert of["constant"]["mean"] == pytest.approx(0.2)
        assert of["constant_answers"] == ["the same"]
        assert of["over_constant"]["mean"] == pytest.approx(of["score"]["mean"] - 0.2)
        assert of["over_constant"]["low"] < of["over_constant"]["mean"]
        for condition in ("grey", "swapped"):
            gain = of["gain_by_seeing"][condition]["mean"]
            assert gain == pytest.approx(of["score"]["mean"] - of["blind"][condition]["mean"])
        assert of["before"]["over_constant"]["mean"] < of["over_constant"]["mean"]
    assert heldout["gain_by_seeing"]["grey"]["mean"] == pytest.approx(0.25, abs=0.01)
    after = seeing.summary["heldout"]["after"]
    assert heldout["score"]["mean"] == pytest.approx(after["mean"])
    assert heldout["score"]["num_items"] == after["num_items"]
    assert controls["ours"]["constant"]["mean"] is None
    assert controls["ours"]["greedy"] is None


def test_greedy_answers_stand_beside_sampled_ones_of_every_model(seeing: Outcome) -> None:
    heldout = seeing.summary["heldout"]
    for model in ("before", "after"):
        greedy = heldout[model]["greedy"]
        assert greedy["mean"] == pytest.approx(heldout[model]["mean"])
        assert greedy["by_pretext"].keys() == heldout[model]["by_pretext"].keys()
    assert (
        heldout["after"]["greedy"]["mean"]
        == seeing.summary["controls"]["heldout"]["greedy"]["mean"]
    )


def test_the_closing_table_fits_a_terminal(seeing: Outcome) -> None:
    _, _, block = seeing.table.partition("what looking gives\n\n")
    head, rule, *rows = block.partition("\n\n")[0].splitlines()
    assert head.split() == [
        *("before", "after", "greedy", "grey", "swapped", "constant", "chance"),
        *("gain", "by", "seeing"),
    ]
    assert max(map(len, (rule, *rows))) <= 110
    labels = [row[: row.index("  0.")].strip() for row in rows]
    assert labels == [
        *("held-out reward", "counting", "grounding", "jigsaw"),
        *("VIUBench", *seeing.summary["viubench"]["after"]["by_type"]),
        "ours",
    ]
    (grounding,) = (row for row in rows if row.startswith("  grounding "))
    assert re.search(r"0\.200   0\.100  \+0\.24\d \(\+0\.\d{3} to \+0\.\d{3}\)$", grounding)


def test_a_place_that_nobody_controlled_has_no_line(data_root: str) -> None:
    """Such as an anchor that no rule names."""
    store = Store(data_root)
    inputs = with_controls(store, make_inputs(store, losses={"ours": 1, "anchor": 0}))
    unseen = {place: rows for place, rows in inputs.controls.unseen.items() if place != "anchor"}
    blind = [one for one in inputs.controls.blind if one.place != "anchor"]
    inputs = replace(inputs, controls=Controls(unseen=unseen, blind=blind))
    outcome = Outcome(data_root, inputs, MemoryRegistry(), config=MUST_SEE)
    block = outcome.table.partition("what looking gives")[2].partition("greedy    ")[0]
    assert [line.split()[0] for line in block.splitlines() if " 0." in line][-1] == "ours"
    assert outcome.summary["controls"]["anchor"]["chance"] is None
    assert "videossr.sees.anchor" not in outcome.registry.versions["videossr"][0].tags


def test_the_report_shows_tables_bars_and_jigsaws(seeing: Outcome) -> None:
    report = seeing.report
    for text in (
        "<h2>What looking gives</h2>",
        "gain by seeing (swapped)",
        "grounding · zoom_out · 0.5",
        '<span class="interval">the same</span>',
        "<h2>Jigsaws</h2>",
    ):
        assert text in report
    assert "charts/controls.png" in seeing.tracker.files
    assert sum(name.startswith("jigsaws/") for name in seeing.tracker.files) == 2
    assert "promote.must_see is off" not in report


def test_metrics_are_grouped_by_place_and_by_what_they_are(seeing: Outcome) -> None:
    values = {name: value for name, ((_, value),) in seeing.tracker.metrics.items()}
    controls = seeing.summary["controls"]
    gain = controls["viubench"]["gain_by_seeing"]["grey"]
    assert values["controls_viubench/gain_by_seeing_grey"] == gain["mean"]
    assert values["controls_viubench/gain_by_seeing_grey_low"] == gain["low"]
    assert values["controls_heldout/constant"] == pytest.approx(0.2)
    assert (
        values["controls_heldout/blind_swapped"]
        == (controls["heldout"]["blind"]["swapped"]["mean"])
    )
    jigsaw = controls["heldout"]["by_part"]["jigsaw"]
    assert values["controls_heldout_over_constant/jigsaw"] == jigsaw["over_constant"]["mean"]
    assert values["heldout_greedy/after"] == controls["heldout"]["greedy"]["mean"]
    assert "controls_ours/constant" not in values, "free words"


def test_the_version_says_how_far_it_sees(seeing: Outcome) -> None:
    tags = seeing.registry.versions["videossr"][0].tags
    assert re.fullmatch(
        r"yes: \+0\.\d{4} over the best constant answer, \+0\.\d{4} over grey frames, "
        r"\+0\.\d{4} over another sample's frames",
        tags["videossr.sees.heldout"],
    )
    assert "constant" not in tags["videossr.sees.ours"], "free words"


def test_without_controls_nothing_is_said_of_them(data_root: str) -> None:
    outcome = Outcome(data_root, make_inputs(Store(data_root), num_items=2), MemoryRegistry())
    assert outcome.summary["controls"] == {}
    assert "what looking gives" not in outcome.table
    assert "<h2>What looking gives" not in outcome.report
    assert not [name for name in outcome.tracker.metrics if name.startswith("controls")]


@pytest.mark.parametrize("num_videos", [0, 3])
def test_too_few_videos_show_nothing(data_root: str, num_videos: int) -> None:
    store = Store(data_root)
    made = make_inputs(store, num_items=9 if num_videos else 0, num_videos=num_videos)
    rules = PromoteConfig(min_videos=0)
    outcome = Outcome(
        data_root,
        with_controls(store, made),
        MemoryRegistry(),
        config=replace(CONFIG, promote=rules),
    )
    assert not outcome.promotion.promoted
    expected = "nothing shows that it looks" if num_videos else "nothing was asked there"
    assert expected in outcome.promotion.reason
    assert not re.search(r"\bnan\b", outcome.table + re.sub(r"base64,[^\"]*", "", outcome.report))
