"""One model on published benchmarks: asked shard by shard; then every benchmark is scored, kept and
logged as a run of its own, with one table of all.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.records import BenchmarkFolder, Questions, QuestionShard
from tasks.benchmarks.viubench.folder import is_built
from tasks.core.config import EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.digest import digest_of, digest_of_bytes
from tasks.core.manifest import iterate_rows, read_rows, write_rows
from tasks.core.records import AnsweredShard, BenchmarkTable
from tasks.core.store import Store
from tasks.core.types import Artifact, Run, Sample
from tasks.evaluate.score_benchmark import (
    ModelResult,
    Prediction,
    result_json,
    results_table,
    score_benchmark,
)
from tasks.rollout.answerer import Reply, Sampling
from tasks.rollout.ask import ReplyCache, ask_all
from tasks.rollout.open_answerer import open_answerer
from tasks.rollout.videos import BenchmarkVideos
from tasks.tracking.run import child_run
from tasks.tracking.tracker import Tracker


def answer_questions(
    store: Store,
    shard: QuestionShard,
    questions: Questions,
    name: str,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: EvaluateConfig,
    seed: int,
) -> AnsweredShard:
    """Ask model `name` the questions of one shard."""
    started = time.perf_counter()
    videos = BenchmarkVideos(store, questions.folders)
    conditions = {folder.name: folder.conditions for folder in questions.folders}
    replies: list[Reply] = []
    num_asked = 0
    # Of all shards: guessers, and the tokenizer of the tiny model, are made of all questions, and
    # must be the same in every shard.
    with open_answerer(
        name, model, rollout, [*_all_samples(store, questions)], seed, questions.served
    ) as answerer:
        rows = read_rows(store, shard.questions, Sample)
        # Shards are sorted by benchmark, so each one is a single group.
        for benchmark, group in groupby(rows, key=lambda sample: sample.pretext):
            under = conditions[benchmark]
            sampling = Sampling(1, under.temperature, under.max_answer_tokens, ("benchmark",))
            cache = ReplyCache(store, answerer, videos, sampling, benchmark)
            replies += ask_all(
                cache, [*group], batch_size=config.questions_per_batch, label=benchmark
            ).values()
            num_asked += cache.num_asked
        asked = digest_of(shard.questions.digest, *questions.folders)
        key = f"answers/{answerer.digest}/shards/{asked}.parquet"
    return AnsweredShard(
        answers=write_rows(store, key, Reply, replies),
        num_asked=num_asked,
        num_decoded=videos.num_decoded,
        seconds=time.perf_counter() - started,
    )


def replies_by_id(store: Store, answered: Sequence[AnsweredShard]) -> dict[str, Reply]:
    """Of all shards."""
    return {
        row.sample_id: row
        for shard in answered
        for row in iterate_rows(store, shard.answers, Reply)
    }


def tabulate(
    store: Store,
    run: Run,
    answered: Sequence[AnsweredShard],
    questions: Questions,
    name: str,
    config: EvaluateConfig,
    tracker: Tracker,
) -> BenchmarkTable:
    """Score and keep; the same answers give the same bytes."""
    replies, samples = replies_by_id(store, answered), _samples_by_benchmark(store, questions)
    asked = [shard.questions.digest for shard in questions.shards]
    digest = digest_of(
        config, name, *questions.folders, *asked, *(shard.answers.digest for shard in answered)
    )
    results: list[ModelResult] = []
    kept: dict[str, Artifact] = {}
    for folder in questions.folders:
        found, predictions = score_benchmark(
            BENCHMARKS[folder.name].open(
                Path(folder.folder), folder.conditions, questions.num_available[folder.name]
            ),
            samples[folder.name],
            replies,
            model=name,
            num_available=questions.num_available[folder.name],
            min_coverage=config.min_coverage,
            is_published=not is_built(Path(folder.folder)),
        )
        key = f"evaluated/{digest}/{folder.name}"
        table = write_rows(store, f"{key}/predictions.parquet", Prediction, predictions)
        kept[folder.name] = _write(store, f"{key}/result.json", result_json(found))
        _log(run, folder, found, result_json(found), table)
        results.append(found)
    text = results_table(results)
    tracker.log_metrics(_summary(results, answered))
    tracker.log_bytes("benchmarks.md", text.encode())
    return BenchmarkTable(
        results=kept, table=_write(store, f"evaluated/{digest}/benchmarks.md", text)
    )


def _log(
    run: Run, folder: BenchmarkFolder, found: ModelResult, text: str, predictions: Artifact
) -> None:
    params = {"model": found.model, "benchmark": folder.name, **asdict(folder.conditions)}
    with child_run(run, folder.name, params) as tracker:
        tracker.log_metrics(found.metrics())
        tracker.log_bytes("result.json", text.encode())
        tracker.log_dataset("predictions", predictions, "predictions")
        tracker.set_tags({"videossr.headline": found.refused or "given"})


def _summary(results: Sequence[ModelResult], answered: Sequence[AnsweredShard]) -> dict[str, float]:
    """Of all benchmarks, for the parent run: what differs between two runs that were cut off at
    other places is here and in no file.
    """
    scores = {
        f"score/{r.result.benchmark}": r.headline.mean for r in results if r.headline is not None
    }
    return scores | {
        "cost/asked": float(sum(shard.num_asked for shard in answered)),
        "cost/decoded": float(sum(shard.num_decoded for shard in answered)),
        "time/answer_seconds": sum(shard.seconds for shard in answered),
        "cost/vision_tokens": float(sum(r.num_vision_tokens for r in results)),
        "cost/answer_tokens": float(sum(r.num_answer_tokens for r in results)),
    }


def _write(store: Store, key: str, text: str) -> Artifact:
    store.write_bytes(key, text.encode())
    return Artifact(key=key, digest=digest_of_bytes(text.encode()))


def _all_samples(store: Store, questions: Questions) -> Iterator[Sample]:
    for shard in questions.shards:
        yield from iterate_rows(store, shard.questions, Sample)


def _samples_by_benchmark(store: Store, questions: Questions) -> dict[str, list[Sample]]:
    """In the order of their ids."""
    members: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in _all_samples(store, questions):
        members[sample.pretext].append(sample)
    return {
        name: sorted(members[name], key=lambda sample: sample.sample_id) for name in sorted(members)
    }
