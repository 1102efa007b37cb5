"""MLflow's model registry. Versions say where the policy lies: its weights are not copied.

What counts is a version's tags: the policy's whole address (data root and key) and its digest. Its source, which
MLflow itself downloads from, is that address too if the server takes it. A server takes no path of a file system, since
it may not see what its clients do: then the source is a small folder of the run that says where the policy lies.

MLflow sets an alias without looking at what it was. So every change of the champion is first a version of a second
registered model, `NAME-champions`, whose numbers the database gives out one at a time: that is the log of
`tasks.tracking.moves`, and the alias follows it.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks.core.store import Store, locate
from tasks.core.types import Artifact, Run
from tasks.tracking.mlflow_client import FoundT, asking, find_or_make, open_client, reaching_artifacts
from tasks.tracking.moves import Move, effective
from tasks.tracking.tracker import ChampionMovedError, RegisteredModel, Standing

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_POLICY_KEY = "videossr.policy_key"
_POLICY_ADDRESS = "videossr.policy_address"
_POLICY_DIGEST = "videossr.policy_digest"
_CHAMPION = "champion"
_FINISHED = "finished"
_CHECKED = "videossr.checked"
_POINTER = "policy"
"""Folder of a run that says where its policy lies."""

logger = logging.getLogger(__name__)


class MlflowRegistry:
    """The registered models on the tracking server, or in the sqlite file below the data root."""

    def __init__(self, run: Run) -> None:
        self._client = open_client(run.data_root, run.tracking_uri)
        self._data_root = run.data_root
        self._tracking_uri = run.tracking_uri
        self._run_id = run.run_id
        self._mover = run.run_id or uuid.uuid4().hex
        """Whose changes of the champion are this one's."""

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        with asking(self._tracking_uri):
            return self._register(name, policy, tags)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        with asking(self._tracking_uri):
            for key, value in tags.items():
                self._client.set_model_version_tag(name, version, key, value)

    def standing(self, name: str) -> Standing:
        with asking(self._tracking_uri):
            log = self.moves(name)
            cut_off = bool(log) and not log[-1].finished
            champion = self.version(name, log[-1].version) if cut_off else self._by_alias(name)
        return Standing(champion, log[-1].number if log else 0)

    def version(self, name: str, version: str) -> RegisteredModel | None:
        return self._find(lambda: self._client.get_model_version(name, version))

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        with asking(self._tracking_uri):
            if not self._has_moved(self.moves(name), version, last_move):
                self._claim(name, version, last_move, champion)
            self._follow(name)

    def moves(self, name: str) -> list[Move]:
        with asking(self._tracking_uri):
            return effective(_move(entry) for entry in self._versions(_log(name)))

    def check_writable(self, name: str) -> None:
        """Check that this user may register versions of `name`; what it takes to find out is taken away again.

        Raises:
            TrackerUnreachableError, TrackerRefusedError: they may not.
        """
        with asking(self._tracking_uri):
            for existing in self._existing(name, _log(name)):
                self._client.set_registered_model_tag(existing, _CHECKED, "true")
                self._client.delete_registered_model_tag(existing, _CHECKED)
            run_id = uuid.uuid4().hex  # as long as those of runs: PostgreSQL takes no longer one
            trial = f"videossr-check-{run_id}"
            self._create_model(trial)
            try:
                self._create_version(trial, [f"{self._data_root}/{trial}", f"runs:/{run_id}/{_POINTER}"], run_id, {})
            finally:
                self._client.delete_registered_model(trial)

    def _existing(self, *names: str) -> list[str]:
        def exists(name: str) -> bool:
            return self._or_none(lambda: self._client.get_registered_model(name)) is not None

        return [name for name in names if exists(name)]

    def _has_moved(self, moves: Sequence[Move], version: str, last_move: int) -> bool:
        return any((m.after, m.version, m.run_id) == (last_move, version, self._mover) for m in moves)

    def _claim(self, name: str, version: str, last_move: int, champion: str) -> None:
        standing = self.standing(name)
        current = standing.champion.version if standing.champion else ""
        if current != champion:  # moved by hand, beside the log
            raise _moved(name, version, champion, current)
        target = self._client.get_model_version(name, version)
        sources = [f"runs:/{target.run_id}/{_POINTER}"] if target.run_id else [str(target.source)]
        tags = {"after": str(last_move), "version": version, "before": champion, "run_id": self._mover}
        self._create_model(_log(name))

        def find() -> bool | None:
            return self._has_moved([_move(entry) for entry in self._versions(_log(name))], version, last_move) or None

        def make() -> bool:
            self._create_version(_log(name), [*sources, f"models:/{name}/{version}"], target.run_id, tags)
            return True

        find_or_make(find, make)
        moves = self.moves(name)
        if not self._has_moved(moves, version, last_move):
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
        address = f"{self._data_root}/{policy.key}"
        all_tags = {**tags, _POLICY_KEY: policy.key, _POLICY_ADDRESS: address, _POLICY_DIGEST: policy.digest}
        made: list[str] = []

        def find() -> "ModelVersion | None":
            return next(iter(self._versions(name, f" and tags.`{_POLICY_DIGEST}` = '{policy.digest}'")), None)

        def make() -> "ModelVersion":
            version = self._create_version(name, [address, f"runs:/{self._run_id}/{_POINTER}"], self._run_id, all_tags)
            made.append(str(version.version))
            return version

        version = str(find_or_make(find, make).version)
        if not made:
            self.tag(name, version, all_tags)
        return version

    def _create_version(
        self, name: str, sources: Sequence[str], run_id: str | None, tags: Mapping[str, str]
    ) -> "ModelVersion":
        """A version with the first of `sources` that the server takes."""
        from mlflow.exceptions import MlflowException

        *others, last = sources
        given: dict[str, Any] = {"run_id": run_id or None, "tags": dict(tags), "await_creation_for": 0}
        for source in others:
            try:
                return self._client.create_model_version(name, source, **given)
            except MlflowException as error:
                if error.error_code != "INVALID_PARAMETER_VALUE":
                    raise
        if _POLICY_ADDRESS in tags:
            self._leave_pointer(name, tags)
        return self._client.create_model_version(name, last, **given)

    def _leave_pointer(self, name: str, tags: Mapping[str, str]) -> None:
        """What MLflow downloads of a version whose weights it cannot reach."""
        pointer = {"address": tags[_POLICY_ADDRESS], "digest": tags[_POLICY_DIGEST], "data_root": self._data_root}
        card = (
            f"# A version of {name}\n\nThe weights are not in MLflow: they lie in `{tags[_POLICY_ADDRESS]}`, a folder "
            f"in Hugging Face layout (digest {tags[_POLICY_DIGEST]}). To copy the champion:\n\n    python -m "
            f"tasks.promote.rollback --model '{name}' --data-root '{self._data_root}' --tracking-uri URI --to FOLDER\n"
        )
        with reaching_artifacts():
            self._client.log_text(self._run_id, json.dumps(pointer, indent=1), f"{_POINTER}/policy.json")
            self._client.log_text(self._run_id, card, f"{_POINTER}/README.md")

    def _by_alias(self, name: str) -> RegisteredModel | None:
        return self._find(lambda: self._client.get_model_version_by_alias(name, _CHAMPION))

    def _find(self, ask: "Callable[[], ModelVersion]") -> RegisteredModel | None:
        with asking(self._tracking_uri):
            found = self._or_none(ask)
            return self._registered(found) if found is not None else None

    def _or_none(self, ask: Callable[[], FoundT]) -> FoundT | None:
        from mlflow.exceptions import MlflowException

        try:
            return ask()
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # no model, version or alias
                return None
            raise

    def _registered(self, found: "ModelVersion") -> RegisteredModel:
        # A version registered by hand has no such tags; its empty digest equals no policy's.
        policy = Artifact(key=self._place(found), digest=found.tags.get(_POLICY_DIGEST, ""))
        if policy.key and not policy.digest:
            policy = self._with_digest(found, policy)
        return RegisteredModel(version=str(found.version), policy=policy, tags=dict(found.tags))

    def _place(self, found: "ModelVersion") -> str:
        """The policy's key, or its whole address if that is not below this data root."""
        key = str(found.tags.get(_POLICY_KEY, ""))
        own, source = f"{self._data_root}/{key}", str(found.source)
        # Earlier versions kept no address, but a source that was one.
        address = found.tags.get(_POLICY_ADDRESS) or (source if key and source.endswith(f"/{key}") else own)
        if not key or _path(address) == _path(own):
            return key
        # A data root that was moved has its policies below another address.
        return key if _is_there(own) and not _is_there(address) else address

    def _with_digest(self, found: "ModelVersion", policy: Artifact) -> Artifact:
        """The policy with the digest of its files, which its version gets; as it is if they are gone."""
        # Loads torch; every version that a run registers has a digest.
        from tasks.policy.checkpoint import stored_policy

        store, key = locate(Store(self._data_root), policy.key)
        if not store.exists(key):
            return policy
        policy = replace(policy, digest=stored_policy(store, key).digest)
        self.tag(found.name, str(found.version), {_POLICY_DIGEST: policy.digest})
        logger.warning(
            "%s version %s was registered without a digest: it gets that of its files, %s",
            *(found.name, found.version, policy.digest),
        )
        return policy

    def _versions(self, name: str, also: str = "") -> "list[ModelVersion]":
        quote = '"' if "'" in name else "'"
        found: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(f"name = {quote}{name}{quote}{also}", page_token=token)
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


def _path(address: str) -> str:
    return address.removeprefix("file://").rstrip("/")


def _is_there(address: str) -> bool:
    with suppress(Exception):  # of whichever store it is
        store, key = locate(Store("/"), address)
        return store.exists(key)
    return False


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
