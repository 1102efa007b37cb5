"""From answers to scores: the main job's, a data set's, and those of benchmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.protocol import Benchmark
from tasks.benchmarks.viubench.card import Card, make_card
from tasks.benchmarks.viubench.folder import keep_benchmark
from tasks.core.config import PromoteConfig
from tasks.core.reward import RewardKind
from tasks.core.scores import AFTER, BEFORE, CHAMPION, ModelScores, SampleScore
from tasks.core.store import Store
from tasks.core.types import Artifact, Clip, Sample
from tasks.diagnose.judge import judge_rows
from tasks.diagnose.summary import Request, summarize
from tasks.evaluate.score_benchmark import score_benchmark
from tasks.evaluate.score_policy import aggregate, score_sample
from tasks.promote.decide import Decision, coverage, decide, measure_gains, measure_part_gains
from tasks.rollout.answerer import Reply, Sampling
from tasks.rollout.guessers import LabelPriorGuesser, RandomGuesser
from tasks.rollout.reward import rollouts_of
from tasks.tracking.tracker import RegisteredModel, Standing
from tasks.video.render import ShownVideo

__all__ = ["AFTER", "BEFORE", "CHAMPION", "ModelScores", "SampleScore"]


def _replies(samples: Sequence[Sample], texts: Mapping[str, Sequence[str]]) -> dict[str, Reply]:
    """Given texts as replies; a sample without any could not be shown."""
    return {
        sample.sample_id: _reply(sample.sample_id, texts.get(sample.sample_id))
        for sample in samples
    }


def _reply(name: str, texts: Sequence[str] | None, failure: str = "no frames") -> Reply:
    if texts is None:
        return Reply(sample_id=name, failure=failure)
    num_tokens = tuple(map(len, texts))
    return Reply(
        sample_id=name, texts=tuple(texts), num_tokens=num_tokens, truncated=(False,) * len(texts)
    )


def _no_video(sample: Sample) -> tuple[ShownVideo, ...]:
    raise ValueError(f"nobody should look at {sample.sample_id}")


def guess(samples: Sequence[Sample], num_answers: int, seed: int) -> dict[str, list[str]]:
    """Of the guesser that knows which answers occur."""
    sampling = Sampling(num_answers, 1.0, 32, ("rollout", "diagnose"))
    replies = LabelPriorGuesser(samples, seed).answer(samples, _no_video, sampling)
    return {reply.sample_id: [*reply.texts] for reply in replies}


def score_texts(samples: Sequence[Sample], texts: Mapping[str, Sequence[str]]) -> list[SampleScore]:
    replies = _replies(samples, texts)
    return [
        score_sample(sample, rollouts_of(sample, reply), reply.failure)
        for sample in samples
        if (reply := replies[sample.sample_id])
    ]


def sum_up(rows: Sequence[SampleScore], name: str) -> ModelScores:
    policy = Artifact(f"policies/{name}", f"policy {name}")
    return aggregate(rows, name=name, policy=policy, predictions=policy)


def gains_over(
    predictions: Mapping[str, Sequence[SampleScore]],
) -> tuple[dict[str, Any], dict[str, Any]]:
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
    # Nobody here is asked without pictures.
    return decide(scores, gains, covered, standing, replace(rules, must_see=False))


def diagnose_answers(
    samples: Sequence[Sample],
    texts: Mapping[str, Sequence[str]],
    reward_kind: str,
    num_rollouts: int,
) -> dict[str, Any]:
    """The summary of a data set, and a line for each row."""
    kind = RewardKind(reward_kind)
    numbers = {sample.sample_id: place for place, sample in enumerate(samples)}
    rows = judge_rows(samples, numbers, _replies(samples, texts), kind)
    request = Request(
        dataset="records",
        model="fixed",
        num_rollouts=num_rollouts,
        temperature=1.0,
        reward=kind.value,
        seed=0,
    )
    counts = {"rows": float(len(samples)), "rejected": 0.0, "beyond_limit": 0.0}
    lines = {
        row.sample_id: f"{row.num_correct} right, {row.outcome}, mean {row.mean_reward:.9g}, "
        f"spread {row.spread:.9g}, "
        f"{'teaches' if row.teaches else 'teaches nothing'} "
        f"{row.other_answer}{' (label?)' * row.label_likely_wrong}"
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


def random_answers(
    samples: Sequence[Sample], seed: int, times: Sequence[float]
) -> dict[str, str | None]:
    """Of the guesser that draws from the valid answers, to videos with such times; None where it
    fails."""
    shown = ShownVideo(np.zeros((len(times), 32, 32, 3), np.uint8), tuple(times))
    replies = RandomGuesser(samples, seed).answer(
        samples, lambda sample: (shown,), Sampling(1, 0.0, 128, ("benchmark",))
    )
    return {reply.sample_id: None if reply.failure else reply.texts[0] for reply in replies}


def judge_texts(
    benchmark: Benchmark, samples: Sequence[Sample], texts: Mapping[str, str | None]
) -> Judgement:
    replies = {
        name: _reply(name, None if text is None else [text], "not answered")
        for name, text in texts.items()
    }
    found, rows = score_benchmark(
        benchmark, samples, replies, model="fixed", num_available=len(samples), min_coverage=0.0
    )
    result = found.result
    return Judgement(
        headline=result.headline,
        robust=result.robust,
        official_like=result.official_like,
        counts=[
            result.num_items,
            result.num_missing,
            result.num_unparsed,
            result.num_unparsed_robust,
        ],
        metrics=result.metrics,
        breakdown=result.breakdown,
        lines={
            row.sample_id: f"{row.failure or row.text!r} read as {row.answer!r}: paper "
            f"{row.paper:.9g}{'' if row.paper_parsed else ' unread'}, robust "
            f"{row.robust:.9g}{'' if row.robust_parsed else ' unread'}"
            for row in rows
        },
    )


def build_benchmark(
    folder: Path, items: Sequence[Sample], clips: Sequence[Clip], items_per_type: int, seed: int
) -> tuple[Path, Card]:
    """A VIUBench in a data root: where it lies, and its card."""
    store = Store(str(folder))
    shown = {clip.clip_id: clip for clip in clips}
    kept = keep_benchmark(store, items, shown, items_per_type, seed)
    card = make_card(
        items,
        shown,
        items_per_type=items_per_type,
        seed=seed,
        item_table=kept.items,
        clip_table=kept.clips,
    )
    return Path(store.path(kept.key)), card
