"""Doors of evaluate: every candidate over the same held-out samples, VIUBench items and benchmarks;
one model on benchmarks alone."""

import logging
from typing import TYPE_CHECKING

from tasks.benchmarks.records import BenchmarkFolder, BuiltBenchmark, Questions
from tasks.core.controls import BlindScores, Controls
from tasks.core.measurement import Selection
from tasks.core.records import (
    AnsweredShard,
    AskedShard,
    BenchmarkTable,
    BlindTrial,
    Candidate,
    DataSet,
    Job,
)
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
    from tasks.core.store import Store
    from tasks.evaluate.candidates import candidates_of
    from tasks.tracking.check import find_champion
    from tasks.tracking.run import open_registry

    champion = find_champion(
        Store(job.run.data_root), open_registry(job.run), job.config.promote.model_name
    )
    return candidates_of(before, trainings, champion.policy if champion else None)


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
        costs = costs_before_asking(store, questions, candidates, asked, config, selections)
        _publish(tracker, costs)
    return asked


@stage_task("gpu")
def evaluate_candidate(candidate: Candidate, data: DataSet, job: Job) -> Evaluation:
    """Score one candidate; a policy scored before on the same samples is not scored again."""
    from tasks.core.store import Store
    from tasks.evaluate.candidates import evaluate_once
    from tasks.tracking.run import stage

    with stage(job.run, f"evaluate_{candidate.name}"):
        return evaluate_once(Store(job.run.data_root), candidate, data, job)


@stage_task("light")
def list_controls(
    candidates: list[Candidate], asked: list[AskedShard], questions: Questions, job: Job
) -> list[BlindTrial]:
    """Who is asked without pictures, where and how: `candidates` on the run's own samples, and on
    benchmarks whoever was `asked`."""
    from tasks.evaluate.trials import blind_trials

    return blind_trials(candidates, asked, questions, job.config.evaluate, job.config.promote)


@stage_task("gpu")
def ask_blind(trial: BlindTrial, questions: Questions, data: DataSet, job: Job) -> BlindScores:
    """Ask one candidate in one place without its pictures, until the score is precise."""
    from tasks.core.store import Store
    from tasks.evaluate.trials import hold_trial
    from tasks.tracking.run import stage

    with stage(job.run, "ask_blind"):
        return hold_trial(Store(job.run.data_root), trial, questions, data, job)


@stage_task("cpu")
def score_unseen(
    data: DataSet, questions: Questions, job: Job, is_wanted: bool = True
) -> dict[str, Artifact]:
    """What chance and the best constant answer score, by place; nothing if it is not wanted."""
    from tasks.core.store import Store
    from tasks.evaluate import unseen
    from tasks.tracking.run import stage

    if not is_wanted:
        return {}
    with stage(job.run, "score_unseen"):
        return unseen.score_unseen(Store(job.run.data_root), data, questions, job.run.seed)


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
    from tasks.evaluate.candidates import variants_of

    return variants_of(before, names, trainings)


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
def ask_model(name: str, questions: Questions, job: Job, controls: bool) -> list[AskedShard]:
    """What the model `name` is asked; with `controls` without pictures too."""
    from dataclasses import replace

    from tasks.core.store import Store
    from tasks.evaluate.benchmarks import named_candidate, pair_up
    from tasks.tracking.run import stage

    with stage(job.run, "list_questions"):
        candidate = named_candidate(Store(job.run.data_root), job.run, name)
        return pair_up([replace(candidate, is_controlled=controls)], questions)


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
    evaluated: list[Evaluation],
    answered: list[AnsweredShard],
    unseen: dict[str, Artifact],
    blind: list[BlindScores],
    questions: Questions,
    job: Job,
) -> Evaluated:
    """Score what all candidates answered on benchmarks, beside their own scores, with the controls
    of both."""
    from tasks.core.store import Store
    from tasks.evaluate.anchor import own_answers
    from tasks.evaluate.benchmark_scores import score_candidates
    from tasks.evaluate.spent import spent_metrics
    from tasks.tracking.run import stage

    with stage(job.run, "evaluate") as tracker:
        tracker.log_metrics(spent_metrics(answered, blind))
        store, config = Store(job.run.data_root), job.config
        return score_candidates(
            store,
            evaluated,
            [*answered, *own_answers(store, evaluated, questions, config)],
            questions,
            Controls(unseen=unseen, blind=blind),
            min_coverage=config.evaluate.min_coverage,
        )


@stage_task("cpu")
def tabulate_benchmarks(
    answered: list[AnsweredShard],
    unseen: dict[str, Artifact],
    blind: list[BlindScores],
    questions: Questions,
    name: str,
    job: Job,
) -> BenchmarkTable:
    """Score all answers, keep results and predictions, and print the table; with `blind` or
    `unseen`, how far the questions can be answered without looking."""
    import click

    from tasks.core.store import Store
    from tasks.evaluate.benchmark_scores import tabulate
    from tasks.tracking.run import stage

    store = Store(job.run.data_root)
    with stage(job.run, "tabulate") as tracker:
        controls = Controls(unseen=unseen, blind=blind)
        table = tabulate(
            store, job.run, answered, controls, questions, name, job.config.evaluate, tracker
        )
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
