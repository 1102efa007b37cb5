"""From a user's words to the conditions of each benchmark: what changes for all of them, and what
for one."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasks.benchmarks.catalogue import BENCHMARKS
from tasks.benchmarks.conditions import Conditions
from tasks.core.errors import InputError
from tasks.core.overrides import changed
from tasks.core.strict_json import read_object

_EXPECTED = (
    'expected a JSON object such as {"max_frames": 32, "charades_sta": {"wording": '
    '"When is this: {question}"}}, or '
    "the path of a file that holds one"
)


def read_conditions(text: str, names: Sequence[str]) -> dict[str, Conditions]:
    """Of each benchmark of `names`: the paper's with what `text` changes for all, and under its own
    name for it alone.

    Raises:
        InputError: an unknown condition or benchmark, a value that cannot be, or one wording for
            benchmarks that ask differently.
    """
    given = read_object(_content(text), "conditions", _EXPECTED)
    # Names of benchmarks and of conditions share one object; none has another's name.
    own = {name: changes for name, changes in given.items() if name in BENCHMARKS}
    common = {name: value for name, value in given.items() if name not in own}
    for name, changes in own.items():
        if name not in names:
            raise InputError(
                f"conditions: {name} is not among the benchmarks that are asked "
                f"({', '.join(names)})"
            )
        if not isinstance(changes, Mapping):
            raise InputError(
                f"conditions of {name}: got {changes!r:.80}, expected a JSON object of conditions"
            )
    conditions = {name: _of_benchmark(name, common, own.get(name, {})) for name in names}
    _check_common_wording(common, own, names)
    return conditions


def _of_benchmark(name: str, common: Mapping[str, Any], own: Mapping[str, Any]) -> Conditions:
    where = f"conditions of {name}: " if own else "conditions: "
    return changed(BENCHMARKS[name].conditions, {**common, **own}, where, others=BENCHMARKS)


def _content(text: str) -> str:
    """Long words are easier to keep in a file than to quote for a shell."""
    if text.lstrip().startswith("{") or not text.strip():
        return text
    try:
        return Path(text).expanduser().read_text("utf-8")
    except (OSError, ValueError):
        return text


def _check_common_wording(
    common: Mapping[str, Any], own: Mapping[str, Any], names: Sequence[str]
) -> None:
    """One wording fits only benchmarks that are asked alike."""
    rest = [name for name in names if "wording" not in own.get(name, {})]
    if "wording" in common and len({BENCHMARKS[name].words.usual for name in rest}) > 1:
        example = json.dumps({rest[0]: {"wording": common["wording"]}})
        raise InputError(
            "conditions.wording: one text for benchmarks that ask differently "
            f"({', '.join(rest)}); give each its own, e.g. {example}"
        )
