"""Tracker and registry that only remember: for tests, and for libraries used without a run."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.types import Artifact
from tasks.tracking.moves import Move
from tasks.tracking.tracker import ChampionMovedError, RegisteredModel, RunStatus, Standing


@dataclass
class MemoryTracker:
    """One run's record in memory."""

    run_id: str = "in memory"
    params: dict[str, str] = field(default_factory=dict)
    metrics: defaultdict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    """(step, value) pairs by name."""
    files: dict[str, bytes] = field(default_factory=dict)
    datasets: list[tuple[str, Artifact, str]] = field(default_factory=list)
    """(name, dataset, context)"""
    tags: dict[str, str] = field(default_factory=dict)
    status: RunStatus = RunStatus.RUNNING

    def log_params(self, params: Mapping[str, str]) -> None:
        for name, value in params.items():
            if self.params.setdefault(name, value) != value:
                self.tags[f"param.{name}"] = value

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0, at_seconds: float | None = None) -> None:
        for name, value in metrics.items():
            if not self.metrics[name] or self.metrics[name][-1][1] != value:
                self.metrics[name].append((step, value))

    def log_step(self, metrics: Mapping[str, float], step: int, series: str, at_seconds: float | None = None) -> None:
        for name, value in metrics.items():
            self.metrics[name].append((step, value))

    def log_bytes(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def log_dataset(self, name: str, dataset: Artifact, context: str) -> None:
        self.datasets.append((name, dataset, context))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        self.tags = {name: value for name, value in (self.tags | dict(tags)).items() if value}

    def set_status(self, status: RunStatus) -> None:
        self.status = status


@dataclass
class MemoryRegistry:
    """Registered models in memory."""

    versions: defaultdict[str, list[RegisteredModel]] = field(default_factory=lambda: defaultdict(list))
    logs: defaultdict[str, list[Move]] = field(default_factory=lambda: defaultdict(list))

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        models = self.versions[name]
        for index, model in enumerate(models):
            if model.policy.digest == policy.digest:
                models[index] = RegisteredModel(model.version, model.policy, {**model.tags, **tags})
                return model.version
        models.append(RegisteredModel(str(len(models) + 1), policy, dict(tags)))
        return models[-1].version

    def version(self, name: str, version: str) -> RegisteredModel | None:
        return next((model for model in self.versions[name] if model.version == version), None)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        self.versions[name][int(version) - 1].tags.update(tags)

    def standing(self, name: str) -> Standing:
        last = self.logs[name][-1] if self.logs[name] else None
        return Standing(self.version(name, last.version) if last else None, last.number if last else 0)

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        log, standing = self.logs[name], self.standing(name)
        if log and (log[-1].after, log[-1].version) == (last_move, version):
            return
        current = standing.champion.version if standing.champion else ""
        if (standing.last_move, current) != (last_move, champion):
            raise ChampionMovedError(f"the champion of {name} is version {current or 'none'} now; run again")
        log.append(
            Move(number=last_move + 1, after=last_move, version=version, before=champion, run_id="", finished=True)
        )

    def moves(self, name: str) -> list[Move]:
        return list(self.logs[name])
