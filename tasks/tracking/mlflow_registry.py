"""MLflow's model registry. Versions say where the policy lies: its weights are not copied.

What counts is a version's tags: the policy's whole address (data root and key) and its digest. Its
source, which MLflow itself downloads from, is that address too if the server takes it. A server
takes no path of a file system, since it may not see what its clients do: then the source is a small
folder of the run that says where the policy lies.

The champion is the alias `champion` of the model; its history lies beside it, one tag of the model
for each change:
`videossr.champion.0002` is {"version": "5", "before": "3", "run_id": "..."}.
"""

import json
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from tasks.core.store import Store, locate
from tasks.core.types import Artifact, Run
from tasks.tracking.mlflow_client import (
    FoundT,
    asking,
    find_or_make,
    open_client,
    reaching_artifacts,
)
from tasks.tracking.tracker import ChampionMovedError, Move, RegisteredModel, Standing

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_POLICY_KEY = "videossr.policy_key"
_POLICY_ADDRESS = "videossr.policy_address"
_POLICY_DIGEST = "videossr.policy_digest"
_CHAMPION = "champion"
_MOVE = "videossr.champion."
"""Begins the tags that hold the champion's history."""
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

    def register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        with asking(self._tracking_uri):
            return self._register(name, policy, tags)

    def tag(self, name: str, version: str, tags: Mapping[str, str]) -> None:
        with asking(self._tracking_uri):
            for key, value in tags.items():
                self._client.set_model_version_tag(name, version, key, value)

    def standing(self, name: str) -> Standing:
        with asking(self._tracking_uri):
            version, moves = self._alias_and_moves(name)
            if (not moves or moves[0].number > 1) and self._take_over_log(name):
                version, moves = self._alias_and_moves(name)
            return Standing(self.version(name, version) if version else None, moves)

    def version(self, name: str, version: str) -> RegisteredModel | None:
        return self._find(lambda: self._client.get_model_version(name, version))

    def move_champion(self, name: str, version: str, *, last_move: int, champion: str) -> None:
        with asking(self._tracking_uri):
            standing = self.standing(name)
            move = standing.next_move(
                version, last_move=last_move, champion=champion, run_id=self._run_id
            )
            if move is None:
                return
            # MLflow cannot compare and set in one request. A lease keeps a second run out of this
            # data root; one of
            # another data root may set the same alias between the look above and this line: the
            # later one wins, and
            # the earlier one is told, unless it has looked again before that.
            self._client.set_registered_model_alias(name, _CHAMPION, version)
            current, _ = self._alias_and_moves(name)
            if current != version:
                raise ChampionMovedError(
                    f"version {current or 'none'} became champion at the same moment as version "
                    f"{version}; run again to compare with that one"
                )
            self._keep_move(name, move)

    def check_writable(self, name: str) -> None:
        """Check that this user may register versions of `name`; what it takes to find out is taken
        away again.

        Raises:
            TrackerUnreachableError, TrackerRefusedError: they may not.
        """
        with asking(self._tracking_uri):
            if self._or_none(lambda: self._client.get_registered_model(name)) is not None:
                self._client.set_registered_model_tag(name, _CHECKED, "true")
                self._client.delete_registered_model_tag(name, _CHECKED)
            run_id = uuid.uuid4().hex  # as long as those of runs: PostgreSQL takes no longer one
            trial = f"videossr-check-{run_id}"
            self._create_model(trial)
            try:
                self._create_version(
                    trial, [f"{self._data_root}/{trial}", f"runs:/{run_id}/{_POINTER}"], run_id, {}
                )
            finally:
                self._client.delete_registered_model(trial)

    def _alias_and_moves(self, name: str) -> tuple[str, tuple[Move, ...]]:
        """(the champion's version, every change of it), as one answer of the server has them."""
        model = self._or_none(lambda: self._client.get_registered_model(name))
        if model is None:
            return "", ()
        moves = [
            Move(number=int(tag.removeprefix(_MOVE)), **json.loads(value))
            for tag, value in model.tags.items()
            if tag.startswith(_MOVE)
        ]
        return str(model.aliases.get(_CHAMPION, "")), tuple(
            sorted(moves, key=lambda move: move.number)
        )

    def _keep_move(self, name: str, move: Move) -> None:
        from mlflow.exceptions import MlflowException

        content = {field: value for field, value in asdict(move).items() if field != "number"}
        tag = name, f"{_MOVE}{move.number:04d}", json.dumps(content)
        try:
            self._client.set_registered_model_tag(*tag)
        except (
            MlflowException
        ):  # two that make the same tag at once collide; the second try finds it there
            self._client.set_registered_model_tag(*tag)

    def _take_over_log(self, name: str) -> bool:
        """Whether there was a history as earlier versions kept it: as versions of a second model,
        `NAME-champions`.

        Each of them names the one that it builds on; of two on the same one the first counted. The
        alias followed, unless whoever made the last one was cut off.
        """
        log = f"{name}-champions"
        moves: list[Move] = []
        is_finished = True
        for entry in sorted(self._versions(log), key=lambda entry: int(entry.version)):
            if entry.tags.get("after") == str(moves[-1].number if moves else 0):
                fields = {field: entry.tags[field] for field in ("version", "before", "run_id")}
                moves.append(Move(number=int(entry.version), **fields))
                is_finished = "finished" in entry.tags
        if not is_finished:
            self._client.set_registered_model_alias(name, _CHAMPION, moves[-1].version)
        for move in reversed(moves):  # while the first is missing, all of it is taken over again
            self._keep_move(name, move)
        if moves:
            logger.warning(
                "the history of %s's champion (%d changes) was taken over from the registered "
                "model %s, which nothing reads any more: it may be deleted",
                *(name, len(moves), log),
            )
        return bool(moves)

    def _register(self, name: str, policy: Artifact, tags: Mapping[str, str]) -> str:
        self._create_model(name)
        address = f"{self._data_root}/{policy.key}"
        all_tags = {
            **tags,
            _POLICY_KEY: policy.key,
            _POLICY_ADDRESS: address,
            _POLICY_DIGEST: policy.digest,
        }
        made: list[str] = []

        def find() -> "ModelVersion | None":
            return next(
                iter(self._versions(name, f" and tags.`{_POLICY_DIGEST}` = '{policy.digest}'")),
                None,
            )

        def make() -> "ModelVersion":
            version = self._create_version(
                name, [address, f"runs:/{self._run_id}/{_POINTER}"], self._run_id, all_tags
            )
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
        given: dict[str, Any] = {
            "run_id": run_id or None,
            "tags": dict(tags),
            "await_creation_for": 0,
        }
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
        pointer = {
            "address": tags[_POLICY_ADDRESS],
            "digest": tags[_POLICY_DIGEST],
            "data_root": self._data_root,
        }
        card = (
            f"# A version of {name}\n\nThe weights are not in MLflow: they lie in "
            f"`{tags[_POLICY_ADDRESS]}`, a folder in Hugging Face layout (digest "
            f"{tags[_POLICY_DIGEST]}). To copy the champion:\n\n    python -m "
            f"tasks.promote.rollback --model '{name}' --data-root '{self._data_root}' "
            "--tracking-uri URI --to FOLDER\n"
        )
        with reaching_artifacts():
            self._client.log_text(
                self._run_id, json.dumps(pointer, indent=1), f"{_POINTER}/policy.json"
            )
            self._client.log_text(self._run_id, card, f"{_POINTER}/README.md")

    def _find(self, ask: "Callable[[], ModelVersion]") -> RegisteredModel | None:
        with asking(self._tracking_uri):
            entry = self._or_none(ask)
            return self._registered(entry) if entry is not None else None

    def _or_none(self, ask: Callable[[], FoundT]) -> FoundT | None:
        from mlflow.exceptions import MlflowException

        try:
            return ask()
        except MlflowException as error:
            if error.error_code in (
                "RESOURCE_DOES_NOT_EXIST",
                "INVALID_PARAMETER_VALUE",
            ):  # no model, version or alias
                return None
            raise

    def _registered(self, entry: "ModelVersion") -> RegisteredModel:
        # A version registered by hand has no such tags; its empty digest equals no policy's.
        policy = Artifact(key=self._place(entry), digest=entry.tags.get(_POLICY_DIGEST, ""))
        if policy.key and not policy.digest:
            policy = self._with_digest(entry, policy)
        return RegisteredModel(version=str(entry.version), policy=policy, tags=dict(entry.tags))

    def _place(self, entry: "ModelVersion") -> str:
        """The policy's key, or its whole address if that is not below this data root."""
        key = str(entry.tags.get(_POLICY_KEY, ""))
        own, source = f"{self._data_root}/{key}", str(entry.source)
        # Earlier versions kept no address, but a source that was one.
        address = entry.tags.get(_POLICY_ADDRESS) or (
            source if key and source.endswith(f"/{key}") else own
        )
        if not key or _path(address) == _path(own):
            return key
        # A data root that was moved has its policies below another address.
        return key if _is_there(own) and not _is_there(address) else address

    def _with_digest(self, entry: "ModelVersion", policy: Artifact) -> Artifact:
        """The policy with the digest of its files, which its version gets; as it is if they are
        gone."""
        # Loads torch; every version that a run registers has a digest.
        from tasks.policy.checkpoint import stored_policy

        store, key = locate(Store(self._data_root), policy.key)
        if not store.exists(key):
            return policy
        policy = replace(policy, digest=stored_policy(store, key).digest)
        self.tag(entry.name, str(entry.version), {_POLICY_DIGEST: policy.digest})
        logger.warning(
            "%s version %s was registered without a digest: it gets that of its files, %s",
            *(entry.name, entry.version, policy.digest),
        )
        return policy

    def _versions(self, name: str, also: str = "") -> "list[ModelVersion]":
        quote = '"' if "'" in name else "'"
        versions: list[ModelVersion] = []
        token = None
        while True:
            page = self._client.search_model_versions(
                f"name = {quote}{name}{quote}{also}", page_token=token
            )
            versions += page
            token = page.token
            if not token:
                return versions

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
