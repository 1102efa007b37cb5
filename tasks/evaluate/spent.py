"""What asking benchmarks, and asking without pictures, has cost."""

from collections import Counter
from collections.abc import Iterable, Sequence

from tasks.core.controls import BlindScores
from tasks.core.records import AnsweredShard
from tasks.core.speed import BENCHMARK_STAGE
from tasks.core.types import StageReport


def spent_on(
    answered: Sequence[AnsweredShard], blind: Sequence[BlindScores] = ()
) -> list[StageReport]:
    """A report for each benchmark, and for each place and condition of blind asking, over all
    models."""
    names = sorted({shard.benchmark for shard in answered})
    return [
        *(_spent(name, [one for one in answered if one.benchmark == name]) for name in names),
        *_summed(one.report for one in blind),
    ]


def spent_metrics(
    answered: Sequence[AnsweredShard], blind: Sequence[BlindScores] = ()
) -> dict[str, float]:
    """The same for MLflow, beside what was expected."""
    return {
        name: value
        for report in spent_on(answered, blind)
        for name, value in (
            *((f"cost/{report.stage}_{count}", value) for count, value in report.counts.items()),
            # As promote calls the seconds of every stage.
            (f"time/{report.stage}_seconds", report.seconds),
        )
    }


def _spent(name: str, shards: Sequence[AnsweredShard]) -> StageReport:
    return StageReport(
        stage=f"{BENCHMARK_STAGE}{name}",
        seconds=sum(one.seconds for one in shards),
        counts={
            "asked": float(sum(one.num_asked for one in shards)),
            "decoded": float(sum(one.num_decoded for one in shards)),
            "tokens": float(sum(one.num_tokens for one in shards)),
        },
    )


def _summed(reports: Iterable[StageReport]) -> list[StageReport]:
    """One for each stage: an ablation asks every variant the same."""
    found: dict[str, StageReport] = {}
    for report in reports:
        before = found.get(report.stage, StageReport(report.stage, 0.0))
        counts = Counter(before.counts)
        counts.update(report.counts)
        found[report.stage] = StageReport(
            report.stage, before.seconds + report.seconds, dict(counts)
        )
    return [*found.values()]
