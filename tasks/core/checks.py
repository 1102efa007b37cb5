"""Checks of configuration values: each failure is one ValueError with the field, what came and what was expected."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


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
            raise ValueError(f"{name}: got {value!r}, expected {rule.expected}")


def at_least(minimum: float, field: str = "") -> Rule:
    """No less than `minimum`, which is the value of `field` if one is named."""
    expected = f"at least {minimum}" + (f" ({field})" if field else "")
    return Rule(lambda value: minimum <= value < math.inf, expected)


def between(minimum: float, maximum: float) -> Rule:
    """From `minimum` to `maximum`, both included."""
    return Rule(lambda value: minimum <= value <= maximum, f"a number from {minimum} to {maximum}")


def one_of(*options: str) -> Rule:
    return Rule(lambda value: value in options, f"one of {', '.join(options)}")


def some_of(*options: str) -> Rule:
    """At least one of `options`, each once."""
    return Rule(
        lambda names: len(names) > 0 and len(set(names)) == len(names) and set(names) <= set(options),
        f"at least one of {', '.join(options)}, each once",
    )


def shares_of(*options: str) -> Rule:
    """Shares by some of `options`, or none."""
    return Rule(
        lambda shares: set(shares) <= set(options) and all(0 <= share <= 1 for share in shares.values()),
        f"numbers from 0 to 1 by name, of {', '.join(options)}",
    )


def per_item_of(names: tuple[str, ...], field: str) -> Rule:
    """One count for each of `names`, the value of `field`."""
    return Rule(
        lambda counts: len(counts) == len(names) and min(counts) >= 0 < max(counts),
        f"{len(names)} counts, one for each of {field} ({', '.join(names)}), not all 0",
    )


COUNT = at_least(1)
POSITIVE = Rule(lambda value: 0 < value < math.inf, "a number above 0")
SHARE = between(0, 1)
INNER_SHARE = Rule(lambda value: 0 < value < 1, "a share above 0 and below 1")
EDGE_SHARE = Rule(lambda value: 0 <= value < 0.5, "a share from 0 to below 0.5 (both ends are cut)")
NAME = Rule(lambda name: bool(name.strip()), "a name")
MODEL_NAME = Rule(
    lambda name: (
        0 < len(name) <= 200
        and name.isprintable()
        and not set("/:\\") & set(name)
        and not {"'", '"'} <= set(name)
        and name.strip(" .") == name
        and not name.endswith("-champions")
    ),
    "a name that MLflow's registry takes: at most 200 printable characters, no / : or \\, no space or dot at its ends, "
    "not both kinds of quotes, and not ending in -champions",
)
NAMES = Rule(
    lambda names: len(names) > 0 and len(set(names)) == len(names) and all(names), "at least one name, each once"
)
LEVELS = Rule(
    lambda levels: len(levels) > 0 and list(levels) == sorted(set(levels)) and all(map(SHARE.holds, levels)),
    "at least one level, rising from 0 to 1, each once",
)
