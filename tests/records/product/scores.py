"""From answers to scores: the main job's, a data set's, and those of benchmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.protocol import Benchmark
from tasks.benchmarks.viubench.card import Card, make_card
from tasks.benchmarks.viubench.folder import keep_benchmark
from tasks.core.config import PromoteConfig
from tasks.core.manifest import write_rows
from tasks.core.reward import RewardKind
from tasks.core.scores import AFTER, BEFORE, CHAMPION, ModelScores, SampleScore
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample
from tasks.diagnose.judge import judge_rows
from tasks.diagnose.policy import Guesser
from tasks.diagnose.summary import Request, summarize
from tasks.evaluate.guess import RandomRespondent
from tasks.evaluate.judging import judge
from tasks.evaluate.respond import Answer
from tasks.evaluate.run import score_samples
from tasks.evaluate.scoring import aggregate
from tasks.promote.decide import Decision, coverage, decide, measure_gains, measure_part_gains
from tasks.rollout.answerer import Answered
from tasks.rollout.reward import reward_answer
from tasks.tracking.tracker import RegisteredModel, Standing
from tasks.video.render import ShownVideo

__all__ = ["AFTER", "BEFORE", "CHAMPION", "ModelScores", "SampleScore"]


class _Said:
    """An answerer that says given texts."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._texts = texts

    def answer(self, samples: Sequence[Sample]) -> Answered:
        return answered(samples, self._texts)


def answered(samples: Sequence[Sample], texts: Mapping[str, Sequence[str]]) -> Answered:
    """Given texts as rewarded rollouts; a sample without any could not be shown."""
    rollouts = {
        sample.sample_id: [
            reward_answer(sample, i, t, num_tokens=len(t)) for i, t in enumerate(texts[sample.sample_id])
        ]
        for sample in samples
        if sample.sample_id in texts
    }
    return Answered(rollouts, {s.sample_id: "no frames" for s in samples if s.sample_id not in texts})


def guess(samples: Sequence[Sample], num_answers: int, seed: int) -> dict[str, list[str]]:
    """Of the policy that knows which answers occur."""
    found = Guesser(samples, num_answers=num_answers, seed=seed).answer(samples)
    return {name: [rollout.text for rollout in rollouts] for name, rollouts in found.rollouts.items()}


def score_texts(samples: Sequence[Sample], texts: Mapping[str, Sequence[str]]) -> list[SampleScore]:
    return score_samples(_Said(texts), samples, batch_size=16, label="records")


def sum_up(rows: Sequence[SampleScore], name: str) -> ModelScores:
    policy = Artifact(f"policies/{name}", f"policy {name}")
    return aggregate(rows, name=name, policy=policy, predictions=policy)


def gains_over(predictions: Mapping[str, Sequence[SampleScore]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of `AFTER` over each other model, by place and by part."""
    after = predictions[AFTER]
    others = {name: rows for name, rows in predictions.items() if name != AFTER}
    whole = {name: measure_gains(rows, after) for name, rows in others.items()}
    return whole, {name: measure_part_gains(rows, after) for name, rows in others.items()}


def decide_promotion(
    scores: Mapping[str, ModelScores],
    gains: Mapping[str, Any],
    predictions: Mapping[str, Sequence[SampleScore]],
    champion: Artifact | None,
    rules: PromoteConfig,
) -> Decision:
    standing = Standing(champion and RegisteredModel("3", champion, {}))
    covered = {name: coverage(rows) for name, rows in predictions.items()}
    return decide(scores, gains, covered, standing, rules)


def diagnose_answers(
    samples: Sequence[Sample], texts: Mapping[str, Sequence[str]], reward_kind: str, num_rollouts: int
) -> dict[str, Any]:
    """The summary of a data set, and a line for each row."""
    kind = RewardKind(reward_kind)
    numbers = {sample.sample_id: place for place, sample in enumerate(samples)}
    rows = judge_rows(samples, numbers, answered(samples, texts), kind)
    request = Request(
        dataset="records", model="fixed", num_rollouts=num_rollouts, temperature=1.0, reward=kind.value, seed=0
    )
    counts = {"rows": float(len(samples)), "rejected": 0.0, "beyond_limit": 0.0}
    lines = {
        row.sample_id: f"{row.num_correct} right, {row.outcome}, mean {row.mean_reward:.9g}, spread {row.spread:.9g}, "
        f"{'teaches' if row.teaches else 'teaches nothing'} {row.other_answer}{' (label?)' * row.label_likely_wrong}"
        for row in rows
    }
    return {"summary": summarize(request, rows, counts), "rows": lines}


@dataclass(frozen=True)
class Judgement:
    """One model on one benchmark."""

    headline: Any
    robust: Any
    official_like: float | None
    counts: list[int]
    metrics: Mapping[str, float]
    breakdown: Any
    lines: Mapping[str, str]


def open_benchmark(name: str, folder: Path) -> Benchmark:
    return BENCHMARKS[name].open(folder)


def random_answers(samples: Sequence[Sample], seed: int, times: Sequence[float]) -> dict[str, str | None]:
    """Of the respondent that draws from the valid answers, to videos with such times; None where it fails."""
    shown = ShownVideo(np.zeros((len(times), 32, 32, 3), np.uint8), tuple(times))
    conditions = BENCHMARKS["universal"].conditions
    said = RandomRespondent(seed).respond(samples, lambda sample: (shown,), conditions)
    return {answer.sample_id: None if answer.failure else answer.text for answer in said}


def judge_texts(benchmark: Benchmark, samples: Sequence[Sample], texts: Mapping[str, str | None]) -> Judgement:
    answers = {
        name: Answer(sample_id=name, failure="not answered") if text is None else Answer(sample_id=name, text=text)
        for name, text in texts.items()
    }
    found, rows = judge(benchmark, samples, answers, model="fixed", num_available=len(samples), min_coverage=0.0)
    result = found.result
    return Judgement(
        headline=result.headline,
        robust=result.robust,
        official_like=result.official_like,
        counts=[result.num_items, result.num_missing, result.num_unparsed, result.num_unparsed_robust],
        metrics=result.metrics,
        breakdown=result.breakdown,
        lines={
            row.sample_id: f"{row.failure or row.text!r} read as {row.answer!r}: paper {row.paper:.9g}"
            f"{'' if row.paper_parsed else ' unread'}, robust {row.robust:.9g}{'' if row.robust_parsed else ' unread'}"
            for row in rows
        },
    )


def build_benchmark(
    folder: Path, items: Sequence[Sample], clips: Sequence[Clip], items_per_type: int, seed: int
) -> tuple[Path, Card]:
    """A VIUBench in a data root: where it lies, and its card."""
    store = Store(str(folder))
    samples, shown = write_rows(store, "s.parquet", Sample, items), write_rows(store, "c.parquet", Clip, clips)
    kept = keep_benchmark(store, samples, shown, items_per_type, seed)
    card = make_card(
        items,
        {clip.clip_id: clip for clip in clips},
        items_per_type=items_per_type,
        seed=seed,
        item_table=kept.items,
        clip_table=kept.clips,
    )
    return Path(store.path(kept.key)), card
