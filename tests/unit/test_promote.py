import json
import re
import shutil
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from statistics import fmean

import pytest

from tasks.core.config import RetrainConfig
from tasks.core.manifest import read_rows
from tasks.core.scores import AFTER, BEFORE, SampleScore
from tasks.core.store import Store
from tasks.core.types import Artifact
from tasks.promote.evidence import Inputs, load_evidence
from tasks.promote.pictures import choose_samples, sample_pictures
from tests.helpers.finished_run import make_inputs
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.promoted_run import Outcome
from tests.helpers.rollouts import make_sample

pytestmark = pytest.mark.slow


@pytest.fixture
def inputs(data_root: str) -> Inputs:
    return make_inputs(Store(data_root), num_items=8)


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """A run whose challenger is better, for tests that only look."""
    data_root = str(tmp_path_factory.mktemp("promoted"))
    return Outcome(data_root, make_inputs(Store(data_root)), MemoryRegistry())


@pytest.fixture
def again(outcome: Outcome, tmp_path: Path) -> Callable[[str], Outcome]:
    """Promotes the same inputs once more after `outcome`, in a copy of its data root and
    registry."""
    root = str(shutil.copytree(outcome.data_root, tmp_path / "copy"))
    return lambda run_id: Outcome(root, outcome.inputs, deepcopy(outcome.registry), run_id)


def test_a_better_challenger_becomes_champion(outcome: Outcome) -> None:
    champion = outcome.registry.standing("videossr").champion
    assert outcome.promotion.promoted
    assert champion is not None
    assert (champion.version, champion.policy.digest) == (outcome.promotion.version, "policy-after")
    assert champion.tags["videossr.digest.clips"] == outcome.inputs.clips.digest
    assert champion.tags["videossr.promoted"] == "true"


def test_a_worse_challenger_is_registered_but_not_champion(
    data_root: str, registry: MemoryRegistry
) -> None:
    outcome = Outcome(data_root, make_inputs(Store(data_root), gain=-0.1), registry)
    assert not outcome.promotion.promoted
    assert outcome.promotion.version == "1"
    assert registry.standing("videossr").champion is None


def test_a_second_try_of_the_same_run_decides_the_same(
    outcome: Outcome, again: Callable[[str], Outcome]
) -> None:
    assert again("r1").promotion == outcome.promotion


def test_a_later_run_with_the_same_weights_leaves_the_champion_as_it_is(
    outcome: Outcome, again: Callable[[str], Outcome]
) -> None:
    later = again("r2")
    assert not later.promotion.promoted
    assert (
        later.registry.standing("videossr").champion
        == outcome.registry.standing("videossr").champion
    )
    assert later.summary["decision"]["champion"] == later.promotion.version
    assert "Version 1 stays champion" in later.report


def test_a_champion_that_another_run_made_meanwhile_is_not_overwritten(
    data_root: str, inputs: Inputs
) -> None:
    registry = _Overtaken()
    outcome = Outcome(data_root, inputs, registry)
    champion = registry.standing("videossr").champion
    assert champion is not None
    assert champion.policy.digest == "other"
    assert not outcome.promotion.promoted
    assert "run again" in outcome.promotion.reason
    assert "is not promoted" in outcome.report
    assert registry.versions["videossr"][-1].tags["videossr.promoted"] == "false"


def test_the_version_says_where_it_comes_from(outcome: Outcome) -> None:
    tags = outcome.registry.versions["videossr"][0].tags
    assert tags["videossr.report"] == f"{outcome.data_root}/runs/r1/report.html"
    assert {
        "videossr.code",
        "videossr.parent_model",
        "videossr.digest.clips",
        "videossr.digest.config",
    } <= tags.keys()
    assert {
        "videossr.package.torch",
        "videossr.digest.difficulty_plan",
        "videossr.viubench_mean",
    } <= tags.keys()


def test_the_summary_has_the_numbers(outcome: Outcome) -> None:
    summary = outcome.summary
    assert summary == json.loads(outcome.store.read_bytes("runs/r1/summary.json"))
    assert summary["clips"] == {
        "found": 5,
        "accepted": 2,
        "rejected": 3,
        "rejected_by_reason": {"not a video": 2, "static": 1},
        "by_split": {"heldout": 1, "train": 1},
        "with_warnings": 0,
        "verified": 0,
        "by_jpeg_quality": {"92": 2},
    }
    assert summary["samples"] == {
        "by_split": {"heldout": 80, "train": 16, "viubench": 180},
        "selected": 12,
    }
    assert summary["calibration"]["share_with_spread_before"] == 0.75
    assert summary["calibration"]["dropped_by_reason"] == {"all wrong": 4}
    assert summary["heldout"]["gain"]["mean"] == pytest.approx(0.1, abs=0.05)
    assert summary["heldout"]["gain"]["num_items"] == 80
    assert summary["viubench"]["after"]["by_type"]["grounding_shuffle"]["num_items"] == 20
    assert summary["decision"]["compared_with"] == BEFORE
    before, after = (
        fmean(row.score for row in rows if row.viubench_type == "grounding_mirror")
        for rows in (
            read_rows(outcome.store, f"predictions-{name}.parquet", SampleScore)
            for name in (BEFORE, AFTER)
        )
    )
    gain = summary["viubench"]["gain"]["by_type"]["grounding_mirror"]
    assert gain["mean"] == pytest.approx(after - before)
    assert gain["low"] < gain["mean"] < gain["high"]
    assert summary["cost"]["rollouts_measured"] > 0
    assert summary["seconds"]["train"] == 61.5
    assert summary["seconds"].keys() == {"ingest", "train", "promote"}
    assert summary["report"].endswith("runs/r1/report.html")


def test_the_closing_table_says_what_a_person_wants_to_know(outcome: Outcome) -> None:
    for text in (
        "5 found, 2 accepted, 3 rejected",
        "2 x not a video",
        "75% before calibration",
        "held-out reward",
        "grounding_zoom_out",
        "promoted",
        "report.html",
        "make ui",
    ):
        assert text in outcome.table


def test_the_run_s_record_gets_report_pictures_and_metrics(outcome: Outcome) -> None:
    tracker = outcome.tracker
    assert {
        "report/report.html",
        "report/summary.json",
        "charts/training.png",
    } <= tracker.files.keys()
    assert sum(name.startswith("samples/") for name in tracker.files) == 6
    assert {
        "heldout/before",
        "viubench/after",
        "viubench_after/jigsaw_easy",
    } <= tracker.metrics.keys()


def test_the_report_needs_nothing_from_outside(outcome: Outcome) -> None:
    report = outcome.report
    parser = _References()
    parser.feed(report)
    assert len(parser.found) == 6 + 6 + 2 + 3  # charts, contact sheets, jigsaws and videos
    assert all(
        reference.startswith(("data:image/png;base64,", "data:video/mp4;base64,"))
        for reference in parser.found
    )
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"base64,[^\"]*", "", report))


def test_the_report_escapes_file_names(outcome: Outcome) -> None:
    report = outcome.report
    assert "odd/&lt;script&gt;.mp4" in report
    assert "<script" not in report


def test_without_a_known_error_numbers_become_null_and_the_decision_is_found_again(
    data_root: str, registry: MemoryRegistry
) -> None:
    inputs = make_inputs(Store(data_root), num_items=1, num_videos=1)
    first = Outcome(data_root, inputs, registry)
    assert first.summary["viubench"]["after"]["se"] is None
    assert not first.promotion.promoted
    assert Outcome(data_root, inputs, registry).promotion == first.promotion


@pytest.mark.parametrize(
    ("num_videos", "reason"), [(3, "3 videos: no interval"), (0, "0 videos: no interval")]
)
def test_too_few_videos_are_reported_and_promote_nothing(
    data_root: str, registry: MemoryRegistry, num_videos: int, reason: str
) -> None:
    """Even if every video gains the same, and the challenger is clearly better."""
    inputs = make_inputs(Store(data_root), num_items=9 if num_videos else 0, num_videos=num_videos)
    outcome = Outcome(data_root, inputs, registry)
    gain = outcome.summary["heldout"]["gain"]
    assert (gain["no_interval"], gain["num_videos"]) == (reason, num_videos)
    assert (gain["se"], gain["low"], gain["high"], gain["degrees_of_freedom"]) == (None,) * 4
    assert not outcome.promotion.promoted
    assert (
        "promotion needs 10 (promote.min_videos): add about 18 videos" in outcome.promotion.reason
    )
    assert f"held-out reward: {reason}" in outcome.table
    assert reason in outcome.report
    assert not re.search(r"\bnan\b", outcome.table + re.sub(r"base64,[^\"]*", "", outcome.report))
    metrics = outcome.tracker.metrics
    assert metrics["heldout/videos"] == [(0, num_videos)]
    assert not [name for name in metrics if name.endswith(("gain_low", "gain_high", "gain_z"))]
    assert registry.versions["videossr"][0].tags["videossr.heldout_interval"] == reason


def test_an_interval_says_what_it_rests_on(outcome: Outcome) -> None:
    gain = outcome.summary["viubench"]["gain"]
    assert (gain["num_videos"], gain["no_interval"]) == (11, "")
    assert 1 < gain["degrees_of_freedom"] < 11
    degrees = f"11 videos, {gain['degrees_of_freedom']:.1f} degrees of freedom"
    assert f"VIUBench: {degrees}" in outcome.table
    assert degrees in outcome.promotion.reason
    assert outcome.summary["intervals"] in outcome.table
    assert "Student" in outcome.report
    assert outcome.tracker.metrics["viubench/gain_degrees_of_freedom"] == [
        (0, gain["degrees_of_freedom"])
    ]


def test_scores_of_both_models_are_needed(data_root: str, inputs: Inputs) -> None:
    with pytest.raises(ValueError, match="expected scores of 'before' and 'after'"):
        load_evidence(Store(data_root), replace(inputs, scores=inputs.scores[:1]), RetrainConfig())


def test_a_sample_that_cannot_be_rendered_does_not_end_the_report(
    data_root: str, inputs: Inputs
) -> None:
    store = Store(data_root)
    evidence = load_evidence(store, inputs, RetrainConfig())
    store.write_bytes(evidence.clips[1].frames_key, b"damaged")
    assert sample_pictures(store, evidence) == {}


def test_the_report_plays_one_video_of_each_pretext_task(outcome: Outcome) -> None:
    assert 1 <= outcome.report.count("data:video/mp4;base64,") <= 3


def test_pictures_show_different_kinds_of_each_pretext_task() -> None:
    kinds = ("mirror", "mirror", "mirror", "zoom_out")
    samples = [make_sample(f"s{i}", kind=kind) for i, kind in enumerate(kinds)]
    chosen = choose_samples([*samples, make_sample("c", pretext="counting", kind="shapes")], 2)
    assert sorted(sample.kind for sample in chosen) == ["mirror", "shapes", "zoom_out"]
    assert chosen == choose_samples(
        [make_sample("c", pretext="counting", kind="shapes"), *reversed(samples)], 2
    )


class _Overtaken(MemoryRegistry):
    """Another run makes its own champion after this one has looked who it is."""

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        version = super().register(name, Artifact("policies/other", "other"), {})
        self.move_champion(name, version, last_move=0, champion="")
        return super().register(name, policy, tags)


class _References(HTMLParser):
    """Collects everything a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")
        ]
