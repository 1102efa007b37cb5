"""Rewards of fixed answers to fixed truths of every kind, among them answers that miss the
format."""

import random
from collections.abc import Sequence
from pathlib import Path

from tests.records.product.data import canonical, reward

_TRUTHS = {
    "interval": ("2.0-4.5", "0.0-0.5", "12.5-18.8", "3.0-3.0"),
    "counts": ("2,1,3", "1,1,1", "16,4,1", "0,2"),
    "permutation": ("213", "341562", "987654321", "1"),
    "choice": ("A", "C"),
    "number": ("2.5", "-3", "0", "1000"),
    "text": ("a red car", "The door opens.", "Ärger im Büro"),
    "when:interval*0.6666666666666666,how_many:counts*0.3333333333333333": (
        "2.0-4.5; 3",
        "1.0-9.0; 0",
    ),
    "order:permutation*0.5,why:text*0.5": ("312; it rains; hard", "21; so"),
}
_ANYWHERE = (
    *(
        "",
        " ",
        "-",
        ";",
        "None",
        "I do not know.",
        "2",
        "B",
        "(C)",
        "a",
        "A. a red car",
        "0",
        "-0",
        "1e3",
        "2.5.1",
    ),
    *(
        "2.0-4.5",
        "4.5-2.0",
        "2.0 - 4.5",
        "2-4.5 s",
        "from 2.0 to 4.5 seconds",
        "between 2 and 5",
        "2.0–4.5",
        "1.0-9.0",
    ),
    *(
        "2,1,3",
        "2, 1, 3",
        "2;1;3",
        "2,1",
        "3,1,2",
        "circles 2, squares 1, triangles 3",
        "2,1,3.",
        "٢,1,3",
        "9" * 12,
    ),
    *(
        "213",
        "2 1 3",
        "2,1,3,",
        "123",
        "341562",
        "341652",
        "2213",
        "112",
        "order: 3, 4, 1, 5, 6, 2",
        "987654312",
    ),
    *(
        "a red car",
        "A RED CAR!",
        "red",
        "car red a",
        "the car",
        "Arger im Buro",
        "ärger im büro",
        "door the opens",
    ),
    *(
        "2.0-4.5; 3",
        "2.0-4.5;2",
        "2.0-4.5",
        "2.0-3.0; 3; 1",
        "312; it rains",
        "21; SO.",
        "; ",
        "1.0-4.0; many",
    ),
    *(
        "<think>2.0-3.0</think>2.0-4.5",
        "The answer is B because A is wrong.",
        "2.0-4.5\n",
        "\t213 ",
        "x" * 300,
    ),
)
_NUM_DRAWN = 30


def rewards(seed: int, folder: Path) -> object:
    """By kind and truth: what each text earns. The seed draws further texts near the truth."""
    return {
        kind: {truth: _earned([*_ANYWHERE, *_drawn(truth, seed)], truth, kind) for truth in truths}
        for kind, truths in _TRUTHS.items()
    }


def _earned(texts: Sequence[str], truth: str, kind: str) -> dict[str, str]:
    """What earns something or can be read; the texts that are worth nothing are counted."""
    lines = {text: _line(text, truth, kind) for text in texts}
    worthless = "0.0 strict 0.0 unread"
    listed = {text[:40]: line for text, line in lines.items() if line != worthless}
    return listed | {"(worth nothing)": str(len(lines) - len(listed))}


def _line(text: str, truth: str, kind: str) -> str:
    found = reward(text, truth, kind)
    parts = "".join(f" {name} {value!r}" for name, value in found.parts.items())
    read = f"read {canonical(text, kind)}" if found.parsed else "unread"
    return f"{found.total!r}{parts} strict {found.strict!r} {read}"


def _drawn(truth: str, seed: int) -> list[str]:
    """The truth with a character changed, left out or doubled."""
    rng = random.Random(f"{truth} {seed}")
    found = []
    for _ in range(_NUM_DRAWN):
        place, character = rng.randrange(len(truth)), rng.choice("0123456789.,-; aBC")
        changed = rng.choice(("", character, truth[place] * 2))
        found.append(truth[:place] + changed + truth[place + 1 :])
    return found
