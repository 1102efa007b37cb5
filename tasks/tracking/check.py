"""All that a run will ask of MLflow, asked before anything is spent."""

import json
import os

from tasks.core.checks import MODEL_NAME
from tasks.core.digest import digest_of_folder
from tasks.core.errors import InputError
from tasks.core.redact import redact
from tasks.core.store import Store, locate
from tasks.core.types import Run
from tasks.tracking.address import log_in
from tasks.tracking.mlflow_client import check_place, database_path
from tasks.tracking.mlflow_registry import MlflowRegistry
from tasks.tracking.mlflow_runs import check_answers
from tasks.tracking.tracker import ModelRegistry, RegisteredModel

_INDEX, _WEIGHTS = "model.safetensors.index.json", "model.safetensors"


def check_tracking(data_root: str, tracking_uri: str, model_name: str = "") -> str:
    """Check the server's address and that it answers; of `model_name`, if any, that it may be
    written; its champion.

    Returns the address as a run keeps it, without the password. What it takes to find out is taken
    away again; a sqlite file that does not exist is not made.

    Raises:
        InputError: one line with what came, what was expected and what to do.
    """
    address = log_in(tracking_uri)
    check_place(data_root, address)
    if model_name:
        check_name(model_name)
    if not address and not os.path.exists(database_path(data_root)):
        return address
    check_answers(data_root, address)
    if model_name:
        registry = MlflowRegistry(
            Run(data_root=data_root, run_id="", preset="", tracking_uri=address)
        )
        if address:
            registry.check_writable(model_name)
        find_champion(Store(data_root), registry, model_name)
    return address


def check_name(model_name: str) -> None:
    """Check that a model can be registered under this name.

    Raises:
        InputError: it cannot.
    """
    if not MODEL_NAME.holds(model_name):
        raise InputError(f"model_name: got {model_name!r}, expected {MODEL_NAME.expected}")


def find_champion(store: Store, registry: ModelRegistry, name: str) -> RegisteredModel | None:
    """The champion of `name`, if there is one whose policy is known, wherever its files lie.

    Raises:
        InputError: they cannot be reached from here.
    """
    champion = registry.standing(name).champion
    if champion is None or not champion.policy.key:
        return None
    check_files(store, champion, name)
    return champion


def check_files(store: Store, model: RegisteredModel, name: str) -> None:
    """Check that the policy's files are there, in this data root or another one, can be read and
    are what was registered.

    Raises:
        InputError: they are not.
    """
    place, key = locate(store, model.policy.key)
    problem = _problem(place, key, model.policy.digest)
    if problem:
        where = "the data root" if place is store else "the other data root that it lies in"
        where += f" ({redact(place.path(key) if place is store else model.policy.key)}: {problem})"
        raise InputError(
            f"version {model.version} of {name!r}: its files are not in {where}; put them back "
            "there, or make another version champion (workflows/rollback.py rollback --version "
            "N), or take the alias 'champion' away in MLflow"
        )


def _problem(place: Store, key: str, digest: str) -> str:
    """What hinders to read the policy; empty if nothing does. Files here are read through, those of
    a bucket are not fetched for it.
    """
    try:
        if not place.exists(f"{key}/config.json"):
            return "no config.json"
        # Read as well: a user may see in a listing what they may not read.
        place.read_bytes(f"{key}/config.json")
        missing = [file for file in _weights(place, key) if not place.exists(f"{key}/{file}")]
        is_other = bool(digest) and not missing and place.is_local
        is_other = is_other and digest_of_folder(place.local_folder(key)) != digest
    except (
        Exception
    ) as error:  # of whichever store it is: no such bucket, no credentials, no rights
        return redact(f"{type(error).__name__} {error}".splitlines()[0])
    if missing:
        return f"no {', '.join(missing)}"
    return "other content than was registered" if is_other else ""


def _weights(place: Store, key: str) -> list[str]:
    if not place.exists(f"{key}/{_INDEX}"):
        return [_WEIGHTS]
    return sorted(set(json.loads(place.read_bytes(f"{key}/{_INDEX}"))["weight_map"].values()))
