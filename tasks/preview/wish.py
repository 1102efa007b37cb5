"""Which samples somebody wants to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.core.checks import at_least, check
from tasks.core.choose import choose_in_turn
from tasks.core.errors import InputError
from tasks.core.types import Sample

_MOST_NAMED = 20
ANY_LEVEL = -1.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Empty texts fit everything."""

    pretext: str = ""
    kind: str = ""
    level: float = ANY_LEVEL
    split: str = ""
    limit: int = 24
    """Most samples, drawn from all cells in turn; 0 shows all."""
    seed: int = 0

    def __post_init__(self) -> None:
        check(self, at_least(0), "limit")

    def fits(self, sample: Sample) -> bool:
        wanted = ((self.pretext, sample.pretext), (self.kind, sample.kind), (self.split, sample.split.value))
        return all(wish in ("", found) for wish, found in wanted) and self.level in (ANY_LEVEL, sample.level)


def fitting_samples(samples: Sequence[Sample], wish: Wish) -> list[Sample]:
    """All samples that fit.

    Raises:
        InputError: there is none.
    """
    fitting = [sample for sample in samples if wish.fits(sample)]
    if not fitting:
        cells = sorted({f"{s.pretext} {s.kind} {s.level:g} {s.split.value}" for s in samples})
        listed = "; ".join(cells[:_MOST_NAMED]) + ("; ..." if len(cells) > _MOST_NAMED else "")
        raise InputError(
            f"preview: none of the {len(samples)} samples fits; there are (pretext kind level split) {listed}"
        )
    return fitting


def chosen_samples(fitting: Sequence[Sample], wish: Wish) -> list[Sample]:
    """Those to show, sorted by cell."""
    limit = wish.limit or len(fitting)
    return sorted(choose_in_turn(fitting, limit, wish.seed, "preview"), key=lambda s: (s.cell, s.split, s.sample_id))
