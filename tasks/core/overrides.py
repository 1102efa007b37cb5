"""Changes of a frozen dataclass as a user writes them: overrides, conditions, the deployment file.

Nothing is dropped in silence: an unknown key or a mistyped value ends the run.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import reduce
from types import MappingProxyType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tasks.core.checks import shown
from tasks.core.config import RetrainConfig
from tasks.core.errors import InputError
from tasks.core.ingest_config import FIXED_INGEST
from tasks.core.redact import redact
from tasks.core.strict_json import read_object
from tasks.core.suggest import suggest
from tasks.core.train_config import FIXED_TRAIN

ConfigT = TypeVar("ConfigT")


def read_overrides(text: str) -> Mapping[str, object]:
    """The JSON object that a user typed, e.g. '{"train": {"num_steps": 10}}'.

    Raises:
        InputError: it is no JSON object, or one that could be misunderstood
            (`tasks.core.strict_json`).
    """
    return read_object(
        text, "overrides", """expected a JSON object such as {"train": {"num_steps": 10}}"""
    )


def apply_overrides(config: RetrainConfig, overrides: Mapping[str, object]) -> RetrainConfig:
    """`config` with the nested `overrides` merged over it, e.g. {"train": {"num_steps": 10}}.

    Raises:
        InputError: an unknown key, or a value of the wrong type or outside its range.
    """
    return changed(config, overrides, "config ", fixed=FIXED_INGEST | FIXED_TRAIN)


def changed(
    config: ConfigT,
    changes: object,
    where: str,
    *,
    path: str = "",
    others: Iterable[str] = (),
    fixed: Mapping[str, object] = MappingProxyType({}),
) -> ConfigT:
    """`config`, a frozen dataclass, with the nested `changes` merged over it.

    Sections are dataclasses, or dicts of them whose keys are fixed. `where` begins every error,
    e.g. "config "; `path` is where `config` itself stands, with a dot at its end. `others` are
    further names that an unknown key may have been meant for; `fixed` says of former keys what they
    are now.

    Raises:
        InputError: an unknown key, or a value of the wrong type or outside its range; names its
            path.
    """
    known = [*(f"{path}{name}" for name in _paths(config)), *others]
    merged: ConfigT = _Change(where, known, fixed).of_section(config, changes, path)
    return merged


class _Change:
    """One call of `changed`: what all of its errors say."""

    def __init__(self, where: str, known: list[str], fixed: Mapping[str, object]) -> None:
        self._where = where
        self._known = known
        self._fixed = fixed

    def of_section(self, section: Any, changes: object, path: str) -> Any:
        own = _section(section)
        if not isinstance(changes, Mapping):
            expected = f"a section with some of the keys {', '.join(own)}"
            raise self._error(path.removesuffix("."), f"got {_typed(changes)}, expected {expected}")
        hints = {} if isinstance(section, dict) else get_type_hints(type(section))
        values = {}
        for key, value in changes.items():
            if key not in own:
                raise self._unknown(f"{path}{key}", own)
            if _section(own[key]):
                values[key] = self.of_section(own[key], value, f"{path}{key}.")
            else:
                values[key] = self.of_value(value, hints[key], f"{path}{key}")
        if isinstance(section, dict):
            return section | values
        return self._made(lambda: replace(section, **values), path)

    def of_value(self, value: object, hint: Any, path: str) -> object:
        # JSON and YAML have lists where the dataclasses have tuples; everything else must fit as it
        # is.
        given = tuple(value) if isinstance(value, list) else value
        if _holds_negative_zero(given):
            raise self._error(path, f"got {_typed(value)}, a negative zero; write 0")
        item_type = (
            get_args(hint)[get_origin(hint) is dict] if get_args(hint) else None
        )  # tuple[T, ...], dict[str, T]
        if is_dataclass(item_type) and isinstance(given, tuple):
            return tuple(
                self._item(item_type, item, f"{path}[{index}]") for index, item in enumerate(given)
            )
        if is_dataclass(item_type) and isinstance(given, Mapping):
            return {
                name: self._item(item_type, _named(item_type, item), f"{path}.{name}")
                for name, item in given.items()
            }
        try:
            # Strict, because pydantic would make 10 of "10" and 1 of true.
            return TypeAdapter(hint).validate_python(given, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            if first["loc"]:
                path, value, expected = (
                    f"{path}[{first['loc'][0]}]",
                    first["input"],
                    _name(item_type),
                )
            elif item_type is None:
                expected = _name(hint)
            else:
                expected = (
                    f"{'names with' if get_origin(hint) is dict else 'a list of'} "
                    f"{_name(item_type)}"
                )
            raise self._error(path, f"got {_typed(value)}, expected {expected}") from error

    def _item(self, item_type: Any, value: object, path: str) -> Any:
        """An item of a list of dataclasses, which replaces the list as a whole."""
        hints = get_type_hints(item_type)
        if not isinstance(value, Mapping):
            raise self._error(
                path,
                f"got {_typed(value)}, expected an object with some of the keys {', '.join(hints)}",
            )
        for key in value:
            if key not in hints:
                raise self._unknown(f"{path}.{key}", hints, [f"{path}.{name}" for name in hints])
        needed = _needed(item_type)
        if set(needed) - value.keys():
            raise self._error(
                path, f"got {_typed(value)}, expected an object with {', '.join(sorted(needed))}"
            )
        values = {
            key: self.of_value(one, hints[key], f"{path}.{key}") for key, one in value.items()
        }
        return self._made(lambda: item_type(**values), f"{path}.")

    def _made(self, make: Callable[[], Any], path: str) -> Any:
        try:
            return make()
        except ValueError as error:  # of the dataclass's own checks
            raise InputError(f"{self._where}{path}{error}") from error

    def _unknown(self, path: str, here: Iterable[str], known: Sequence[str] = ()) -> InputError:
        """`known` are the paths of an item, which no other part of the config is meant for."""
        if path in self._fixed:
            return self._error(path, f"is fixed now, at {self._fixed[path]}; leave it out")
        meant = suggest(path, known or self._known)
        # `{"train.num_steps": 10}`: the path is right, but was written as one key.
        if meant and meant == path:
            inner, *outer = reversed(meant.split("."))
            nested = reduce(lambda text, key: f'{{"{key}": {text}}}', outer, f'{{"{inner}": ...}}')
            return self._error(shown(path), f"sections are objects of their own; write {nested}")
        hint = f", did you mean {meant}?" if meant else ";"
        return self._error(shown(path), f"unknown key{hint} known here: {', '.join(here)}")

    def _error(self, path: str, problem: str) -> InputError:
        return InputError(f"{self._where}{path}{': ' if path else ''}{problem}")


def _named(item_type: Any, value: object) -> object:
    """A text in the place of an object is its only field without a default."""
    needed = _needed(item_type)
    return {needed[0]: value} if isinstance(value, str) and len(needed) == 1 else value


def _needed(item_type: Any) -> list[str]:
    return [
        field.name
        for field in fields(item_type)
        if MISSING is field.default is field.default_factory
    ]


def _section(value: Any) -> dict[str, Any]:
    """The parts of a section by name; none of a plain value."""
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value if isinstance(value, dict) and all(map(is_dataclass, value.values())) else {}


def _paths(section: Any) -> Iterator[str]:
    for name, value in _section(section).items():
        yield name
        yield from (f"{name}.{inner}" for inner in _paths(value))


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


def _name(hint: Any) -> str:
    return str(getattr(hint, "__name__", hint))


def _typed(value: object) -> str:
    return redact(f"{shown(value)} ({type(value).__name__})")
