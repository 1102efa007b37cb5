"""A tracker that only remembers: for ranks whose numbers nobody wants, and for tests."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.core.types import Artifact
from tasks.tracking.tracker import RunStatus


@dataclass
class MemoryTracker:
    """One run's record in memory."""

    run_id: str = "in memory"
    params: dict[str, str] = field(default_factory=dict)
    metrics: defaultdict[str, list[tuple[int, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """(step, value) pairs by name."""
    files: dict[str, bytes] = field(default_factory=dict)
    tables: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    """Rows by name."""
    datasets: list[tuple[str, Artifact, str]] = field(default_factory=list)
    """(name, dataset, context)"""
    tags: dict[str, str] = field(default_factory=dict)
    status: RunStatus = RunStatus.RUNNING

    def log_params(self, params: Mapping[str, str]) -> None:
        for name, value in params.items():
            if self.params.setdefault(name, value) != value:
                self.tags[f"param.{name}"] = value

    def log_metrics(
        self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None
    ) -> None:
        for name, value in metrics.items():
            if not self.metrics[name] or self.metrics[name][-1][1] != value:
                self.metrics[name].append((step, value))

    def log_step(
        self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None
    ) -> None:
        for name, value in metrics.items():
            self.metrics[name].append((step, value))

    def log_bytes(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        self.tables[name] = [dict(row) for row in rows]

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        self.datasets.append((name, dataset, context))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.tags = {name: value for name, value in (self.tags | dict(tags)).items() if value}

    def set_status(self, status: RunStatus) -> None:
        self.status = status
