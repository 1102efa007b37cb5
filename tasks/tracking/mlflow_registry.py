"""MLflow's model registry. Versions point at the checkpoint in the store: its weights are not copied.

MLflow sets an alias without looking at what it was. So every change of the champion is first a version of a second
registered model, `NAME-champions`, whose numbers the database gives out one at a time: that is the log of
`tasks.tracking.moves`, and the alias follows it.
"""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tasks.core.store import Store
from tasks.core.types import Artifact, Run
from tasks.tracking.mlflow_tracker import open_client, reaching
from tasks.tracking.moves import Move, effective
from tasks.tracking.tracker import ChampionMovedError, RegisteredModel, Standing

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_POLICY_KEY = "videossr.policy_key"
_POLICY_DIGEST = "videossr.policy_digest"
_CHAMPION = "champion"
_FINISHED = "finished"

logger = logging.getLogger(__name__)


class MlflowRegistry:
    """The registered models on the tracking server, or in the sqlite file below the data root."""

    def __init__(self, run: Run) -> None:
        self._client = open_client(run.data_root, run.tracking_uri)
        self._data_root = run.data_root
        self._tracking_uri = run.tracking_uri
        self._run_id = run.run_id

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        with reaching(self._tracking_uri):
            return self._register(name, policy, tags)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        with reaching(self._tracking_uri):
            for key, value in tags.items():
                self._client.set_model_version_tag(name, version, key, value)

    def standing(self, name: str) -> Standing:
        with reaching(self._tracking_uri):
            log = self.moves(name)
            cut_off = bool(log) and not log[-1].finished
            champion = self.version(name, log[-1].version) if cut_off else self._by_alias(name)
        return Standing(champion, log[-1].number if log else 0)

    def version(self, name: str, version: str) -> RegisteredModel | None:
        return self._find(lambda: self._client.get_model_version(name, version))

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        with reaching(self._tracking_uri):
            own = [move for move in self.moves(name) if (move.after, move.version) == (last_move, version)]
            if not (own and own[0].run_id == self._run_id):
                self._claim(name, version, last_move, champion)
            self._follow(name)

    def moves(self, name: str) -> list[Move]:
        with reaching(self._tracking_uri):
            return effective(_move(entry) for entry in self._versions(f"name = '{_log(name)}'"))

    def _claim(self, name: str, version: str, last_move: int, champion: str) -> None:
        standing = self.standing(name)
        current = standing.champion.version if standing.champion else ""
        if current != champion:  # moved by hand, beside the log
            raise _moved(name, version, champion, current)
        target = self._client.get_model_version(name, version)
        self._create_model(_log(name))
        tags = {"after": str(last_move), "version": version, "before": champion, "run_id": self._run_id}
        entry = self._client.create_model_version(_log(name), str(target.source), target.run_id or None, tags=tags)
        moves = self.moves(name)
        if int(entry.version) not in {move.number for move in moves}:
            raise _moved(name, version, champion, moves[-1].version)

    def _follow(self, name: str) -> None:
        """Let the alias follow the log; whoever writes it last has read the log since."""
        last = None
        while (move := self.moves(name)[-1]).number != last:
            self._client.set_registered_model_alias(name, _CHAMPION, move.version)
            self._client.set_model_version_tag(_log(name), str(move.number), _FINISHED, "true")
            last = move.number

    def _register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        self._create_model(name)
        found = self._client.search_model_versions(f"name = '{name}' and tags.`{_POLICY_DIGEST}` = '{policy.digest}'")
        all_tags = {**tags, _POLICY_KEY: policy.key, _POLICY_DIGEST: policy.digest}
        if not found:
            source = f"{self._data_root}/{policy.key}"
            created = self._client.create_model_version(name, source, self._run_id, tags=all_tags)
            return str(created.version)
        version = str(found[0].version)
        self.tag(name, version, all_tags)
        return version

    def _by_alias(self, name: str) -> RegisteredModel | None:
        return self._find(lambda: self._client.get_model_version_by_alias(name, _CHAMPION))

    def _find(self, ask: "Callable[[], ModelVersion]") -> RegisteredModel | None:
        from mlflow.exceptions import MlflowException

        try:
            with reaching(self._tracking_uri):
                found = ask()
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # no model, version or alias
                return None
            raise
        return self._registered(found)

    def _registered(self, found: "ModelVersion") -> RegisteredModel:
        # A version registered by hand has no such tags; its empty digest equals no policy's.
        policy = Artifact(key=found.tags.get(_POLICY_KEY, ""), digest=found.tags.get(_POLICY_DIGEST, ""))
        if policy.key and not policy.digest:
            policy = self._with_digest(found, policy)
        return RegisteredModel(version=str(found.version), policy=policy, tags=dict(found.tags))

    def _with_digest(self, found: "ModelVersion", policy: Artifact) -> Artifact:
        """The policy with the digest of its files, which its version gets; as it is if they are gone."""
        # Loads torch; every version that a run registers has a digest.
        from tasks.policy.checkpoint import stored_policy

        store = Store(self._data_root)
        if not store.exists(policy.key):
            return policy
        policy = stored_policy(store, policy.key)
        self.tag(found.name, str(found.version), {_POLICY_DIGEST: policy.digest})
        logger.warning(
            "%s version %s was registered without a digest: it gets that of its files, %s",
            *(found.name, found.version, policy.digest),
        )
        return policy

    def _versions(self, filter_string: str) -> "list[ModelVersion]":
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(filter_string, page_token=token)
            found += page
            token = page.token
            if not token:
                return found

    def _create_model(self, name: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _log(name: str) -> str:
    return f"{name}-champions"


def _moved(name: str, version: str, champion: str, current: str) -> ChampionMovedError:
    return ChampionMovedError(
        f"version {current or 'none'} became champion of {name} while version {version} was compared with version "
        f"{champion or 'none'}; run again to compare with the new one"
    )


def _move(entry: "ModelVersion") -> Move:
    tags = entry.tags
    return Move(
        number=int(entry.version),
        after=int(tags["after"]),
        version=tags["version"],
        before=tags["before"],
        run_id=tags["run_id"],
        finished=_FINISHED in tags,
    )
