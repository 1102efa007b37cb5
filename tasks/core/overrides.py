"""A user's changes to a preset. Nothing is dropped in silence: an unknown key or a mistyped value ends the run."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError


def read_overrides(text: str) -> Mapping[str, object]:
    """The JSON object that a user typed, e.g. '{"train": {"num_steps": 10}}'.

    Raises:
        InputError: it is no JSON object.
    """
    expected = """expected a JSON object such as {"train": {"num_steps": 10}}"""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"overrides: cannot read {text!r} as JSON ({error}); {expected}") from error
    if not isinstance(found, dict):
        raise InputError(f"overrides: got {text!r}; {expected}")
    return found


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
    closest = get_close_matches(path, _all_paths(), n=1)
    hint = f", did you mean {closest[0]}?" if closest else ";"
    return InputError(f"config {path!r}: unknown key{hint} known here: {', '.join(known)}")


def _all_paths(section: Any = RetrainConfig, prefix: str = "") -> Iterator[str]:
    for name, hint in get_type_hints(section).items():
        yield f"{prefix}{name}"
        if is_dataclass(hint):
            yield from _all_paths(hint, f"{prefix}{name}.")


def _shown(value: object) -> str:
    return f"{value!r} ({type(value).__name__})"
