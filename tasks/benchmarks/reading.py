"""What reading one answer in two ways finds."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tasks.core.types import Sample


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Scores in [0, 1], and whether there was an answer at all."""

    paper: float
    robust: float
    paper_parsed: bool
    robust_parsed: bool
    answer: str = ""
    """As the robust parser read it."""
    dropped: bool = False
    """The paper's script leaves such an answer out of its mean."""
    values: dict[str, float] = field(default_factory=dict)
    """See `Judged.values`."""


Reader = Callable[[Sample, str], Reading]
"""Reads a text as the answer to a sample; never raises, in time linear in the text's length."""
