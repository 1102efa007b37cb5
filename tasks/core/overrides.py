"""A user's changes to a preset. Nothing is dropped in silence: an unknown key or a mistyped value ends the run."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import reduce
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tasks.core.checks import shown
from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.ingest_config import FIXED_INGEST
from tasks.core.strict_json import read_object
from tasks.core.suggest import suggest
from tasks.core.train_config import FIXED_TRAIN

_FIXED = FIXED_INGEST | FIXED_TRAIN


def read_overrides(text: str) -> Mapping[str, object]:
    """The JSON object that a user typed, e.g. '{"train": {"num_steps": 10}}'.

    Raises:
        InputError: it is no JSON object, or one that could be misunderstood (`tasks.core.strict_json`).
    """
    return read_object(text, "overrides", """expected a JSON object such as {"train": {"num_steps": 10}}""")


def apply_overrides(config: RetrainConfig, overrides: Mapping[str, object]) -> RetrainConfig:
    """`config` with the nested `overrides` merged over it, e.g. {"train": {"num_steps": 10}}.

    Raises:
        InputError: an unknown key, or a value of the wrong type or outside its range.
    """
    merged: RetrainConfig = _merge(config, overrides, path="")
    return merged


def _merge(section: Any, overrides: Mapping[str, object], *, path: str) -> Any:
    hints = get_type_hints(type(section))
    changes = {}
    for key, value in overrides.items():
        if key not in hints:
            raise _unknown_key(f"{path}{key}", known=hints)
        changes[key] = _changed(getattr(section, key), value, hints[key], path=f"{path}{key}")
    try:
        return replace(section, **changes)
    except ValueError as error:
        raise InputError(f"config {path}{error}") from error


def _changed(current: object, value: object, hint: Any, *, path: str) -> object:
    if not is_dataclass(current):
        return checked_value(value, hint, path=path)
    if not isinstance(value, Mapping):
        known = ", ".join(field.name for field in fields(current))
        raise InputError(f"config {path}: got {_shown(value)}, expected a section with some of the keys {known}")
    return _merge(current, value, path=f"{path}.")


def checked_value(value: object, hint: Any, *, path: str) -> object:
    """`value` as the type `hint` has it; `path` names the field.

    Raises:
        InputError: it is of another type.
    """
    # JSON and YAML have lists where the dataclasses have tuples; everything else must fit as it is.
    given = tuple(value) if isinstance(value, list) else value
    if _holds_negative_zero(given):
        raise InputError(f"config {path}: got {_shown(value)}, a negative zero; write 0")
    try:
        return TypeAdapter(hint).validate_python(given, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        # tuple[int, ...] or dict[str, float]
        item_type = get_args(hint)[get_origin(hint) is dict].__name__ if get_args(hint) else None
        if first["loc"]:
            path, value, expected = f"{path}[{first['loc'][0]}]", first["input"], item_type
        else:
            several = "names with" if get_origin(hint) is dict else "a list of"
            expected = f"{several} {item_type}" if item_type else hint.__name__
        raise InputError(f"config {path}: got {_shown(value)}, expected {expected}") from error


def _unknown_key(path: str, *, known: Mapping[str, object]) -> InputError:
    if path in _FIXED:
        return InputError(f"config {path}: is fixed now, at {_FIXED[path]}; leave it out")
    meant = suggest(path, _all_paths())
    if meant and meant == path:
        inner, *outer = reversed(meant.split("."))
        nested = reduce(lambda text, key: f'{{"{key}": {text}}}', outer, f'{{"{inner}": ...}}')
        return InputError(f"config {shown(path)}: sections are objects of their own; write {nested}")
    hint = f", did you mean {meant}?" if meant else ";"
    return InputError(f"config {shown(path)}: unknown key{hint} known here: {', '.join(known)}")


def _all_paths(section: Any = RetrainConfig, prefix: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(section).items():
        yield f"{prefix}{name}"
        if is_dataclass(hint):
            yield from _all_paths(hint, f"{prefix}{name}.")


def _holds_negative_zero(value: object) -> bool:
    """It equals 0, but what depends on it would be found under another key."""
    match value:
        case float():
            return value == 0 and math.copysign(1, value) < 0
        case tuple():
            return any(map(_holds_negative_zero, value))
        case Mapping():
            return any(map(_holds_negative_zero, value.values()))
    return False


def _shown(value: object) -> str:
    return f"{shown(value)} ({type(value).__name__})"
