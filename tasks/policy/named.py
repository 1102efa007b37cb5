"""A policy by the name that a user gives it: `small`, `tiny`, a folder in Hugging Face layout, or a
name on the hub."""

from collections.abc import Iterable

from tasks.core.config import ModelConfig
from tasks.core.digest import digest_of
from tasks.policy.checkpoint import TINY_BASE, Policy, load_policy
from tasks.policy.source import check_source, find_source
from tasks.policy.tiny import make_tiny_policy


def check_named(name: str) -> None:
    """Find a wrong name before anything is computed.

    Raises:
        InputError: it stands for no model.
    """
    if name != TINY_BASE:
        check_source(name)


def open_named(name: str, model: ModelConfig, texts: Iterable[str], seed: int) -> Policy:
    """Load the policy, or make the tiny one with a tokenizer for `texts`.

    Raises:
        InputError: there is no such model, or it is not a Qwen3-VL.
    """
    if name == TINY_BASE:
        return make_tiny_policy(
            hidden_size=model.tiny_hidden_size,
            num_layers=model.tiny_num_layers,
            seed=seed,
            texts=sorted(set(texts)),
        )
    source = find_source(name)
    return load_policy(source.place, model.dtype, source.revision)


def digest_of_named(name: str, model: ModelConfig, texts: Iterable[str], seed: int) -> str:
    """Equal only for policies that answer alike: a folder counts by its files, a hub name by its
    commit."""
    if name == TINY_BASE:
        return digest_of(
            name, model.tiny_hidden_size, model.tiny_num_layers, sorted(set(texts)), seed
        )
    return digest_of("policy", find_source(name).digest, model.dtype)
