"""The changes of a champion as a log that several runs append to without a lock. Pure.

Each entry names the change that it builds on. Of two entries on the same one, the first counts and the other never
took effect; whoever reads the log sees the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Move:
    """One wish to change the champion."""

    number: int
    """Place in the log, from 1."""
    after: int
    """Number of the change that it builds on; 0 for the first."""
    version: str
    """Who is to be champion."""
    before: str
    """Who was; empty if nobody."""
    run_id: str
    finished: bool
    """Whether the alias followed; if not, the mover was cut off and the log is right."""


def effective(log: Iterable[Move]) -> list[Move]:
    """The moves that count, oldest first."""
    found: list[Move] = []
    for move in sorted(log, key=lambda move: move.number):
        if move.after == (found[-1].number if found else 0):
            found.append(move)
    return found
