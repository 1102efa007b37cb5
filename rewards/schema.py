"""The reward of any answer: one rule from the answer's type, so that a new question needs no reward
of its own.

An answer type is one of `rewards.answers`, or a frozen dataclass whose fields are answer types,
nested as deep as one likes; `Annotated[Interval, Weight(2)]` makes a field count double among its
neighbours. For example

    @dataclass(frozen=True)
    class Event:
        when: Annotated[Interval, Weight(2)]
        how_many: Counts

is written `2.0-4.5; 3` and earns 2/3 of the interval's overlap plus 1/3 of the count's closeness.

A schema is such a type as data: its parts in order, with weights that sum to 1. As text it can
stand in a manifest's row (`when:interval*0.6666666666666666,how_many:counts*0.3333333333333333`; a
bare `interval` for a plain answer), so whoever reads the row can reward answers without knowing the
Python type.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from math import isclose
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from rewards.answers import KIND_OF, Answer, AnswerKind
from rewards.parse import format_answer, parse_answer
from rewards.verify import verify, verify_strict

SEPARATOR = ";"
_PART = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*):([a-z]+)\*([0-9.e-]+)")


@dataclass(frozen=True)
class Weight:
    """How much a field counts, relative to its neighbours (1 unless annotated)."""

    value: float

    def __post_init__(self) -> None:
        if not 0 < self.value < float("inf"):
            raise ValueError(f"weight: got {self.value!r}, expected a number above 0")


@dataclass(frozen=True)
class AnswerPart:
    """One plain answer inside an answer."""

    name: str
    """Path of field names, joined by dots; empty for a plain answer."""
    kind: AnswerKind
    weight: float
    """Share of the whole reward."""


Schema = tuple[AnswerPart, ...]


@dataclass(frozen=True)
class Reward:
    """What one text earns."""

    total: float
    """Weighted sum of the parts' smooth rewards, in [0, 1]."""
    strict: float
    """1 if every part is exactly right, else 0."""
    parsed: bool
    """Every part has the official format."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Smooth reward by part; empty for a plain answer."""


def schema_of(answer_type: type) -> Schema:
    """The schema of an answer type.

    Raises:
        TypeError: it is neither an answer type nor a frozen dataclass of them, or words stand
            before another part.
    """
    schema = tuple(_parts(answer_type, "", 1.0))
    early_text = [part.name for part in schema[:-1] if part.kind is AnswerKind.TEXT]
    if early_text:
        raise TypeError(
            f"{answer_type.__name__}: words may contain the separator, so "
            f"{early_text[0]!r} must come last"
        )
    return schema


def write_schema(schema: Schema) -> str:
    """As text, for a manifest."""
    if [part.name for part in schema] == [""]:
        return schema[0].kind.value
    # `repr` of a float is read back as the same float: a schema survives being a text.
    return ",".join(f"{part.name}:{part.kind}*{part.weight!r}" for part in schema)


def read_schema(text: str) -> Schema:
    """Back from text.

    Raises:
        ValueError: it is no schema.
    """
    if text in set(AnswerKind):
        return (AnswerPart("", AnswerKind(text), 1.0),)
    matches = [_PART.fullmatch(part) for part in text.split(",")]
    if not all(matches) or any(match[2] not in set(AnswerKind) for match in matches if match):
        kinds = ", ".join(AnswerKind)
        raise ValueError(
            f"answer schema: got {text!r:.200}, expected one of {kinds}, or name:kind*weight "
            "joined by commas"
        )
    parts = tuple(
        AnswerPart(match[1], AnswerKind(match[2]), float(match[3])) for match in matches if match
    )
    if not all(0 < part.weight <= 1 for part in parts) or not isclose(
        sum(part.weight for part in parts), 1
    ):
        raise ValueError(
            f"answer schema: got {text!r:.200}, expected weights above 0 that sum to 1"
        )
    return parts


def write_answer(answer: Any) -> str:
    """The canonical text of an answer of any type: its plain answers in order, joined by "; "."""
    return f"{SEPARATOR} ".join(format_answer(leaf) for leaf in _leaves(answer))


def canonical_answer(text: str, schema: Schema) -> str | None:
    """`text` in the format that `write_answer` has, or None if it misses the official one."""
    answers = _read(text, schema)
    written = [format_answer(answer) for answer in answers if answer is not None]
    return f"{SEPARATOR} ".join(written) if len(written) == len(schema) else None


def right_answers(truth: str, schema: Schema) -> tuple[Answer, ...]:
    """The plain answers of a written truth, in order.

    Raises:
        ValueError: it misses the format.
    """
    answers = [answer for answer in _read(truth, schema) if answer is not None]
    if len(answers) < len(schema):
        raise ValueError(f"the truth {truth!r} misses the format {write_schema(schema)}")
    return tuple(answers)


def score(text: str, truth: str, schema: Schema) -> Reward:
    """Reward `text` against the written truth. Never raises on any `text`.

    Raises:
        ValueError: the truth itself misses the format.
    """
    right, said = right_answers(truth, schema), _read(text, schema)
    pairs = list(zip(said, right, strict=True))
    smooth = [verify(predicted, answer) for predicted, answer in pairs]
    strict = all(verify_strict(predicted, answer) for predicted, answer in pairs)
    total = sum(part.weight * value for part, value in zip(schema, smooth, strict=True))
    # Weights sum to 1 up to rounding only, but the truth must earn exactly 1 and nothing more.
    return Reward(
        total=1.0 if strict else min(total, 1.0),
        strict=float(strict),
        parsed=None not in said,
        parts={part.name: value for part, value in zip(schema, smooth, strict=True) if part.name},
    )


def _parts(answer_type: Any, name: str, share: float) -> list[AnswerPart]:
    if answer_type in KIND_OF:
        return [AnswerPart(name, KIND_OF[answer_type], share)]
    if not _is_frozen_dataclass(answer_type):
        known = ", ".join(kind.__name__ for kind in KIND_OF)
        raise TypeError(
            f"answer type: got {answer_type!r}, expected {known} or a frozen dataclass of them"
        )
    hints = get_type_hints(answer_type, include_extras=True)
    weighted = [(f.name, *_weighed(hints[f.name])) for f in fields(answer_type)]
    total = sum(weight for _, _, weight in weighted)
    prefix = f"{name}." if name else ""
    return [
        part
        for inner, inner_type, weight in weighted
        for part in _parts(inner_type, f"{prefix}{inner}", share * weight / total)
    ]


def _is_frozen_dataclass(answer_type: Any) -> bool:
    if not (isinstance(answer_type, type) and is_dataclass(answer_type) and fields(answer_type)):
        return False
    return bool(getattr(answer_type, "__dataclass_params__").frozen)  # noqa: B009 - mypy knows no such attribute


def _weighed(hint: Any) -> tuple[Any, float]:
    if get_origin(hint) is not Annotated:
        return hint, 1.0
    inner, *notes = get_args(hint)
    return inner, next((note.value for note in notes if isinstance(note, Weight)), 1.0)


def _leaves(answer: Any) -> list[Answer]:
    if type(answer) in KIND_OF:
        return [answer]
    return [leaf for f in fields(answer) for leaf in _leaves(getattr(answer, f.name))]


def _read(text: str, schema: Schema) -> list[Answer | None]:
    return [
        parse_answer(piece, part.kind)
        for piece, part in zip(_pieces(text, schema), schema, strict=True)
    ]


def _pieces(text: str, schema: Schema) -> list[str]:
    """As many pieces as parts; a text with another number of separators has none that can be
    read."""
    if len(schema) == 1:
        return [text]
    takes_rest = schema[-1].kind is AnswerKind.TEXT
    pieces = text.split(SEPARATOR, len(schema) - 1) if takes_rest else text.split(SEPARATOR)
    return pieces if len(pieces) == len(schema) else [""] * len(schema)
