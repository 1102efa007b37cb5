"""Asking without pictures: until the score is precise, in an order that is fixed, and with the
metric of the questions that are shown."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.questions import list_benchmark
from tasks.benchmarks.records import AskedBenchmark, Questions
from tasks.core.config import EvaluateConfig, PromoteConfig, RolloutConfig
from tasks.core.controls import (
    BLIND_CONDITIONS,
    GREY,
    SWAPPED,
    BlindScore,
    BlindScores,
    by_item,
    control,
)
from tasks.core.manifest import read_rows
from tasks.core.records import AskedShard, BlindTrial, Candidate
from tasks.core.score_config import ANCHOR
from tasks.core.seeding import uniform_hash
from tasks.core.store import Store
from tasks.core.types import Anchor, Artifact, Sample, Split, StageReport
from tasks.evaluate.blind import BlindPlace, ask_blind, benchmark_place, own_place
from tasks.evaluate.score_policy import score_policy
from tasks.evaluate.spent import spent_metrics, spent_on
from tasks.evaluate.trials import blind_trials
from tasks.rollout.answerer import Answerer, Reply, Sampling, Show
from tasks.rollout.guessers import ScriptedAnswerer
from tasks.rollout.videos import ClipVideos
from tests.helpers.questions import make_benchmark
from tests.helpers.rollouts import make_reply, make_sample

_ROLLOUT = RolloutConfig(max_answer_tokens=8)
_CONFIG = EvaluateConfig(
    heldout_rollouts_per_sample=2, questions_per_batch=8, blind_half_width=0.05, blind_min_items=1
)
_AFTER = Candidate("after", Artifact("policies/after", "after"), is_controlled=True)


class Rule:
    """An `Answerer` that says the same to a question, whatever is shown: what `say` says."""

    digest = "rule"

    def __init__(self, say: Callable[[Sample], str], *, dies_after: int = 10**9) -> None:
        self._say, self._dies_after = say, dies_after
        self.asked: list[str] = []

    def answer(self, samples: Sequence[Sample], show: Show, sampling: Sampling) -> list[Reply]:
        if len(self.asked) >= self._dies_after:
            raise KeyboardInterrupt
        self.asked += [sample.sample_id for sample in samples]
        return [self._reply(sample, sampling.num_completions) for sample in samples]

    def close(self) -> None:
        """Nothing to give back."""

    def _reply(self, sample: Sample, num: int) -> Reply:
        text = self._say(sample)
        if not text:
            return make_reply(sample.sample_id, failure="the server is away")
        return make_reply(sample.sample_id, *[text] * num)


def _nearly_right(sample: Sample) -> str:
    """Right but for a little that differs: precise after few videos."""
    return f"2.0-{4.0 + uniform_hash(sample.sample_id) / 10:.3f}"


def _noisy(sample: Sample) -> str:
    return "2.0-4.0" if uniform_hash(sample.sample_id) < 0.5 else "9.0-9.5"


def _samples(
    num_clips: int = 60, *, split: Split = Split.HELDOUT, pretext: str = "grounding"
) -> list[Sample]:
    return [
        make_sample(
            f"{pretext}-{kind}-{number}",
            pretext=pretext,
            kind=kind,
            split=split,
            clip_id=f"clip{number}",
        )
        for kind in ("mirror", "zoom_out")
        for number in range(num_clips)
    ]


def _place(store: Store, samples: Sequence[Sample], split: Split = Split.HELDOUT) -> BlindPlace:
    return own_place(split, samples, ClipVideos(store, {}), _ROLLOUT, _CONFIG, 0)


def _ask(
    store: Store,
    place: BlindPlace,
    answerer: Answerer,
    condition: str = GREY,
    config: EvaluateConfig = _CONFIG,
) -> BlindScores:
    return ask_blind(store, BlindTrial(_AFTER, place.name, condition), place, answerer, config)


def _scores(store: Store, found: BlindScores) -> dict[str, float]:
    return by_item(read_rows(store, found.scores, BlindScore))


def test_asking_stops_once_the_score_is_precise(tmp_path: Path) -> None:
    store, samples = Store(str(tmp_path)), _samples()
    answerer = Rule(_nearly_right)
    found = _ask(store, _place(store, samples), answerer)
    # One batch: half of its interval is far below 0.05 already.
    assert len(answerer.asked) == len(_scores(store, found)) == 8
    assert found.report.stage == "blind_grey_heldout"
    counts = found.report.counts
    assert (counts["asked"], counts["items"], counts["of"]) == (8, 8, 120)
    kinds = {sample.sample_id: sample.kind for sample in samples}
    assert [kinds[item] for item in answerer.asked].count("mirror") == 4, "each part in turn"


def test_a_few_items_never_do(tmp_path: Path) -> None:
    """Their spread may be small by chance."""
    store, answerer = Store(str(tmp_path)), Rule(_nearly_right)
    config = replace(_CONFIG, blind_min_items=50)
    _ask(store, _place(store, _samples()), answerer, config=config)
    assert len(answerer.asked) == 56, "whole batches of eight"


def test_noisy_answers_are_asked_for_as_long_as_there_are_items(tmp_path: Path) -> None:
    store, samples = Store(str(tmp_path)), _samples()
    answerer = Rule(_noisy)
    found = _ask(store, _place(store, samples), answerer)
    assert sorted(answerer.asked) == sorted(sample.sample_id for sample in samples)
    assert len(_scores(store, found)) == 120


def test_a_smaller_half_width_asks_more_and_leaves_out_none(tmp_path: Path) -> None:
    asked = []
    for half_width in (0.2, 0.1, 0.05):
        answerer, store = Rule(_noisy), Store(str(tmp_path / str(half_width)))
        config = replace(_CONFIG, blind_half_width=half_width)
        _ask(store, _place(store, _samples()), answerer, config=config)
        asked.append(answerer.asked)
    assert len(asked[0]) < len(asked[1]) < len(asked[2]) == 120
    assert asked[1][: len(asked[0])] == asked[0]
    assert asked[2][: len(asked[1])] == asked[1]


def test_the_order_of_rows_asks_no_other_items(tmp_path: Path) -> None:
    samples = _samples()
    first, second = Rule(_nearly_right), Rule(_nearly_right)
    _ask(Store(str(tmp_path / "a")), _place(Store(str(tmp_path / "a")), samples), first)
    _ask(Store(str(tmp_path / "b")), _place(Store(str(tmp_path / "b")), samples[::-1]), second)
    assert first.asked == second.asked


def test_each_pretext_task_of_the_heldout_samples_has_to_be_precise(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    samples = [*_samples(), *_samples(pretext="jigsaw")]

    def say(sample: Sample) -> str:
        right = uniform_hash(sample.sample_id) < 0.5
        if sample.pretext == "jigsaw":
            return "213" if right else "132"
        return _nearly_right(sample)

    found = _scores(store, _ask(store, _place(store, samples), Rule(say)))
    by_pretext = {name: sum(name in item for item in found) for name in ("grounding", "jigsaw")}
    assert by_pretext == {"grounding": 8, "jigsaw": 120}


def test_of_viubench_the_mean_of_all_its_types_has_to_be_precise(tmp_path: Path) -> None:
    """A type of few items comes late: until then the mean is that of other types."""
    store = Store(str(tmp_path))
    rare = [
        make_sample(f"rare-{n}", kind="mirror", split=Split.VIUBENCH, clip_id=f"clip{n}")
        for n in range(3)
    ]
    often = [
        make_sample(f"often-{n}", kind="zoom_out", split=Split.VIUBENCH, clip_id=f"clip{n}")
        for n in range(60)
    ]
    place = _place(store, [*rare, *often], Split.VIUBENCH)
    config = replace(_CONFIG, questions_per_batch=6, blind_half_width=0.3)
    found = _scores(store, _ask(store, place, Rule(_nearly_right), config=config))
    assert any(item.startswith("rare") for item in found)
    assert len(found) < 63


def test_what_fails_has_no_blind_score(tmp_path: Path) -> None:
    """A server that is away must not look like a model that needs its pictures."""
    store, samples = Store(str(tmp_path)), _samples()
    answerer = Rule(lambda sample: "" if "zoom" in sample.sample_id else _noisy(sample))
    found = _ask(store, _place(store, samples), answerer)
    assert len(_scores(store, found)) == found.report.counts["failed"] == 60


def test_a_cell_of_a_single_video_has_no_partner_and_that_is_counted(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    samples = [
        *_samples(num_clips=6),
        make_sample("alone", pretext="counting", kind="shapes", clip_id="clip0"),
    ]
    place = _place(store, samples)
    swapped, grey = (
        _ask(store, place, ScriptedAnswerer({"*": "2.0-3.0"}), name) for name in (SWAPPED, GREY)
    )
    assert swapped.report.counts["without_partner"] == 1
    assert "alone" not in _scores(store, swapped)
    assert grey.report.counts["without_partner"] == 0
    assert "alone" in _scores(store, grey)


def test_a_killed_run_goes_on_without_asking_anew(tmp_path: Path) -> None:
    store, samples = Store(str(tmp_path / "killed")), _samples()
    first, second, whole = Rule(_noisy, dies_after=40), Rule(_noisy), Rule(_noisy)
    with pytest.raises(KeyboardInterrupt):
        _ask(store, _place(store, samples), first)
    found = _ask(store, _place(store, samples), second)
    assert len(first.asked) == 40
    assert sorted(first.asked + second.asked) == sorted(sample.sample_id for sample in samples)
    undisturbed = Store(str(tmp_path / "whole"))
    assert found.scores == _ask(undisturbed, _place(undisturbed, samples), whole).scores
    again = _ask(store, _place(store, samples), Rule(_noisy))
    assert (again.report.counts["asked"], again.report.counts["reused"]) == (0, 1)


def test_replies_under_one_condition_are_no_replies_under_another(tmp_path: Path) -> None:
    store, samples = Store(str(tmp_path)), _samples(num_clips=6)
    answerer = Rule(_noisy)
    place = _place(store, samples)
    for condition in BLIND_CONDITIONS:
        _ask(store, place, answerer, condition)
    score_policy(store, answerer, samples, ClipVideos(store, {}), _ROLLOUT, _CONFIG)
    # Both conditions, with pictures sampled, and with pictures greedily.
    assert len(answerer.asked) == 4 * len(samples)


@pytest.mark.parametrize("condition", BLIND_CONDITIONS)
@pytest.mark.parametrize("split", [Split.HELDOUT, Split.VIUBENCH], ids=str)
def test_who_answers_alike_whatever_is_shown_gains_nothing_by_seeing(
    split: Split, condition: str, tmp_path: Path
) -> None:
    store, samples = Store(str(tmp_path)), _samples(split=split)
    answerer = Rule(_noisy)
    rows = score_policy(store, answerer, samples, ClipVideos(store, {}), _ROLLOUT, _CONFIG)
    blind = _scores(store, _ask(store, _place(store, samples, split), answerer, condition))
    seen = {row.sample_id: row.scored(row.viubench_type) for row in rows}
    assert {item: seen[item].score for item in blind} == blind
    found = control(seen, {}, {condition: blind})
    assert found.gain_by_seeing[condition].mean == 0
    assert "equal means" in found.gain_by_seeing[condition].no_interval


def test_the_heldout_samples_are_answered_without_sampling_too(tmp_path: Path) -> None:
    class Flat(Rule):
        """Right without sampling, wrong in half of the draws."""

        def _reply(self, sample: Sample, num: int) -> Reply:
            return make_reply(sample.sample_id, *["2.0-4.0", "9.0-9.5"][:num])

    samples = [*_samples(num_clips=3), *_samples(num_clips=3, split=Split.VIUBENCH)]
    samples = [replace(one, sample_id=f"{one.split}-{one.sample_id}") for one in samples]
    store = Store(str(tmp_path))
    rows = score_policy(store, Flat(_noisy), samples, ClipVideos(store, {}), _ROLLOUT, _CONFIG)
    heldout = [row for row in rows if row.split == Split.HELDOUT]
    assert [(row.score, row.greedy_score, row.greedy_answer) for row in heldout] == [
        (0.5, 1.0, "2.0-4.0")
    ] * 6
    assert all(row.greedy_answer == "" for row in rows if row.split == Split.VIUBENCH)


@pytest.fixture
def benchmark(tmp_path: Path) -> AskedBenchmark:
    folder = make_benchmark(tmp_path / "universal", num_videos=6, num_missing=1)
    return list_benchmark(Store(str(tmp_path)), folder, 100)


@pytest.mark.slow
@pytest.mark.parametrize("condition", BLIND_CONDITIONS)
def test_a_benchmark_is_asked_blind_by_its_own_units(
    condition: str, benchmark: AskedBenchmark, tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    place = benchmark_place(store, benchmark)
    config = replace(_CONFIG, blind_half_width=0.0)
    found = _ask(store, place, ScriptedAnswerer({"*": "B"}), condition, config)
    scores = _scores(store, found)
    assert len(scores) == 24, "the missing video is left out"
    assert sum(scores.values()) == 6, "B is right once a video"
    assert found.report.counts["of"] == 25
    named = "failed" if condition == GREY else "without_partner"
    assert found.report.counts[named] == 1


def test_who_is_asked_blind_where_and_how() -> None:
    before, anchor = Candidate("before"), Anchor(ANCHOR, 0)
    server = replace(_AFTER, answerer="random")
    asked = [
        AskedShard(one, place, Artifact(f"{place} {number}", ""))
        for one in (before, server)
        for place in ("mine", ANCHOR)
        for number in range(2)
    ]

    def places(
        promote: PromoteConfig, *, own: bool = False, blind: tuple[str, ...] = BLIND_CONDITIONS
    ) -> list[str]:
        found = blind_trials(
            [before, _AFTER],
            [] if own else asked,
            Questions([], anchor, is_own_anchor=own),
            EvaluateConfig(blind=blind),
            promote,
        )
        assert {one.candidate.name for one in found} <= {"after"}
        return [f"{one.candidate.answerer} {one.place} {one.condition}".strip() for one in found]

    usual = PromoteConfig()
    assert places(usual, blind=(GREY,)) == ["viubench grey", "heldout grey", "random mine grey"]
    assert len(places(usual)) == 6, "under both conditions"
    assert places(usual, blind=()) == []
    needed = PromoteConfig(must_win=(ANCHOR,))
    assert f"random {ANCHOR} grey" in places(needed)
    assert f"{ANCHOR} grey" in places(needed, own=True)
    assert f"{ANCHOR} grey" not in places(usual, own=True)
    overall = PromoteConfig(must_win=("overall",), overall=("viubench", ANCHOR))
    assert f"random {ANCHOR} grey" in places(overall)


def test_what_blind_asking_has_cost_is_summed_over_models() -> None:
    nothing = Artifact("", "")
    blind = [
        BlindScores(candidate=name, place="b", condition=GREY, scores=nothing, report=report)
        for name, report in [
            ("full", StageReport("blind_grey_b", 2.0, {"asked": 3.0, "items": 4.0})),
            ("strict", StageReport("blind_grey_b", 1.0, {"asked": 2.0, "items": 4.0})),
        ]
    ]
    assert spent_on([], blind) == [StageReport("blind_grey_b", 3.0, {"asked": 5.0, "items": 8.0})]
    assert spent_metrics([], blind) == {
        "cost/blind_grey_b_asked": 5.0,
        "cost/blind_grey_b_items": 8.0,
        "time/blind_grey_b_seconds": 3.0,
    }
