"""How fast policies answer: what a run measured, in its summary for the costs of the next one.

One number, seconds for a token, read or written: rough, because a written one takes longer and
videos are decoded on the way, yet nothing in it is invented.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from tasks.core.config import RetrainConfig
from tasks.core.store import Store
from tasks.core.types import StageReport

SUMMARY_KEY = "summary.json"
"""Of the run that ended last, at the top of the data root."""
BENCHMARK_STAGE = "benchmark_"
"""What the reports of benchmarks are called, before the benchmark's name."""
BLIND_STAGE = "blind_"
"""What the reports of asking without pictures are called, before condition and place."""


@dataclass(frozen=True)
class Speed:
    """What answering took; `summary.json` has it under `cost.speed`."""

    of: str
    """Model and engine."""
    tokens: float
    """Of prompts (those of texts are estimated) and answers."""
    seconds: float
    """Of one device, with the time that it takes to load a model and to decode videos."""

    @property
    def seconds_per_token(self) -> float:
        return self.seconds / self.tokens


def speed_name(config: RetrainConfig) -> str:
    """Whose speed a run measures."""
    return f"{config.model.base} ({config.rollout.engine})"


def measured_speed(reports: Iterable[StageReport], of: str) -> Speed | None:
    """Of the stages that asked something; None if all was known already."""
    asked = [report for report in reports if report.counts.get("tokens") and report.seconds]
    if not asked:
        return None
    return Speed(
        of, sum(report.counts["tokens"] for report in asked), sum(r.seconds for r in asked)
    )


def find_speed(store: Store, of: str) -> Speed | None:
    """Of the run of this data root that ended last; None if it said nothing of this model."""
    try:
        kept = json.loads(store.read_bytes(SUMMARY_KEY))["cost"]["speed"]
        found = TypeAdapter(Speed).validate_python(kept)
    # A summary of an older version has none, and an estimate is no reason to end a run.
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None
    return found if found.of == of and found.tokens > 0 else None
