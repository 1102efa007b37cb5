"""Scores of versions on benchmarks, made up question by question."""

from collections.abc import Sequence
from dataclasses import replace

from tasks.core.manifest import write_rows
from tasks.core.scores import BenchmarkScore, UnitScore
from tasks.core.statistics import estimate
from tasks.core.store import Store
from tasks.core.types import Artifact
from tasks.promote.scores_file import VersionScore
from tests.helpers.finished_run import make_benchmark


def keep_units(store: Store, key: str, scores: Sequence[float]) -> Artifact:
    """One question a video, with these scores."""
    return write_rows(store, key, UnitScore, _units(scores))


def benchmark_score(
    store: Store, model: str, scores: Sequence[float], *, name: str = "mme", questions: str = "abc"
) -> BenchmarkScore:
    """How `model` did on the benchmark `name`."""
    return replace(
        make_benchmark(store, name, model, loss=0),
        questions=questions,
        headline=estimate(row.scored() for row in _units(scores)),
        units=keep_units(store, f"units/{model}-{name}-{questions}.parquet", scores),
    )


def version_score(
    store: Store, version: str, scores: Sequence[float], **changes: object
) -> VersionScore:
    """A row of a run, with its scores kept; `changes` are other fields."""
    fields: dict[str, object] = {
        "place": "mme",
        "questions": "abc",
        "run_id": f"run{version}",
        "scored_at": f"2026-12-{version if version.isdigit() else 1:0>2}",
        "promoted": True,
        "is_anchor": False,
        "answerer": "",
    } | changes
    found = estimate(row.scored() for row in _units(scores))
    kept = keep_units(
        store, f"units/{version}-{fields['place']}-{fields['questions']}.parquet", scores
    )
    return VersionScore(
        version=version,
        policy=f"trained/{version}/policy",
        mean=found.mean,
        low=None if found.no_interval else found.low,
        high=None if found.no_interval else found.high,
        se=None if found.no_interval else found.se,
        num_items=found.num_items,
        num_videos=found.num_videos,
        no_interval=found.no_interval,
        chance=0.25,
        scores_key=kept.key,
        scores_digest=kept.digest,
        **fields,  # type: ignore[arg-type]
    )


def _units(scores: Sequence[float]) -> list[UnitScore]:
    return [
        UnitScore(unit=f"q{number}", score=score, video=f"video {number}")
        for number, score in enumerate(scores)
    ]
