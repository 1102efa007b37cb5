"""What asking benchmarks has cost."""

from collections.abc import Sequence

from tasks.core.records import AnsweredShard
from tasks.core.speed import BENCHMARK_STAGE
from tasks.core.types import StageReport


def spent_on(answered: Sequence[AnsweredShard]) -> list[StageReport]:
    """A report for each benchmark, over all models."""
    names = sorted({shard.benchmark for shard in answered})
    return [_spent(name, [one for one in answered if one.benchmark == name]) for name in names]


def spent_metrics(answered: Sequence[AnsweredShard]) -> dict[str, float]:
    """The same for MLflow, beside what was expected."""
    return {
        name: value
        for report in spent_on(answered)
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
