"""JSON as a user gives it: overrides, conditions, the deployment file. What most readers pass over
is refused here.

Twice the same key, NaN and Infinity, numbers that overflow, a negative zero, half of a surrogate
pair, nesting without end: each would be taken for something that nobody meant, or end in a
traceback.
"""

import json
import math
from typing import Any, NamedTuple

from tasks.core.checks import shown
from tasks.core.errors import InputError

_MOST_CHARACTERS = 2**20
_MOST_DIGITS = 400
"""Beyond every limit of a configuration; Python itself refuses to show numbers of over 4,300."""


class _RefusedError(ValueError):
    """What is wrong, and at which key."""


class _Odd(NamedTuple):
    """A number that is none that can be worked with."""

    problem: str


class _Object(list[tuple[str, Any]]):
    """An object as it was written: a dict would drop keys that come twice."""


def read_object(
    text: str, what: str, expected: str, *, most_characters: int = _MOST_CHARACTERS
) -> dict[str, Any]:
    """The JSON object that `text` holds; `what` the text is and what was `expected` stand in the
    error.

    Raises:
        InputError: it holds none, or something that could be misunderstood; names the key.
    """
    if len(text) > most_characters:
        raise InputError(
            f"{what}: got {len(text)} characters, at most {most_characters} can be read; {expected}"
        )
    try:
        # What is odd is marked and not refused here: a hook is shown a number without its key.
        found = json.loads(
            text,
            object_pairs_hook=_Object,
            parse_int=_whole,
            parse_float=_number,
            parse_constant=_constant,
        )
        if isinstance(found, _Object):
            return _mapping(found, "")
    except _RefusedError as refused:
        raise InputError(f"{what}: {refused}") from refused
    except RecursionError as error:
        raise InputError(f"{what}: nested too deeply to be read; {expected}") from error
    except ValueError as error:
        raise InputError(
            f"{what}: cannot read {shown(text)} as JSON ({error}); {expected}"
        ) from error
    raise InputError(f"{what}: got {shown(text)}; {expected}")


def _plain(value: Any, path: str) -> Any:
    match value:
        case _Object():
            return _mapping(value, path)
        case list():
            return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
        case _Odd(problem):
            raise _RefusedError(f"{path}: got {problem}")
        case str():
            return _text(value, path)
    return value


def _mapping(pairs: _Object, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        place = f"{path}.{_text(key, path)}" if path else _text(key, "")
        place = place if place.isprintable() else shown(place)
        if key in found:
            raise _RefusedError(f"{shown(place)[1:-1]}: the key is given twice; leave one")
        found[key] = _plain(value, place)
    return found


def _text(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _RefusedError(
            f"{path or 'a key'}: {shown(text)} is no text in UTF-8 ({error.reason})"
        ) from error
    return text


def _whole(digits: str) -> int | _Odd:
    return (
        int(digits)
        if len(digits) <= _MOST_DIGITS
        else _Odd(f"a number of {len(digits)} digits: {shown(digits)}")
    )


def _number(text: str) -> float | _Odd:
    value = float(text)
    if not math.isfinite(value):
        return _Odd(f"{shown(text)}, which is too large a number")
    if value == 0 and math.copysign(1, value) < 0:
        return _Odd(f"{text}, a negative zero; write 0")
    return value


def _constant(name: str) -> _Odd:
    return _Odd(f"{name}, expected a number")
