"""What benchmarks will cost and have cost, against numbers by hand."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.benchmarks.conditions import Conditions
from tasks.benchmarks.questions import list_benchmark
from tasks.benchmarks.records import AskedBenchmark, BenchmarkFolder, PromptTokens, Questions
from tasks.core.config import EvaluateConfig, ModelConfig, RetrainConfig, RolloutConfig
from tasks.core.manifest import read_rows, write_rows
from tasks.core.measurement import NO_PLAN, Selection
from tasks.core.records import AnsweredShard, AskedShard, Candidate
from tasks.core.speed import SUMMARY_KEY, Speed, find_speed, measured_speed, speed_name
from tasks.core.store import Store
from tasks.core.types import Anchor, Artifact, Run, Sample, StageReport
from tasks.evaluate.benchmarks import answer_questions, answers_key, open_for, pair_up
from tasks.evaluate.cost import (
    costs_before_asking,
    costs_before_training,
    expected_candidates,
    not_known_yet,
    state_costs,
    without_answer,
)
from tasks.evaluate.spent import spent_metrics, spent_on
from tasks.promote.evidence import load_evidence
from tasks.promote.promote import promote_challenger
from tasks.rollout.answerer import Reply
from tasks.tracking.memory_tracker import MemoryTracker
from tests.helpers.files import write_json
from tests.helpers.finished_run import make_inputs
from tests.helpers.memory_registry import MemoryRegistry
from tests.helpers.questions import make_benchmark

CONFIG = RetrainConfig(model=ModelConfig(base="tiny"), rollout=RolloutConfig(engine="vllm"))
SPEED = Speed("tiny (vllm)", tokens=5_000.0, seconds=10.0)


def _asked(name: str, shards: tuple[int, ...]) -> AskedBenchmark:
    return AskedBenchmark(
        folder=BenchmarkFolder(name, "folder", Conditions(max_answer_tokens=8), "universal"),
        num_available=sum(shards),
        num_selected=sum(shards),
        shards=[Artifact(f"{name} {n}", f"{name} {n}", size) for n, size in enumerate(shards)],
        digest=name,
        tokens=PromptTokens(vision=9_000, text=300, num_videos=5, num_opened=5),
    )


def _policies(*names: str) -> list[Candidate]:
    return [Candidate(name, Artifact(name, name)) for name in names]


def test_costs_of_a_benchmark_by_hand() -> None:
    questions = Questions([_asked("mine", (20, 10))])
    asked = pair_up(_policies("before", "after"), questions)
    found = state_costs(questions, asked, [], CONFIG, SPEED, measured_by="calibration")
    # Two models: 60 answers of at most 8 tokens, all prompts twice; 500 tokens a second.
    tokens = 2 * 9_000 + 2 * 300 + 60 * 8
    assert found.metrics == {
        "cost/benchmark_mine_expected_answers": 60,
        "cost/benchmark_mine_expected_blind_answers": 0,
        "cost/benchmark_mine_expected_tokens": tokens,
        "cost/benchmark_mine_expected_seconds": pytest.approx(tokens / 500),
    }
    _, _, row, *notes = found.text.splitlines()
    assert row.split() == ["mine", "30", "2", "60", "0", "18,000", "600", "480", "38"]
    assert notes[1] == "seconds: of one device, at 500 tokens a second, as " + (
        "calibration measured tiny (vllm)"
    )
    assert found.markdown.splitlines()[2].replace(" ", "") == "|mine|30|2|60|0|18,000|600|480|38|"


def test_what_is_left_of_a_benchmark_costs_its_share() -> None:
    questions = Questions([_asked("mine", (20, 10)), _asked("done", (4,))])
    left = pair_up(_policies("after"), questions)[1:2]
    found = state_costs(questions, left, [], CONFIG, SPEED, measured_by="calibration").metrics
    assert found["cost/benchmark_mine_expected_tokens"] == 3_000 + 100 + 10 * 8
    assert found["cost/benchmark_done_expected_tokens"] == 0
    assert found["cost/benchmark_done_expected_seconds"] == 0


def test_a_speed_that_nobody_measured_is_not_made_up() -> None:
    questions = Questions([_asked("mine", (30,))])
    asked = pair_up(_policies("after"), questions)
    found = state_costs(questions, asked, [], CONFIG, None, measured_by="")
    assert "cost/benchmark_mine_expected_seconds" not in found.metrics
    assert found.text.splitlines()[2].endswith("–")
    assert "seconds: not known yet, nothing here measured tiny (vllm)" in found.text


def test_who_stands_in_for_a_policy_has_no_share_in_the_seconds() -> None:
    questions = Questions([_asked("mine", (30,))])
    server = Candidate("champion", answerer="http://me:secret@host:1/v1#m")
    asked = pair_up([*_policies("after"), server], questions)
    found = state_costs(questions, asked, [], CONFIG, SPEED, measured_by="calibration")
    assert found.metrics["cost/benchmark_mine_expected_seconds"] == pytest.approx(
        (9_000 + 300 + 30 * 8) / 500
    )
    assert "champion: answered by http://***@host:1/v1#m, whose time" in found.text
    alone = state_costs(questions, asked[1:], [], CONFIG, SPEED, measured_by="calibration")
    assert "cost/benchmark_mine_expected_seconds" not in alone.metrics


def test_what_was_drawn_is_said() -> None:
    tokens = PromptTokens(
        vision=9_000,
        text=300,
        num_videos=1_200,
        num_opened=64,
        unreadable={"a.mp4": "VideoError: not a video", "b.mp4": "it is empty"},
    )
    asked = replace(
        _asked("mine", (30,)), tokens=tokens, num_available=4_000, types="what 20 of 3000"
    )
    text = state_costs(Questions([asked]), [], [], CONFIG, SPEED, measured_by="calibration").text
    for said in (
        "30 of 4,000",
        "mine: what 20 of 3000",
        "mine: 64 of 1,200 videos, drawn by seed, stand for the vision tokens of all",
        "mine: 2 of 64 videos cannot be opened, e.g. a.mp4: VideoError: not a video",
    ):
        assert said in text


def test_what_is_not_known_before_training_is_said() -> None:
    later, anchor = not_known_yet(Questions([]), CONFIG, [])
    assert "said again" in later
    assert anchor == "anchor: none yet; the VIUBench of this run may become it"
    known = Questions([_asked("mine", (30,))], Anchor("mine", 0))
    assert not_known_yet(known, CONFIG, []) == [later]
    assert not_known_yet(Questions([]), CONFIG, ["no kl"]) == [later], "it makes no anchor"
    text = state_costs(known, [], [], CONFIG, SPEED, measured_by="", more_notes=[later]).text
    assert text.splitlines()[-1] == later


def test_without_benchmarks_there_is_nothing_to_say() -> None:
    found = state_costs(Questions([]), [], [], CONFIG, None, measured_by="")
    assert (found.text, found.markdown, found.metrics) == ("", "", {})


def test_who_will_be_asked_as_far_as_it_is_known() -> None:
    given = EvaluateConfig(answerers={"after": "random"})
    config = replace(CONFIG, rounds=3, evaluate=given)
    found = expected_candidates(config, [], has_champion=True)
    assert [(one.name, one.answerer) for one in found] == [
        ("before", ""),
        ("round 1", ""),
        ("round 2", ""),
        ("after", "random"),
        ("champion", ""),
    ]
    hub = replace(CONFIG, model=ModelConfig(base="Qwen/Qwen3-VL-8B-Instruct"))
    warm = replace(hub, warm_start=replace(hub.warm_start, num_steps=5))
    cold = replace(hub, warm_start=replace(hub.warm_start, num_steps=0))
    assert [one.name for one in expected_candidates(warm, [], has_champion=False)][-1] == "base"
    assert [one.name for one in expected_candidates(cold, [], has_champion=False)][-1] == "after"
    variants = expected_candidates(config, ["no kl", "strict"], has_champion=True)
    assert [(one.name, one.is_controlled) for one in variants] == [
        ("before", False),
        ("no kl", True),
        ("strict", True),
    ]


def test_the_speed_of_a_run_is_read_back_by_the_next_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    assert find_speed(store, "tiny (vllm)") is None
    write_json(tmp_path / SUMMARY_KEY, {"cost": {"speed": {**vars(SPEED)}}})
    assert find_speed(store, "tiny (vllm)") == SPEED
    assert find_speed(store, "tiny (transformers)") is None


@pytest.mark.parametrize(
    "kept",
    [
        "{",
        "[]",
        '{"cost": {}}',
        '{"cost": {"speed": null}}',
        '{"cost": {"speed": {"of": 3}}}',
        '{"cost": {"speed": {"of": "tiny (vllm)", "tokens": 0, "seconds": 1}}}',
    ],
    ids=["cut off", "no object", "older", "nothing asked", "other", "no tokens"],
)
def test_a_summary_that_says_no_speed_ends_no_run(kept: str, tmp_path: Path) -> None:
    (tmp_path / SUMMARY_KEY).write_text(kept)
    assert find_speed(Store(str(tmp_path)), "tiny (vllm)") is None


def test_speed_is_that_of_what_was_asked_anew() -> None:
    reports = [
        StageReport("calibrate", 10.0, {"tokens": 600.0}),
        StageReport("calibrate", 2.0, {"tokens": 0.0}),
        StageReport("calibrate", 5.0, {"tokens": 900.0}),
    ]
    found = measured_speed(reports, speed_name(CONFIG))
    assert found == Speed("tiny (vllm)", 1_500.0, 15.0)
    assert found.seconds_per_token == pytest.approx(0.01)
    assert measured_speed(reports[1:2], "tiny (vllm)") is None


def test_what_benchmarks_have_cost_is_summed_over_models_and_shards() -> None:
    answers = Artifact("answers", "answers")
    answered = [
        AnsweredShard("before", "b", answers, 3, 2, 1.5, num_tokens=100),
        AnsweredShard("after", "b", answers, 4, 1, 2.5, num_tokens=50),
        AnsweredShard("after", "a", answers, 0, 0, 0.5),
    ]
    assert spent_on(answered) == [
        StageReport("benchmark_a", 0.5, {"asked": 0.0, "decoded": 0.0, "tokens": 0.0}),
        StageReport("benchmark_b", 4.0, {"asked": 7.0, "decoded": 3.0, "tokens": 150.0}),
    ]
    metrics = spent_metrics(answered)
    assert metrics["cost/benchmark_b_tokens"] == 150
    assert metrics["time/benchmark_b_seconds"] == 4


def test_before_asking_calibration_tells_the_speed_or_else_the_last_run(tmp_path: Path) -> None:
    store, questions = Store(str(tmp_path)), Questions([_asked("mine", (30,))])

    def said(num_tokens: float) -> str:
        found = [_calibrated(StageReport("calibrate", 2.0, {"tokens": num_tokens}))]
        return costs_before_asking(store, questions, [], [], CONFIG, found).text

    assert "at 300 tokens a second, as calibration measured" in said(600)
    assert "seconds: not known yet" in said(0)
    write_json(tmp_path / SUMMARY_KEY, {"cost": {"speed": {**vars(SPEED)}}})
    assert "at 500 tokens a second, as the last run here measured" in said(0)
    assert "as calibration measured" in said(600)


def test_before_training_the_last_run_tells_the_speed(tmp_path: Path) -> None:
    store, questions = Store(str(tmp_path)), Questions([_asked("mine", (30,))])
    write_json(tmp_path / SUMMARY_KEY, {"cost": {"speed": {**vars(SPEED)}}})
    found = costs_before_training(store, questions, CONFIG, [], has_champion=True)
    # Before, after and the champion.
    assert found.metrics["cost/benchmark_mine_expected_answers"] == 90
    # The challenger alone is asked blind, under two conditions.
    assert found.metrics["cost/benchmark_mine_expected_blind_answers"] == 60
    assert (
        "blind answers: without pictures (grey, swapped), at most: fewer once the score is known "
        "to 2.0 points"
    ) in found.text
    assert "as the last run here measured" in found.text
    assert "said again before benchmarks are asked" in found.text


@pytest.mark.slow
def test_the_summary_has_costs_and_a_speed_that_the_next_run_reads(data_root: str) -> None:
    store, run = Store(data_root), Run(data_root=data_root, run_id="r1", preset="demo")
    made = make_inputs(store, num_items=2, num_steps=3)
    calibrated = StageReport("calibrate", 3.0, {"tokens": 90.0})
    counts = {"asked": 4.0, "decoded": 2.0, "tokens": 200.0}
    inputs = replace(
        made,
        selections=[replace(made.selections[0], report=calibrated)],
        reports=[*made.reports, calibrated, StageReport("benchmark_mine", 5.0, counts)],
    )
    promote_challenger(store, run, CONFIG, inputs, MemoryRegistry(), MemoryTracker())
    cost = json.loads(store.read_bytes(SUMMARY_KEY))["cost"]
    assert cost["benchmarks"] == {"mine": counts | {"seconds": 5.0}}
    assert find_speed(store, "tiny (vllm)") == Speed("tiny (vllm)", 200.0, 5.0)
    # A script answers in no time, so calibration is the better guess.
    given = replace(CONFIG, evaluate=EvaluateConfig(answerers={"after": "random"}))
    assert load_evidence(store, inputs, given).speed == Speed("tiny (vllm)", 90.0, 3.0)


def _calibrated(report: StageReport) -> Selection:
    nothing = Artifact("", "")
    return Selection(nothing, nothing, nothing, NO_PLAN, report)


@pytest.mark.slow
def test_what_has_an_answer_is_not_counted_and_a_model_of_two_names_once(
    tmp_path: Path, data_root: str
) -> None:
    store = Store(data_root)
    benchmark = list_benchmark(store, make_benchmark(tmp_path, num_videos=2), 4)
    questions = Questions([benchmark])
    same = Artifact("policy", "digest")
    candidates = [Candidate("before", same), Candidate("champion", same), *_policies("after")]
    asked = pair_up([*candidates, Candidate("round 1", answerer="random")], questions)

    def left() -> list[tuple[str, str]]:
        found = without_answer(store, asked, questions, CONFIG)
        return [(one.candidate.name, one.questions.digest) for one in found]

    first, second = (shard.digest for shard in benchmark.shards)
    everyone = [(name, shard) for name in ("before", "after") for shard in (first, second)]
    assert left() == [*everyone, ("round 1", first), ("round 1", second)]
    with open_for(store, candidates[0], benchmark, CONFIG.model, CONFIG.rollout) as answerer:
        write_rows(store, answers_key(answerer, benchmark, benchmark.shards[0]), Reply, [])
    answered = answer_questions(
        store,
        AskedShard(asked[-1].candidate, "universal", benchmark.shards[1]),
        questions,
        CONFIG.model,
        CONFIG.rollout,
        CONFIG.evaluate,
    )
    assert answered.num_asked == benchmark.shards[1].num_rows
    assert left() == [*everyone[1:], ("round 1", first)]


@pytest.mark.slow
def test_tokens_are_those_of_what_is_asked_anew(tmp_path: Path, data_root: str) -> None:
    """What was measured and what is expected are counted alike."""
    store, config = Store(data_root), replace(CONFIG, rollout=RolloutConfig(engine="transformers"))
    benchmark = list_benchmark(store, make_benchmark(tmp_path, num_videos=2, num_missing=1), 100)
    questions = Questions([benchmark])
    (asked,) = pair_up([Candidate("after", answerer="tiny")], questions)

    def answer() -> AnsweredShard:
        return answer_questions(
            store, asked, questions, config.model, config.rollout, config.evaluate
        )

    first = answer()
    replies = [row for row in _replies(store, first) if not row.failure]
    written = sum(sum(row.num_tokens) for row in replies)
    samples = [s for s in _samples(store, benchmark) if s.sample_id != "universal/gone-0"]
    text = sum(-(-len(sample.question.encode()) // 4) for sample in samples)
    assert len(replies) == len(samples) == 8
    assert first.num_tokens == benchmark.tokens.vision + text + written
    assert answer().num_tokens == 0, "one is asked again, and cannot be shown again"


def _replies(store: Store, answered: AnsweredShard) -> list[Reply]:
    return read_rows(store, answered.answers, Reply)


def _samples(store: Store, benchmark: AskedBenchmark) -> list[Sample]:
    return [row for shard in benchmark.shards for row in read_rows(store, shard, Sample)]
