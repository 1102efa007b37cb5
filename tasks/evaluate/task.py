"""Doors of evaluate: every candidate over the same held-out samples, VIUBench items and benchmarks;
one model on benchmarks alone."""

import logging
import time
from typing import TYPE_CHECKING

from tasks.benchmarks.records import BenchmarkFolder, BuiltBenchmark, Questions
from tasks.core.measurement import Selection
from tasks.core.records import AnsweredShard, AskedShard, BenchmarkTable, Candidate, DataSet, Job
from tasks.core.scores import Evaluated, Evaluation
from tasks.core.training import TrainedPolicy
from tasks.core.types import Artifact
from tasks.deployment.stage_task import stage_task

if TYPE_CHECKING:
    from tasks.evaluate.cost import CostStatement
    from tasks.tracking.tracker import Tracker

logger = logging.getLogger(__name__)


@stage_task("cpu")
def list_benchmarks(variants: list[str], job: Job) -> Questions:
    """Read and check the benchmarks of the configuration and the anchor, and say what they cost,
    before anything is spent on training; `variants` are those of an ablation, if it is one."""
    from tasks.benchmarks.questions import check_room, check_shown, configured_suite, list_suite
    from tasks.core.store import Store
    from tasks.evaluate.anchor import with_anchor
    from tasks.evaluate.cost import costs_before_training
    from tasks.tracking.run import open_registry, stage

    store, config = Store(job.run.data_root), job.config
    with stage(job.run, "list_benchmarks") as tracker:
        benchmarks = list_suite(
            store,
            configured_suite(config.evaluate.benchmarks, seed=config.seed),
            questions_per_shard=config.evaluate.questions_per_shard,
        )
        check_shown(store, benchmarks, config.promote.min_coverage)
        check_room(store, benchmarks, config.rollout, config.promote.min_coverage)
        questions = with_anchor(store, job.run, config, benchmarks)
        # Its files were checked when the job was opened: here it is only counted.
        champion = open_registry(job.run).standing(config.promote.model_name).champion
        costs = costs_before_training(
            store, questions, config, variants, has_champion=champion is not None
        )
        _publish(tracker, costs)
    return questions


@stage_task("cpu")
def add_first_anchor(questions: Questions, data: DataSet, job: Job) -> Questions:
    """This run's VIUBench becomes the anchor if there is none: once the run has ended, all later
    ones are asked it too."""
    from tasks.core.store import Store
    from tasks.evaluate.anchor import with_first_anchor
    from tasks.tracking.run import stage

    with stage(job.run, "list_benchmarks"):
        store = Store(job.run.data_root)
        return with_first_anchor(store, job.run, job.config, questions, data)


@stage_task("light")
def list_candidates(before: Artifact, trainings: list[TrainedPolicy], job: Job) -> list[Candidate]:
    """The policy GRPO started from, those it made round by round, and the champion if there is
    one."""
    from tasks.core.scores import AFTER, BEFORE, CHAMPION
    from tasks.core.store import Store
    from tasks.tracking.check import find_champion
    from tasks.tracking.run import open_registry

    champion = find_champion(
        Store(job.run.data_root), open_registry(job.run), job.config.promote.model_name
    )
    found = [] if champion is None else [Candidate(name=CHAMPION, policy=champion.policy)]
    *between, last = [training.policy for training in trainings]
    rounds = [
        Candidate(name=f"round {number}", policy=policy) for number, policy in enumerate(between, 1)
    ]
    return [
        Candidate(name=BEFORE, policy=before),
        *rounds,
        Candidate(name=AFTER, policy=last),
        *found,
    ]


@stage_task("light")
def ask_candidates(
    candidates: list[Candidate],
    base: Artifact,
    questions: Questions,
    selections: list[Selection],
    job: Job,
) -> list[AskedShard]:
    """What each candidate is asked on benchmarks, and `base`, what all nights began with, on the
    anchor, with what that will cost; `selections` say how fast calibration was."""
    from tasks.core.store import Store
    from tasks.evaluate.benchmarks import pair_up, with_answerers
    from tasks.evaluate.cost import costs_before_asking
    from tasks.tracking.run import stage

    store, config = Store(job.run.data_root), job.config
    with stage(job.run, "evaluate") as tracker:
        known = with_answerers(store, job.run, candidates, base, config.evaluate)
        asked = pair_up(known, questions)
        _publish(tracker, costs_before_asking(store, questions, asked, config, selections))
    return asked


@stage_task("gpu")
def evaluate_candidate(
    candidate: Candidate,
    data: DataSet,
    job: Job,
) -> Evaluation:
    """Score one candidate; a policy scored before on the same samples is not scored again."""
    from dataclasses import replace

    from tasks.core.manifest import read_clips, read_rows, write_rows
    from tasks.core.reuse import once, work_key
    from tasks.core.scores import SampleScore
    from tasks.core.store import Store
    from tasks.core.types import Sample
    from tasks.evaluate.score_policy import aggregate, evaluation_report, score_policy
    from tasks.rollout.open_answerer import open_policy_answerer
    from tasks.rollout.videos import ClipVideos
    from tasks.tracking.run import stage

    started = time.perf_counter()
    run, model, rollout, config = job.run, job.config.model, job.config.rollout, job.config.evaluate
    store, samples, clips = Store(run.data_root), data.samples, data.clips
    # The candidate's name is left out: one policy may be the champion here and the start there, and
    # is scored once. Of `model` only the type counts, since the weights are the policy's.
    inputs = (
        candidate.policy.digest,
        samples.digest,
        clips.digest,
        model.dtype,
        rollout,
        config.heldout_rollouts_per_sample,
        run.seed,
    )
    key = work_key("evaluated", "evaluate", *inputs)

    def score() -> Evaluation:
        questions, videos = (
            read_rows(store, samples, Sample),
            ClipVideos(store, read_clips(store, clips)),
        )
        with open_policy_answerer(store, candidate.policy, model, rollout, run.seed) as answerer:
            rows = score_policy(store, answerer, questions, videos, rollout, config)
        scores = aggregate(
            rows,
            name=candidate.name,
            policy=candidate.policy,
            predictions=write_rows(store, f"{key}/predictions.parquet", SampleScore, rows),
        )
        report = evaluation_report(scores, seconds=time.perf_counter() - started, reused=False)
        return Evaluation(scores=scores, report=report)

    with stage(run, f"evaluate_{candidate.name}"):
        scored = once(store, key, Evaluation, score)
    if not scored.reused:
        return scored.output
    scores = replace(scored.output.scores, name=candidate.name)
    return Evaluation(scores=scores, report=evaluation_report(scores, seconds=0.0, reused=True))


@stage_task("cpu")
def publish_benchmark(data: DataSet, job: Job) -> BuiltBenchmark:
    """Write a planned and validated VIUBench to a folder of its own, with its card."""
    import click

    from tasks.benchmarks.viubench.folder import keep_benchmark
    from tasks.core.manifest import read_clips, read_rows
    from tasks.core.store import Store
    from tasks.core.types import Sample
    from tasks.tracking.run import stage

    store, items_per_type = Store(job.run.data_root), job.config.perturb.viubench_items_per_type
    with stage(job.run, "publish_benchmark") as tracker:
        items, clips = read_rows(store, data.samples, Sample), read_clips(store, data.clips)
        benchmark = keep_benchmark(store, items, clips, items_per_type, job.run.seed)
        tracker.log_dataset("viubench", benchmark.items, "benchmark")
        tracker.log_bytes("card.md", store.read_bytes(f"{benchmark.key}/card.md"))
    click.echo(f"benchmark           {store.path(benchmark.key)}")
    return benchmark


@stage_task("light")
def name_variants(
    before: Artifact, names: list[str], trainings: list[TrainedPolicy]
) -> list[Candidate]:
    """The policies of an ablation, and the one that all of them started from."""
    from tasks.core.scores import BEFORE

    variants = [
        Candidate(name=name, policy=found.policy)
        for name, found in zip(names, trainings, strict=True)
    ]
    return [Candidate(name=BEFORE, policy=before), *variants]


@stage_task("light")
def tabulate_variants(
    evaluated: Evaluated,
    names: list[str],
    selections: list[Selection],
    trainings: list[TrainedPolicy],
    job: Job,
) -> Artifact:
    """Print the table of an ablation and keep it."""
    import click

    from tasks.core.digest import digest_of_bytes
    from tasks.core.store import Store
    from tasks.evaluate.variants import Variant, variants_table
    from tasks.tracking.run import stage

    run = job.run
    store, key = Store(run.data_root), f"runs/{run.run_id}/ablation.md"
    trained = zip(selections, trainings, strict=True)
    variants = {name: Variant(*found) for name, found in zip(names, trained, strict=True)}
    with stage(run, "tabulate") as tracker:
        scores = {found.scores.name: found.scores for found in evaluated.models}
        table = variants_table(store, scores, variants, evaluated.controls)
        store.write_bytes(key, table.encode())
        tracker.log_bytes("ablation.md", table.encode())
    click.echo(table)
    return Artifact(key, digest_of_bytes(table.encode()), len(names))


@stage_task("light")
def open_suite(benchmarks: str, conditions: str, model: str, limit: int) -> list[BenchmarkFolder]:
    """Find the benchmarks and check every name; comes before the run is opened, so wrong ones write
    nothing."""
    from tasks.benchmarks.questions import read_suite
    from tasks.core.errors import InputError
    from tasks.rollout.open_answerer import check_answerer

    if limit < 0:
        raise InputError(
            f"limit: got {limit}, expected 0 for all questions, or how many of each benchmark"
        )
    folders = read_suite(benchmarks, conditions, limit=limit)
    check_answerer(model)
    return folders


@stage_task("cpu")
def list_questions(folders: list[BenchmarkFolder], job: Job) -> Questions:
    """Read the annotations of all benchmarks, and write the questions in shards for the map
    task."""
    from dataclasses import replace

    from tasks.benchmarks.questions import list_suite
    from tasks.core.store import Store
    from tasks.tracking.run import stage

    store, seeded = Store(job.run.data_root), [replace(one, seed=job.run.seed) for one in folders]
    per_shard = job.config.evaluate.questions_per_shard
    with stage(job.run, "list_questions"):
        questions = Questions(list_suite(store, seeded, questions_per_shard=per_shard))
    for one in questions.benchmarks:
        logger.info("%s: %d of %d questions", one.folder.name, one.num_selected, one.num_available)
    return questions


@stage_task("light")
def ask_model(name: str, questions: Questions, job: Job) -> list[AskedShard]:
    """What the model `name` is asked."""
    from tasks.core.store import Store
    from tasks.evaluate.benchmarks import named_candidate, pair_up
    from tasks.tracking.run import stage

    with stage(job.run, "list_questions"):
        return pair_up([named_candidate(Store(job.run.data_root), job.run, name)], questions)


@stage_task("gpu")
def answer_shard(asked: AskedShard, questions: Questions, job: Job) -> AnsweredShard:
    """Ask a candidate what it was not asked before."""
    from tasks.core.store import Store
    from tasks.evaluate.benchmarks import answer_questions
    from tasks.tracking.run import stage

    store, config = Store(job.run.data_root), job.config
    with stage(job.run, "answer"):
        return answer_questions(
            store, asked, questions, config.model, config.rollout, config.evaluate
        )


@stage_task("cpu")
def score_benchmarks(
    evaluated: list[Evaluation], answered: list[AnsweredShard], questions: Questions, job: Job
) -> Evaluated:
    """Score what all candidates answered on benchmarks, beside their own scores."""
    from tasks.core.store import Store
    from tasks.evaluate.anchor import own_answers
    from tasks.evaluate.benchmarks import score_candidates
    from tasks.evaluate.spent import spent_metrics
    from tasks.tracking.run import stage

    with stage(job.run, "evaluate") as tracker:
        tracker.log_metrics(spent_metrics(answered))
        store, config = Store(job.run.data_root), job.config
        return score_candidates(
            store,
            evaluated,
            [*answered, *own_answers(store, evaluated, questions, config)],
            questions,
            min_coverage=config.evaluate.min_coverage,
        )


@stage_task("cpu")
def tabulate_benchmarks(
    answered: list[AnsweredShard], questions: Questions, name: str, job: Job
) -> BenchmarkTable:
    """Score all answers, keep results and predictions, and print the table."""
    import click

    from tasks.core.store import Store
    from tasks.evaluate.benchmarks import tabulate
    from tasks.tracking.run import stage

    store = Store(job.run.data_root)
    with stage(job.run, "tabulate") as tracker:
        table = tabulate(store, job.run, answered, questions, name, job.config.evaluate, tracker)
    click.echo(store.read_bytes(table.table.key).decode())
    for result in table.results.values():
        click.echo(f"result              {store.path(result.key)}")
    return table


def _publish(tracker: "Tracker", costs: "CostStatement") -> None:
    import click

    if costs.text:
        tracker.log_metrics(costs.metrics)
        tracker.log_bytes("cost.md", costs.markdown.encode())
        click.echo(costs.text)
