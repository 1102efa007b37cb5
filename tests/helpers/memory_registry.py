"""A model registry that only remembers, for tests of those who ask one; in the suite of
registries."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.core.types import Artifact
from tasks.tracking.tracker import Move, RegisteredModel, Standing


@dataclass
class MemoryRegistry:
    """Registered models in memory."""

    versions: defaultdict[str, list[RegisteredModel]] = field(
        default_factory=lambda: defaultdict(list)
    )
    moves: defaultdict[str, list[Move]] = field(default_factory=lambda: defaultdict(list))

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
        moves = tuple(self.moves[name])
        return Standing(self.version(name, moves[-1].version) if moves else None, moves)

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        move = self.standing(name).next_move(
            version, last_move=last_move, champion=champion, run_id=""
        )
        if move is not None:
            self.moves[name].append(move)
