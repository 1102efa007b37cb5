"""What reading one answer in two ways finds."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tasks.core.types import Sample


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Scores in [0, 1], and whether there was an answer at all."""

    paper: float = 0.0
    """As the paper's script reads the answer; 0 if it reads none."""
    robust: float = 0.0
    """Of what a person would read; 0 if there is nothing."""
    paper_parsed: bool = False
    robust_parsed: bool = False
    answer: str = ""
    """As the robust parser read it."""
    dropped: bool = False
    """Shown, but the paper's script leaves such an answer out of its mean."""
    values: dict[str, float] = field(default_factory=dict)
    """What further metrics are made of, by the paper's reading, e.g. {"first": 0.4}."""


Reader = Callable[[Sample, str], Reading]
"""Reads a text as the answer to a sample; never raises, in time linear in the text's length."""
