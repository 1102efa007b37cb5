"""Finished work is found again: a stage's output, kept as JSON under a key made of everything it
depends on.

That is its inputs and the code that made it (`tasks.core.stages`). The output is written last, so a
stage that died half-way starts over (or from its own checkpoints). It counts only while everything
that it refers to is there.
"""

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import PurePosixPath
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from tasks.core import lease
from tasks.core.digest import digest_of, digest_of_bytes
from tasks.core.errors import InputError
from tasks.core.kept import damaged, read_kept
from tasks.core.stages import code_of
from tasks.core.store import Store, locate
from tasks.core.types import Artifact

logger = logging.getLogger(__name__)

OutputT = TypeVar("OutputT")


@dataclass(frozen=True)
class Once(Generic[OutputT]):
    """An output, and whether it was found instead of made."""

    output: OutputT
    reused: bool


def work_key(folder: str, stage: str, *inputs: object) -> str:
    """Where the work of a stage on these inputs lies: `folder` is for people, the stage's code is
    in the digest."""
    return f"{folder}/{digest_of(code_of(stage), *inputs)}"


def once(
    store: Store, key: str, output_type: type[OutputT], make: Callable[[], OutputT]
) -> Once[OutputT]:
    """What was kept under `key` (of `work_key`), or what `make` returns, kept from now on.

    Raises:
        HeldError: another job makes it just now.
    """
    found = find_output(store, key, output_type)
    if found is None:
        with lease.working(store, key):
            found = find_output(store, key, output_type)  # another job may just have ended it
            if found is None:
                return Once(keep_output(store, key, make()), reused=False)
    return Once(found, reused=True)


def find_output(
    store: Store, key: str, output_type: type[OutputT], *, is_cheap: bool = False
) -> OutputT | None:
    """What `keep_output` kept under `key`, if the work was finished before and all its files are
    still there.

    A damaged record of cheap work is warned about and counts as none.

    Raises:
        InputError: the record is damaged.
    """
    name = _name(key)
    if not store.exists(name):
        return None
    try:
        output = TypeAdapter(output_type).validate_python(_checked(store, name))
    except InputError as error:
        if not is_cheap:
            raise
        logger.warning("%s; it is made anew now", error.message)
        return None
    gone = [artifact.key for artifact in _artifacts(output) if not _is_there(store, artifact)]
    if gone:
        logger.warning("%s is gone: what %s refers to is made anew", store.path(gone[0]), name)
        return None
    return output


def keep_output(store: Store, key: str, output: OutputT) -> OutputT:
    """Keep a finished stage's output (a dataclass), with a digest of itself; returns it."""
    # Not dump_json: it writes an infinite number (a standard error of one item) as null.
    record = TypeAdapter(type(output)).dump_python(output, mode="json")
    text = json.dumps({"digest": _digest(record), "output": record}, indent=1)
    store.write_bytes(_name(key), text.encode())
    return output


def _checked(store: Store, name: str) -> Any:
    try:
        kept = json.loads(read_kept(store, name))
        if kept["digest"] == _digest(kept["output"]):
            return kept["output"]
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise damaged(store.path(name), "it is not what was written")


def _digest(record: Any) -> str:
    return digest_of_bytes(json.dumps(record, sort_keys=True).encode())


def _artifacts(value: object) -> Iterator[Artifact]:
    """Every artifact that an output refers to, at any depth."""
    if isinstance(value, Artifact):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _artifacts(getattr(value, field.name))
    elif isinstance(value, dict):
        yield from (found for item in value.values() for found in _artifacts(item))
    elif isinstance(value, list | tuple):
        yield from (found for item in value for found in _artifacts(item))


def _is_there(store: Store, artifact: Artifact) -> bool:
    if not artifact.key or artifact.is_outside:
        return True
    # Files have a suffix. A folder has none, and counts only with its marker.
    place, key = locate(store, artifact.key)
    return place.exists(key) if PurePosixPath(key).suffix else place.has_folder(key)


def _name(key: str) -> str:
    return f"{key}/output.json"
