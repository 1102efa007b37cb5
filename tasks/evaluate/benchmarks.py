"""Models on benchmarks: asked shard by shard, scored and kept; of one model alone every benchmark
is logged as a run of its own, with one table of all.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.records import AskedBenchmark, Questions
from tasks.benchmarks.viubench.folder import is_built
from tasks.core.config import EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.digest import digest_of, digest_of_bytes
from tasks.core.manifest import iterate_rows, read_rows, write_rows
from tasks.core.records import AnsweredShard, AskedShard, BenchmarkTable, Candidate
from tasks.core.reuse import work_key
from tasks.core.scores import BASE, BenchmarkScore, Evaluated, Evaluation, UnitScore
from tasks.core.stages import code_of
from tasks.core.store import Store
from tasks.core.training import NO_BASE
from tasks.core.types import Artifact, Run, Sample
from tasks.evaluate.score_benchmark import (
    ModelResult,
    Prediction,
    result_json,
    results_table,
    score_benchmark,
)
from tasks.evaluate.spent import spent_metrics, spent_on
from tasks.rollout.answerer import Answerer, Reply, Sampling
from tasks.rollout.ask import ReplyCache, ask_all
from tasks.rollout.open_answerer import describe_server, open_candidate
from tasks.rollout.server_answerer import remember
from tasks.rollout.videos import BenchmarkVideos
from tasks.tracking.run import child_run
from tasks.tracking.tracker import Tracker


def named_candidate(store: Store, run: Run, name: str) -> Candidate:
    """A model by its name, as the only candidate; a server's answers belong to this run."""
    return Candidate(name=name, answerer=name, served=_served(store, run, name))


def with_answerers(
    store: Store, run: Run, candidates: Sequence[Candidate], base: Artifact, config: EvaluateConfig
) -> list[Candidate]:
    """The candidates, and `base` if it is none of them, with those that answer in their place."""
    known = {candidate.policy.digest for candidate in candidates} | {NO_BASE.digest}
    more = [] if base.digest in known else [Candidate(name=BASE, policy=base)]
    given = config.answerers
    return [
        replace(one, answerer=given[one.name], served=_served(store, run, given[one.name]))
        if one.name in given
        else one
        for one in (*candidates, *more)
    ]


def _served(store: Store, run: Run, name: str) -> str:
    now = describe_server(name)
    return remember(store, run.run_id, name, now) if now else ""


def pair_up(candidates: Sequence[Candidate], questions: Questions) -> list[AskedShard]:
    """Every candidate with every shard; the base model with the anchor's alone, and nobody with
    what it was asked as the run's own VIUBench."""
    return [
        AskedShard(candidate, benchmark.folder.name, shard)
        for candidate in candidates
        for benchmark in questions.benchmarks
        if _is_asked(candidate, benchmark.folder.name, questions)
        for shard in benchmark.shards
    ]


def _is_asked(candidate: Candidate, name: str, questions: Questions) -> bool:
    if name != questions.anchor.name:
        return candidate.name != BASE
    return candidate.name == BASE or not questions.is_own_anchor


def answer_questions(
    store: Store,
    asked: AskedShard,
    questions: Questions,
    model: ModelConfig,
    rollout: RolloutConfig,
    config: EvaluateConfig,
) -> AnsweredShard:
    """Ask a candidate the questions of one shard."""
    started = time.perf_counter()
    benchmark = questions.named(asked.benchmark)
    folder = benchmark.folder
    videos = BenchmarkVideos(store, folder)
    with open_for(store, asked.candidate, benchmark, model, rollout) as answerer:
        cache = benchmark_cache(store, answerer, benchmark, videos)
        replies = ask_all(
            cache,
            read_rows(store, asked.questions, Sample),
            batch_size=config.questions_per_batch,
            label=f"{asked.candidate.name} {folder.name}",
        )
        kept = keep_answers(
            store, asked.candidate, benchmark, asked.questions, answerer, [*replies.values()]
        )
    return replace(
        kept,
        num_asked=cache.num_asked,
        num_decoded=videos.num_decoded,
        num_tokens=cache.num_tokens,
        seconds=time.perf_counter() - started,
    )


def benchmark_cache(
    store: Store, answerer: Answerer, benchmark: AskedBenchmark, videos: BenchmarkVideos
) -> ReplyCache:
    """What `answerer` said to questions of such a benchmark."""
    under = benchmark.folder.conditions
    sampling = Sampling(1, under.temperature, under.max_answer_tokens, ("benchmark",))
    # By the adapter: a benchmark that is called otherwise next time is asked the same.
    return ReplyCache(store, answerer, videos, sampling, benchmark.folder.adapter)


def keep_answers(
    store: Store,
    candidate: Candidate,
    benchmark: AskedBenchmark,
    shard: Artifact,
    answerer: Answerer,
    replies: Sequence[Reply],
) -> AnsweredShard:
    """All `replies` to a shard, in its order, as one table; it has cost nothing so far."""
    key = answers_key(answerer, benchmark, shard)
    return AnsweredShard(
        candidate=candidate.name,
        benchmark=benchmark.folder.name,
        answers=write_rows(store, key, Reply, replies),
        num_asked=0,
        num_decoded=0,
        seconds=0.0,
    )


@contextmanager
def open_for(
    store: Store,
    candidate: Candidate,
    benchmark: AskedBenchmark,
    model: ModelConfig,
    rollout: RolloutConfig,
) -> Iterator[Answerer]:
    """Whoever answers a benchmark for `candidate`; a policy is loaded once it is asked."""
    # Of all shards: guessers, and the tokenizer of the tiny model, are made of all questions, and
    # must be the same in every shard.
    samples = [*_all_samples(store, benchmark)] if candidate.answerer else []
    with open_candidate(
        store, candidate, model, rollout, samples, benchmark.folder.seed
    ) as answerer:
        yield answerer


def answers_key(answerer: Answerer, benchmark: AskedBenchmark, shard: Artifact) -> str:
    """Where all replies to a shard are kept, once they are there."""
    # The code as well, as for each reply: of other code they are asked anew.
    name = digest_of(code_of("answer"), benchmark.digest, shard.digest)
    return f"answers/{answerer.digest}/shards/{name}.parquet"


def replies_by_id(store: Store, answered: Sequence[AnsweredShard]) -> dict[str, Reply]:
    """Of all shards of one benchmark."""
    return {
        row.sample_id: row
        for shard in answered
        for row in iterate_rows(store, shard.answers, Reply)
    }


@dataclass(frozen=True)
class Scored:
    """One model on one benchmark."""

    result: ModelResult
    score: BenchmarkScore


def score_answers(
    store: Store,
    model: str,
    benchmark: AskedBenchmark,
    answered: Sequence[AnsweredShard],
    *,
    min_coverage: float,
) -> Scored:
    """Score what `model` answered to all questions of `benchmark`, and keep it; the same answers
    give the same bytes."""
    folder = benchmark.folder
    own = [shard for shard in answered if shard.benchmark == folder.name]
    opened = BENCHMARKS[folder.adapter].open(
        folder.folder, folder.conditions, benchmark.num_available
    )
    result, predictions = score_benchmark(
        opened,
        [*_all_samples(store, benchmark)],
        replies_by_id(store, own),
        model=model,
        name=folder.name,
        num_available=benchmark.num_available,
        min_coverage=min_coverage,
        is_published=not is_built(folder.folder),
    )
    units = [UnitScore(unit=unit, **vars(row)) for unit, row in opened.units(predictions).items()]
    answers = sorted(shard.answers.digest for shard in own)
    inputs = (model, folder.name, benchmark.digest, benchmark.num_available, min_coverage, answers)
    key = f"{work_key('evaluated', 'score', *inputs)}/{folder.name}"
    return Scored(
        result,
        BenchmarkScore(
            benchmark=folder.name,
            adapter=folder.adapter,
            questions=benchmark.digest,
            headline=result.result.headline,
            chance=result.result.chance,
            num_available=benchmark.num_available,
            coverage=result.result.coverage,
            paper={row.model: row.score / 100 for row in result.paper},
            units=write_rows(store, f"{key}/units.parquet", UnitScore, units),
            predictions=write_rows(store, f"{key}/predictions.parquet", Prediction, predictions),
            result=_write(store, f"{key}/result.json", result_json(result)),
        ),
    )


def score_candidates(
    store: Store,
    evaluated: Sequence[Evaluation],
    answered: Sequence[AnsweredShard],
    questions: Questions,
    *,
    min_coverage: float,
) -> Evaluated:
    """What every candidate scored on every benchmark, beside its own scores."""

    def on_benchmarks(name: str) -> dict[str, BenchmarkScore]:
        own = [shard for shard in answered if shard.candidate == name]
        there = {shard.benchmark for shard in own}
        return {
            found.folder.name: score_answers(
                store, name, found, own, min_coverage=min_coverage
            ).score
            for found in questions.benchmarks
            if found.folder.name in there
        }

    return Evaluated(
        models=[
            replace(one, scores=replace(one.scores, benchmarks=on_benchmarks(one.scores.name)))
            for one in evaluated
        ],
        base=on_benchmarks(BASE),
        reports=spent_on(answered),
        anchor=questions.anchor,
    )


def tabulate(
    store: Store,
    run: Run,
    answered: Sequence[AnsweredShard],
    questions: Questions,
    name: str,
    config: EvaluateConfig,
    tracker: Tracker,
) -> BenchmarkTable:
    """Score and keep one model's answers, each benchmark as a run of its own below `run`."""
    found = [
        score_answers(store, name, benchmark, answered, min_coverage=config.min_coverage)
        for benchmark in questions.benchmarks
    ]
    for benchmark, scored in zip(questions.benchmarks, found, strict=True):
        _log(run, benchmark, scored)
    results = [scored.result for scored in found]
    text = results_table(results)
    tracker.log_metrics(_summary(results, answered))
    tracker.log_bytes("benchmarks.md", text.encode())
    digest = digest_of(*(scored.score.result.digest for scored in found))
    return BenchmarkTable(
        results={scored.score.benchmark: scored.score.result for scored in found},
        table=_write(store, f"evaluated/{digest}/benchmarks.md", text),
    )


def _log(run: Run, benchmark: AskedBenchmark, scored: Scored) -> None:
    folder, found = benchmark.folder, scored.result
    params = {"model": found.model, "benchmark": folder.name, **asdict(folder.conditions)}
    with child_run(run, folder.name, params) as tracker:
        tracker.log_metrics(found.metrics())
        tracker.log_bytes("result.json", result_json(found).encode())
        tracker.log_dataset("predictions", scored.score.predictions, "predictions")
        tracker.set_tags({"videossr.headline": found.refused or "given"})


def _summary(results: Sequence[ModelResult], answered: Sequence[AnsweredShard]) -> dict[str, float]:
    """Of all benchmarks, for the parent run: what differs between two runs that were cut off at
    other places is here and in no file.
    """
    scores = {f"score/{r.name}": r.headline.mean for r in results if r.headline is not None}
    return {
        **scores,
        **spent_metrics(answered),
        "cost/asked": float(sum(shard.num_asked for shard in answered)),
        "cost/decoded": float(sum(shard.num_decoded for shard in answered)),
        "time/answer_seconds": sum(shard.seconds for shard in answered),
        "cost/vision_tokens": float(sum(r.num_vision_tokens for r in results)),
        "cost/answer_tokens": float(sum(r.num_answer_tokens for r in results)),
    }


def _write(store: Store, key: str, text: str) -> Artifact:
    store.write_bytes(key, text.encode())
    return Artifact(key=key, digest=digest_of_bytes(text.encode()))


def _all_samples(store: Store, benchmark: AskedBenchmark) -> Iterator[Sample]:
    for shard in benchmark.shards:
        yield from iterate_rows(store, shard, Sample)
