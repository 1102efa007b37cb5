"""What a proof from pixels can end with."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Outcome of one proof."""

    PROVED = "proved"
    WRONG = "wrong"
    UNDECIDABLE = "undecidable"
    """The pixels fit more than one answer, the given one among them."""


@dataclass(frozen=True)
class Proof:
    """Verdict on one answer, with its reason unless proved."""

    verdict: Verdict
    detail: str = ""


def proved() -> Proof:
    return Proof(Verdict.PROVED)


def wrong(detail: str) -> Proof:
    return Proof(Verdict.WRONG, detail)


def undecidable(detail: str) -> Proof:
    return Proof(Verdict.UNDECIDABLE, detail)
