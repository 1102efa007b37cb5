"""From a model's name, or from a policy in the store, to whoever answers for it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from transformers import Qwen3VLProcessor

from tasks.core.config import ModelConfig, RolloutConfig
from tasks.core.digest import digest_of
from tasks.core.records import Candidate
from tasks.core.store import Store
from tasks.core.types import Artifact, Sample
from tasks.policy.checkpoint import Policy, open_policy
from tasks.policy.named import check_named, digest_of_named, open_named
from tasks.rollout.answerer import Answerer, PolicyAnswerer
from tasks.rollout.engine import RolloutEngine
from tasks.rollout.guessers import LabelPriorGuesser, RandomGuesser, ScriptedAnswerer
from tasks.rollout.server_answerer import API_KEY_VARIABLE, Served, ServerAnswerer, read_address
from tasks.rollout.setup import make_engine

_GUESSERS: dict[str, Callable[[Sequence[Sample], int], Answerer]] = {
    "random": RandomGuesser,
    "label-prior": LabelPriorGuesser,
}
_SCRIPTED = "scripted:"


def check_answerer(name: str) -> None:
    """Find a wrong name before anything is read or written.

    Raises:
        InputError: no such script or folder, an address without a model, or nothing that answers
            there.
    """
    if name.startswith(_SCRIPTED):
        ScriptedAnswerer.read(_script(name))
    elif read_address(name):
        describe_server(name)
    elif name not in _GUESSERS:
        check_named(name)


def describe_server(name: str) -> Served | None:
    """What the server at the address `name` says about its model; None for models of other kinds.

    Raises:
        InputError: no server answers there, or it does not serve the model.
    """
    if read_address(name) is None:
        return None
    server = _server(name, seed=0, served="")
    try:
        return server.describe()
    finally:
        server.close()


@contextmanager
def open_answerer(
    name: str,
    model: ModelConfig,
    rollout: RolloutConfig,
    samples: Sequence[Sample],
    seed: int,
    served: str = "",
) -> Iterator[Answerer]:
    """`random`, `label-prior`, `scripted:FILE`, `http://host:port/v1#model`, `tiny`, a folder in
    Hugging Face layout or a hub name. A policy is loaded once it is asked.

    `samples` are all that may be asked, whatever the shard: guessers and the tiny model's tokenizer
    depend on them. `served` says of a server's model whose answers it gives
    (`tasks.rollout.server_answerer.remember`).

    Raises:
        InputError: there is no such model.
    """
    answerer = _open(name, model, rollout, samples, seed, served)
    try:
        yield answerer
    finally:
        answerer.close()


@contextmanager
def open_policy_answerer(
    store: Store, policy: Artifact, model: ModelConfig, rollout: RolloutConfig, seed: int
) -> Iterator[Answerer]:
    """The same for a policy of the store, or one that it refers to."""
    digest = digest_of("policy", policy.digest, model.dtype)  # what the same policy has by its name
    answerer = _policy(digest, lambda: open_policy(store, policy, model.dtype), rollout, seed)
    try:
        yield answerer
    finally:
        answerer.close()


@contextmanager
def open_candidate(
    store: Store,
    candidate: Candidate,
    model: ModelConfig,
    rollout: RolloutConfig,
    samples: Sequence[Sample],
    seed: int,
) -> Iterator[Answerer]:
    """Whoever answers for a candidate; `samples` as for `open_answerer`."""
    opened = (
        open_answerer(candidate.answerer, model, rollout, samples, seed, candidate.served)
        if candidate.answerer
        else open_policy_answerer(store, candidate.policy, model, rollout, seed)
    )
    with opened as answerer:
        yield answerer


def _open(
    name: str,
    model: ModelConfig,
    rollout: RolloutConfig,
    samples: Sequence[Sample],
    seed: int,
    served: str,
) -> Answerer:
    if name in _GUESSERS:
        return _GUESSERS[name](samples, seed)
    if name.startswith(_SCRIPTED):
        return ScriptedAnswerer.read(_script(name))
    if read_address(name):
        return _server(name, seed, served)
    texts = [sample.question for sample in samples]
    digest = digest_of_named(name, model, texts, seed)
    return _policy(digest, lambda: open_named(name, model, texts, seed), rollout, seed)


def _policy(
    digest: str, open_: Callable[[], Policy], rollout: RolloutConfig, seed: int
) -> PolicyAnswerer:
    def load() -> tuple[Qwen3VLProcessor, RolloutEngine]:
        policy = open_()
        return policy.processor, make_engine(policy, rollout)

    return PolicyAnswerer(digest_of(digest, rollout.engine, seed), load, seed)


def _script(name: str) -> Path:
    return Path(name.removeprefix(_SCRIPTED)).expanduser()


def _server(name: str, seed: int, served: str) -> ServerAnswerer:
    address = read_address(name)
    assert address is not None
    return ServerAnswerer(*address, seed, os.environ.get(API_KEY_VARIABLE, ""), served)
