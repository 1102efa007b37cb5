"""Back to an earlier version: the alias moves, nothing else; and the champion's files for whoever
serves it."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import click

from tasks.core.errors import InputError
from tasks.core.store import Store, absolute_root, locate
from tasks.core.types import Run
from tasks.tracking.address import log_in
from tasks.tracking.check import check_files, check_name, find_champion
from tasks.tracking.run import open_registry
from tasks.tracking.tracker import ModelRegistry, RegisteredModel


def move_champion(store: Store, registry: ModelRegistry, name: str, version: str = "") -> str:
    """Make `version` of the model `name` champion, or the champion before this one; says in one
    line what changed.

    Raises:
        InputError: there is no such version, its files are gone, or the champion changed at the
            same moment.
    """
    check_name(name)
    standing = registry.standing(name)
    current = standing.version
    version = version or standing.version_before
    if not version:
        raise InputError(f"model {name!r} has no earlier champion to go back to; name a version")
    wanted = registry.version(name, version)
    if wanted is None:
        raise InputError(
            f"model {name!r} has no version {version!r}; the versions are listed in MLflow under "
            "Models"
        )
    if not wanted.policy.key:
        raise InputError(
            f"version {version} of {name!r} was not registered by a run: where its policy lies is "
            "unknown"
        )
    # Before the alias moves: every run would be refused by a champion without files.
    check_files(store, wanted, name)
    if current == wanted.version:
        return f"{name}: version {version} is the champion already"
    registry.move_champion(name, version, last_move=standing.last_move, champion=current)
    before = f"version {current}" if current else "none"
    return f"{name}: the champion is version {version} now, before it was {before}"


def fetch_champion(
    store: Store, registry: ModelRegistry, name: str, target: Path
) -> RegisteredModel:
    """Copy the champion's files (Hugging Face layout) into `target`.

    Raises:
        InputError: the model has no champion, or its files cannot be reached.
    """
    check_name(name)
    champion = find_champion(store, registry, name)
    if champion is None:
        raise InputError(f"model {name!r} has no champion yet: a run must promote one first")
    place, key = locate(store, champion.policy.key)
    shutil.copytree(place.local_folder(key), target, dirs_exist_ok=True)
    return champion


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m tasks.promote.rollback --model NAME --data-root ROOT --tracking-uri URI --to
    FOLDER`."""
    parser = argparse.ArgumentParser(
        description="Copy the champion's files into a folder, for a model server."
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--data-root", required=True)
    parser.add_argument("--tracking-uri", default="")
    parser.add_argument("--to", required=True, type=Path)
    given = parser.parse_args(arguments)
    root = absolute_root(given.data_root)
    try:
        run = Run(data_root=root, run_id="", preset="", tracking_uri=log_in(given.tracking_uri))
        champion = fetch_champion(Store(root), open_registry(run), given.model, given.to)
    except InputError as error:
        parser.exit(1, f"{error}\n")
    click.echo(f"{given.model} version {champion.version}: {given.to}")


if __name__ == "__main__":
    main()
