"""A policy by the name that a user gives it: `tiny`, a folder in Hugging Face layout, or a name on the hub."""

from collections.abc import Iterable
from pathlib import Path

from tasks.core.config import ModelConfig
from tasks.core.digest import digest_of, digest_of_folder
from tasks.core.errors import InputError
from tasks.policy.checkpoint import TINY_BASE, Policy, load_policy
from tasks.policy.tiny import make_tiny_policy


def check_named(name: str) -> None:
    """Find a wrong path before anything is computed; whether the hub knows a name is found out when it is loaded.

    Raises:
        InputError: the name is a path, but no folder with a model lies there.
    """
    is_path = name.startswith((".", "/", "~"))
    if is_path and not (Path(name) / "config.json").is_file():
        found = "no model (config.json)" if Path(name).is_dir() else "no folder"
        raise InputError(
            f"model: {found} {name!r}; expected a folder in Hugging Face layout, a hub name or {TINY_BASE!r}"
        )


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
    return load_policy(str(Path(name).resolve()) if Path(name).is_dir() else name, model.dtype)


def digest_of_named(name: str, model: ModelConfig, texts: Iterable[str], seed: int) -> str:
    """Equal only for policies that answer alike: a folder counts by its files, the hub's models by their names."""
    if name == TINY_BASE:
        return digest_of(name, model.tiny_hidden_size, model.tiny_num_layers, sorted(set(texts)), seed)
    return digest_of("policy", digest_of_folder(Path(name)) if Path(name).is_dir() else name, model.dtype)
