"""Finished work is found again: a stage's output, kept as JSON under a key made of everything it depends on.

The output is written last, so a stage that died half-way starts over (or from its own checkpoints).
"""

import json
from typing import TypeVar

from pydantic import TypeAdapter

from tasks.core.store import Store

OutputT = TypeVar("OutputT")


def find_output(store: Store, key: str, output_type: type[OutputT]) -> OutputT | None:
    """What `keep_output` kept under `key`, if the work was finished before."""
    name = _name(key)
    return TypeAdapter(output_type).validate_json(store.read_bytes(name)) if store.exists(name) else None


def keep_output(store: Store, key: str, output: OutputT) -> OutputT:
    """Keep a finished stage's output (a dataclass); returns it."""
    # Not dump_json: it writes an infinite number (a standard error of one item) as null.
    text = json.dumps(TypeAdapter(type(output)).dump_python(output, mode="json"), indent=1)
    store.write_bytes(_name(key), text.encode())
    return output


def _name(key: str) -> str:
    return f"{key}/output.json"
