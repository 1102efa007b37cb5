"""The end of an evaluation: every benchmark judged, kept, logged as a run of its own, and one table of all."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.records import BenchmarkFolder, Questions
from tasks.benchmarks.viubench.folder import is_built
from tasks.core.config import EvaluateConfig
from tasks.core.digest import digest_of, digest_of_bytes
from tasks.core.manifest import write_rows
from tasks.core.store import Store
from tasks.core.types import Artifact, Run
from tasks.evaluate.answering import answers_by_id, samples_by_benchmark
from tasks.evaluate.judging import ModelResult, Prediction, judge, markdown_table, result_json
from tasks.evaluate.outputs import AnsweredShard, BenchmarkTable
from tasks.tracking.run import child_run
from tasks.tracking.tracker import Tracker


def tabulate(
    store: Store,
    run: Run,
    answered: Sequence[AnsweredShard],
    questions: Questions,
    name: str,
    config: EvaluateConfig,
    tracker: Tracker,
) -> BenchmarkTable:
    """Judge and keep; the same answers give the same bytes."""
    answers, samples = answers_by_id(store, answered), samples_by_benchmark(store, questions)
    asked = [shard.questions.digest for shard in questions.shards]
    digest = digest_of(config, name, *questions.folders, *asked, *(shard.answers.digest for shard in answered))
    results: list[ModelResult] = []
    kept: dict[str, Artifact] = {}
    for folder in questions.folders:
        found, predictions = judge(
            BENCHMARKS[folder.name].open(Path(folder.folder), folder.conditions, questions.num_available[folder.name]),
            samples[folder.name],
            answers,
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
    text = markdown_table(results)
    tracker.log_metrics(_summary(results, answered))
    tracker.log_bytes("benchmarks.md", text.encode())
    return BenchmarkTable(results=kept, table=_write(store, f"evaluated/{digest}/benchmarks.md", text))


def _log(run: Run, folder: BenchmarkFolder, found: ModelResult, text: str, predictions: Artifact) -> None:
    params = {"model": found.model, "benchmark": folder.name, **asdict(folder.conditions)}
    with child_run(run, folder.name, params) as tracker:
        tracker.log_metrics(found.metrics())
        tracker.log_bytes("result.json", text.encode())
        tracker.log_dataset("predictions", predictions, "predictions")
        tracker.set_tags({"videossr.headline": found.refused or "given"})


def _summary(results: Sequence[ModelResult], answered: Sequence[AnsweredShard]) -> dict[str, float]:
    """Of all benchmarks, for the parent run: what differs between two runs that were cut off at other places is here
    and in no file.
    """
    scores = {f"score/{r.result.benchmark}": r.headline.mean for r in results if r.headline is not None}
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
