"""Models on benchmarks: who is asked what, shard by shard, and what was answered."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tasks.benchmarks.records import AskedBenchmark, Questions
from tasks.core.config import EvaluateConfig, ModelConfig, RolloutConfig
from tasks.core.digest import digest_of
from tasks.core.manifest import iterate_rows, read_rows, write_rows
from tasks.core.records import AnsweredShard, AskedShard, Candidate
from tasks.core.scores import BASE
from tasks.core.stages import code_of
from tasks.core.store import Store
from tasks.core.training import NO_BASE
from tasks.core.types import Artifact, Run, Sample
from tasks.rollout.answerer import Answerer, Reply, Sampling
from tasks.rollout.ask import ReplyCache, ask_all
from tasks.rollout.open_answerer import describe_server, open_candidate
from tasks.rollout.server_answerer import remember
from tasks.rollout.videos import BenchmarkVideos


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
    # By the adapter: a benchmark that is called otherwise next time is asked the same.
    return ReplyCache(
        store, answerer, videos, benchmark_sampling(benchmark), benchmark.folder.adapter
    )


def benchmark_sampling(benchmark: AskedBenchmark) -> Sampling:
    """How its questions are answered: once."""
    under = benchmark.folder.conditions
    return Sampling(1, under.temperature, under.max_answer_tokens, ("benchmark",))


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


def all_samples(store: Store, benchmark: AskedBenchmark) -> Iterator[Sample]:
    """The questions of all shards."""
    for shard in benchmark.shards:
        yield from iterate_rows(store, shard, Sample)


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
    samples = [*all_samples(store, benchmark)] if candidate.answerer else []
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
