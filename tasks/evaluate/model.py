"""From the name that a user gives a model to whoever answers for it."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.config import ModelConfig, RolloutConfig
from tasks.core.digest import digest_of
from tasks.evaluate.guess import RandomRespondent, ScriptedRespondent
from tasks.evaluate.respond import EngineRespondent, Respondent
from tasks.evaluate.served import Served
from tasks.evaluate.server import API_KEY_VARIABLE, ServerRespondent, read_address
from tasks.policy.named import check_named, digest_of_named, open_named
from tasks.rollout.setup import make_engine

RANDOM = "random"
"""Draws uniformly from the valid answers."""
_SCRIPTED = "scripted:"


def check_model(name: str) -> None:
    """Find a wrong name before anything is read or written.

    Raises:
        InputError: no such script or folder, an address without a model, or nothing that answers there.
    """
    if name.startswith(_SCRIPTED):
        ScriptedRespondent.read(_script(name))
    elif read_address(name):
        _server(name, seed=0).close()
    elif name != RANDOM:
        check_named(name)


def describe_served(name: str, seed: int) -> Served | None:
    """What the server at the address `name` says about its model; None for models of other kinds.

    Raises:
        InputError: no server answers there, or it does not serve the model.
    """
    if read_address(name) is None:
        return None
    server = _server(name, seed)
    try:
        return server.describe()
    finally:
        server.close()


def digest_of_model(
    name: str, model: ModelConfig, rollout: RolloutConfig, texts: Iterable[str], seed: int, served: str = ""
) -> str:
    """Equal only for models that answer alike; `served` says of a server's model whose answers it gives
    (`tasks.evaluate.served.remember`).
    """
    if name.startswith(_SCRIPTED):
        return digest_of("scripted", dict(ScriptedRespondent.read(_script(name)).texts))
    if name == RANDOM or read_address(name):
        return digest_of(name, seed, served)
    return digest_of(digest_of_named(name, model, texts, seed), rollout.engine, seed)


@contextmanager
def open_model(
    name: str, model: ModelConfig, rollout: RolloutConfig, texts: Iterable[str], seed: int
) -> Iterator[Respondent]:
    """`random`, `scripted:FILE`, `http://host:port/v1#model`, `tiny`, a folder in Hugging Face layout or a hub name.

    Raises:
        InputError: there is no such model.
    """
    respondent = _open(name, model, rollout, texts, seed)
    try:
        yield respondent
    finally:
        respondent.close()


def _open(name: str, model: ModelConfig, rollout: RolloutConfig, texts: Iterable[str], seed: int) -> Respondent:
    if name == RANDOM:
        return RandomRespondent(seed)
    if name.startswith(_SCRIPTED):
        return ScriptedRespondent.read(_script(name))
    if read_address(name):
        return _server(name, seed)
    policy = open_named(name, model, texts, seed)
    return EngineRespondent(make_engine(policy, rollout), policy.processor, seed)


def _script(name: str) -> Path:
    return Path(name.removeprefix(_SCRIPTED)).expanduser()


def _server(name: str, seed: int) -> ServerRespondent:
    address = read_address(name)
    assert address is not None
    return ServerRespondent(*address, seed, os.environ.get(API_KEY_VARIABLE, ""))
