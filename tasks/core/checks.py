"""Checks of configuration values: each failure is one ValueError with the field, what came and what
was expected.

Every number has a largest value. It is far beyond what anybody needs and says that somebody
mistyped, before a machine tries to start a hundred thousand processes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

MOST = 10**9
"""Of what has no closer limit: bytes, items, steps."""
_PATCH_PX = 32 * 32
"""Two by two patches of Qwen3-VL, which it takes together."""
_MOST_CHARACTERS = 1000
_MOST_NAMES = 1000
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True)
class Rule:
    """A property that a value must have, and how to say so."""

    holds: Callable[[Any], bool]
    expected: str


def check(config: object, rule: Rule, *names: str) -> None:
    """Check the named fields of `config`.

    Raises:
        ValueError: a field breaks the rule.
    """
    for name in names:
        value = getattr(config, name)
        if not rule.holds(value):
            raise ValueError(f"{name}: got {shown(value)}, expected {rule.expected}")


def shown(value: object) -> str:
    """`value` as one line of bounded length."""
    try:
        text = repr(value)
    except (ValueError, RecursionError) as error:  # of an integer with thousands of digits
        return f"a {type(value).__name__} that cannot be shown ({error})"
    return (
        text
        if len(text) <= _SHOWN_CHARACTERS
        else f"{text[:_SHOWN_CHARACTERS]}... ({len(text)} characters)"
    )


def at_least(minimum: float, field: str = "", *, most: float = MOST) -> Rule:
    """From `minimum`, which is the value of `field` if one is named, to `most`."""
    expected = f"at least {minimum}" + (f" ({field})" if field else "") + f", at most {most}"
    return Rule(lambda value: minimum <= value <= most, expected)


def above_zero(most: float = MOST) -> Rule:
    return Rule(lambda value: 0 < value <= most, f"a number above 0, at most {most}")


def between(minimum: float, maximum: float) -> Rule:
    """From `minimum` to `maximum`, both included."""
    return Rule(lambda value: minimum <= value <= maximum, f"a number from {minimum} to {maximum}")


def area_from(minimum: int) -> Rule:
    """An area that some frame of at least `minimum` pixels fits in: the model takes sides in
    multiples of 32."""
    # Rounded up: sides are multiples of 32, so areas are multiples of 32 * 32.
    least = -(-minimum // _PATCH_PX) * _PATCH_PX
    return Rule(
        lambda area: area >= least,
        f"at least {least}: the least area from {minimum} (min_area_px) with sides in multiples "
        "of 32",
    )


def one_of(*options: str) -> Rule:
    return Rule(lambda value: value in options, f"one of {', '.join(options)}")


def per_item_of(names: tuple[str, ...], field: str, *, most: int) -> Rule:
    """One count for each of `names`, the value of `field`."""
    return Rule(
        lambda counts: len(counts) == len(names) and min(counts) >= 0 < max(counts) <= most,
        f"{len(names)} counts, one for each of {field} ({', '.join(names)}), not all 0, each at "
        f"most {most}",
    )


def _is_name(text: object) -> bool:
    return (
        isinstance(text, str)
        and bool(text.strip())
        and text.isprintable()
        and len(text) <= _MOST_CHARACTERS
    )


def _are_names(names: Any) -> bool:
    return len(set(names)) == len(names) <= _MOST_NAMES and all(map(_is_name, names))


def _is_key(key: str) -> bool:
    return not key.startswith("/") and ".." not in PurePosixPath(key).parts


COUNT = at_least(1)
POSITIVE = above_zero()
SHARE = between(0, 1)
INNER_SHARE = Rule(lambda value: 0 < value < 1, "a share above 0 and below 1")
NAME = Rule(_is_name, f"a name of at most {_MOST_CHARACTERS} printable characters")
MODEL_NAME = Rule(
    lambda name: (
        0 < len(name) <= 200
        and name.isprintable()
        and not set("/:\\") & set(name)
        and not {"'", '"'} <= set(name)
        and name.strip(" .") == name
        # Where earlier versions kept the history of another model's champion.
        and not name.endswith("-champions")
    ),
    "a name that MLflow's registry takes: at most 200 printable characters, no / : or \\, no "
    "space or dot at its ends, not both kinds of quotes, and not ending in -champions",
)
NAMES = Rule(lambda names: len(names) > 0 and _are_names(names), "at least one name, each once")
PLACES = Rule(_are_names, f"at most {_MOST_NAMES} paths or beginnings of URIs, each once")
SHARES = Rule(
    lambda shares: all(map(_is_name, shares)) and all(map(SHARE.holds, shares.values())),
    "numbers from 0 to 1 by name",
)
NAMES_OR_NONE = Rule(_are_names, f"at most {_MOST_NAMES} names, each once")
KEYS = Rule(
    lambda keys: _are_names(keys) and all(map(_is_key, keys)),
    f"at most {_MOST_NAMES} keys below the data root (relative, without ..), each once",
)
LEVELS = Rule(
    lambda levels: (
        0 < len(levels) <= _MOST_NAMES
        and list(levels) == sorted(set(levels))
        and all(map(SHARE.holds, levels))
    ),
    f"at least one level, rising from 0 to 1, each once, at most {_MOST_NAMES}",
)
