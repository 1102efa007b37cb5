"""Which questions every run is asked: an anchor that there is already, one that the configuration
names, or the VIUBench that this run made, if it is the first."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.questions import list_benchmark
from tasks.benchmarks.records import AskedBenchmark, BenchmarkFolder, Questions
from tasks.benchmarks.viubench.folder import (
    built_clips,
    built_items,
    is_built,
    keep_benchmark,
)
from tasks.core import anchor as anchors
from tasks.core.anchor import AnchorContent
from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.manifest import iterate_rows, read_clips, read_rows
from tasks.core.records import AnsweredShard, Candidate, DataSet
from tasks.core.score_config import ANCHOR, FIRST
from tasks.core.scores import Evaluation, SampleScore
from tasks.core.store import Store
from tasks.core.types import Anchor, Run, Sample, Split
from tasks.evaluate.benchmarks import benchmark_cache, keep_answers, open_for
from tasks.evaluate.score_policy import sampling_of
from tasks.rollout.answerer import Reply
from tasks.rollout.ask import ReplyCache
from tasks.rollout.videos import BenchmarkVideos

logger = logging.getLogger(__name__)


def with_anchor(
    store: Store, run: Run, config: RetrainConfig, benchmarks: Sequence[AskedBenchmark]
) -> Questions:
    """`benchmarks` with the anchor, as far as it is known before the first video is read.

    What an anchor that the configuration names shows is kept out of training from now on.
    """
    name, model_name = config.evaluate.anchor, config.promote.model_name
    if name == FIRST:
        first = anchors.find_anchor(store, model_name)
        if first:
            questions = _with_first(store, run, config, benchmarks, first)
            # Pinned once more, should the file that says so be lost: before ingest asks for it.
            anchors.keep_anchor(store, model_name, first)
            return questions
    if name in ("", FIRST):
        return Questions([*benchmarks])
    questions = Questions([*benchmarks], Anchor(name, config.seed))
    anchors.pin(store, model_name, _contents(store, questions.named(name)))
    return questions


def with_first_anchor(
    store: Store, run: Run, config: RetrainConfig, questions: Questions, data: DataSet
) -> Questions:
    """`questions` with this run's VIUBench as the anchor, if there is none yet and it shows enough
    videos for a decision."""
    if config.evaluate.anchor != FIRST or questions.anchor.name:
        return questions
    items = [s for s in iterate_rows(store, data.samples, Sample) if s.split is Split.VIUBENCH]
    shown = {view.clip_id for item in items for view in item.views}
    if len(shown) < max(1, config.promote.min_videos):
        logger.warning(
            "anchor: the VIUBench of this run shows %d videos, fewer than promote.min_videos (%d): "
            "a later run makes the anchor",
            *(len(shown), config.promote.min_videos),
        )
        return questions
    clips = {name: clip for name, clip in read_clips(store, data.clips).items() if name in shown}
    built = keep_benchmark(store, items, clips, config.perturb.viubench_items_per_type, config.seed)
    first = Anchor(ANCHOR, config.seed, built.key, config.rollout.max_answer_tokens)
    known = _with_first(store, run, config, questions.benchmarks, first)
    return replace(known, is_own_anchor=True)


def own_answers(
    store: Store, evaluated: Sequence[Evaluation], questions: Questions, config: RetrainConfig
) -> list[AnsweredShard]:
    """What the candidates answered to the run's own VIUBench, as answers to the anchor, if it is
    that one: kept as such, so that a champion is not asked again by later runs."""
    if not questions.is_own_anchor:
        return []
    benchmark = questions.named(questions.anchor.name)
    originals = {
        f"viubench/{item.sample_id}": item for item in built_items(benchmark.folder.folder)
    }
    answered = []
    for one in evaluated:
        rows = read_rows(store, one.scores.predictions, SampleScore)
        scored = {f"viubench/{row.sample_id}": row for row in rows if row.split is Split.VIUBENCH}
        candidate = Candidate(one.scores.name, one.scores.policy)
        with open_for(store, candidate, benchmark, config.model, config.rollout) as answerer:
            videos = BenchmarkVideos(store, benchmark.folder)
            sampling = sampling_of(Split.VIUBENCH, config.rollout, config.evaluate)
            own = ReplyCache(store, answerer, videos, sampling, Split.VIUBENCH.value)
            anchor = benchmark_cache(store, answerer, benchmark, videos)
            for shard in benchmark.shards:
                samples = read_rows(store, shard, Sample)
                found = own.known([originals[sample.sample_id] for sample in samples])
                replies = [
                    replace(
                        reply or _as_scored(scored[sample.sample_id]), sample_id=sample.sample_id
                    )
                    for sample, reply in zip(samples, found, strict=True)
                ]
                anchor.take_over(samples, replies)
                answered.append(keep_answers(store, candidate, benchmark, shard, answerer, replies))
    return answered


def _as_scored(row: SampleScore) -> Reply:
    """The reply behind a score, where it is not kept any more: how long it was is not known."""
    return Reply(
        sample_id=row.sample_id,
        texts=row.answers,
        num_tokens=(0,) * len(row.answers),
        truncated=(row.truncated_share > 0,) * len(row.answers),
        failure=row.failure,
    )


def _with_first(
    store: Store,
    run: Run,
    config: RetrainConfig,
    benchmarks: Sequence[AskedBenchmark],
    first: Anchor,
) -> Questions:
    folder = BenchmarkFolder(
        name=first.name,
        folder=f"{run.data_root}/{first.folder}",
        conditions=replace(
            BENCHMARKS["viubench"].conditions, max_answer_tokens=first.max_answer_tokens
        ),
        adapter="viubench",
        seed=first.seed,
    )
    if not is_built(folder.folder):
        raise InputError(f"the anchor: {folder.folder} holds no VIUBench; {anchors.REMEDY}")
    try:
        asked = list_benchmark(store, folder, config.evaluate.questions_per_shard)
    except InputError as error:  # unlike other benchmarks, no command builds it again
        problem = error.message.partition("; ")[0]
        raise InputError(f"the anchor: {problem}; {anchors.REMEDY}") from error
    return Questions([*benchmarks, asked], first)


def _contents(store: Store, benchmark: AskedBenchmark) -> list[AnchorContent]:
    """Of the videos that its questions show."""
    if is_built(benchmark.folder.folder):
        clips = built_clips(benchmark.folder.folder)
        return [AnchorContent.of(clip) for clip in clips.values()]
    videos = BenchmarkVideos(store, benchmark.folder)
    samples = [s for shard in benchmark.shards for s in read_rows(store, shard, Sample)]
    return [AnchorContent(sha256=sha256) for sha256 in videos.contents(samples)]
