"""What models scored on benchmarks, beside what they would without looking; of one model alone
every benchmark is logged as a run of its own, with one table of all.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.records import AskedBenchmark, Questions
from tasks.benchmarks.viubench.folder import is_built
from tasks.core.config import EvaluateConfig
from tasks.core.controls import (
    NO_CONTROLS,
    BlindScore,
    Control,
    Controls,
    Unseen,
    by_item,
    control,
)
from tasks.core.digest import digest_of, digest_of_bytes
from tasks.core.manifest import read_rows, write_rows
from tasks.core.records import AnsweredShard, BenchmarkTable
from tasks.core.reuse import work_key
from tasks.core.scores import BASE, BenchmarkScore, Evaluated, Evaluation, UnitScore
from tasks.core.store import Store
from tasks.core.types import Artifact, Run
from tasks.evaluate.benchmarks import all_samples, replies_by_id
from tasks.evaluate.score_benchmark import (
    ModelResult,
    Prediction,
    result_json,
    results_table,
    score_benchmark,
)
from tasks.evaluate.spent import spent_metrics, spent_on
from tasks.tracking.run import child_run
from tasks.tracking.tracker import Tracker


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
    controls: Controls = NO_CONTROLS,
    *,
    min_coverage: float,
) -> Scored:
    """Score what `model` answered to all questions of `benchmark`, and keep it, with what the
    score would be without looking; the same answers give the same bytes."""
    folder = benchmark.folder
    own = [shard for shard in answered if shard.benchmark == folder.name]
    opened = BENCHMARKS[folder.adapter].open(
        folder.folder, folder.conditions, benchmark.num_available
    )
    result, predictions = score_benchmark(
        opened,
        [*all_samples(store, benchmark)],
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
    found = find_control(store, controls, model, folder.name, units)
    # Without controls the same files as ever.
    key = f"{work_key('evaluated', 'score', *inputs, *([found] if found else []))}/{folder.name}"
    result = replace(result, control=found)
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


def find_control(
    store: Store, controls: Controls, model: str, benchmark: str, units: Sequence[UnitScore]
) -> Control | None:
    """What a model's score on a benchmark has beside it; None if no control was made there."""
    unseen = controls.unseen.get(benchmark)
    blind = {
        one.condition: by_item(read_rows(store, one.scores, BlindScore))
        for one in controls.blind
        if (one.candidate, one.place) == (model, benchmark)
    }
    if unseen is None and not blind:
        return None
    known = read_rows(store, unseen, Unseen) if unseen else []
    return control(
        {row.unit: row.scored() for row in units}, {row.item: row for row in known}, blind
    )


def score_candidates(
    store: Store,
    evaluated: Sequence[Evaluation],
    answered: Sequence[AnsweredShard],
    questions: Questions,
    controls: Controls = NO_CONTROLS,
    *,
    min_coverage: float,
) -> Evaluated:
    """What every candidate scored on every benchmark, beside its own scores, with the controls of
    both."""

    def on_benchmarks(name: str) -> dict[str, BenchmarkScore]:
        own = [shard for shard in answered if shard.candidate == name]
        there = {shard.benchmark for shard in own}
        return {
            found.folder.name: score_answers(
                store, name, found, own, controls, min_coverage=min_coverage
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
        reports=spent_on(answered, controls.blind),
        anchor=questions.anchor,
        controls=controls,
    )


def tabulate(
    store: Store,
    run: Run,
    answered: Sequence[AnsweredShard],
    controls: Controls,
    questions: Questions,
    name: str,
    config: EvaluateConfig,
    tracker: Tracker,
) -> BenchmarkTable:
    """Score and keep one model's answers, each benchmark as a run of its own below `run`."""
    found = [
        score_answers(store, name, benchmark, answered, controls, min_coverage=config.min_coverage)
        for benchmark in questions.benchmarks
    ]
    for benchmark, scored in zip(questions.benchmarks, found, strict=True):
        _log(run, benchmark, scored)
    results = [scored.result for scored in found]
    text = results_table(results)
    tracker.log_metrics(_summary(results, answered, controls))
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


def _summary(
    results: Sequence[ModelResult], answered: Sequence[AnsweredShard], controls: Controls
) -> dict[str, float]:
    """Of all benchmarks, for the parent run: what differs between two runs that were cut off at
    other places is here and in no file.
    """
    scores = {f"score/{r.name}": r.headline.mean for r in results if r.headline is not None}
    return {
        **scores,
        **spent_metrics(answered, controls.blind),
        "cost/asked": float(sum(shard.num_asked for shard in answered)),
        "cost/decoded": float(sum(shard.num_decoded for shard in answered)),
        "time/answer_seconds": sum(shard.seconds for shard in answered),
        "cost/vision_tokens": float(sum(r.num_vision_tokens for r in results)),
        "cost/answer_tokens": float(sum(r.num_answer_tokens for r in results)),
    }


def _write(store: Store, key: str, text: str) -> Artifact:
    store.write_bytes(key, text.encode())
    return Artifact(key=key, digest=digest_of_bytes(text.encode()))
