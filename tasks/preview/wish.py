"""Which samples somebody wants to look at."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
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


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What there is to show."""

    samples: tuple[Sample, ...]
    """Sorted by cell."""
    num_fitting: int
    """Also those beyond the limit."""


def choose(samples: Iterable[Sample], wish: Wish) -> Chosen:
    """Those that fit, drawn as `wish` says.

    Raises:
        InputError: none fits.
    """
    cells = Counter[tuple[str, str, float, str, bool]]()

    def fitting() -> Iterator[Sample]:
        for sample in samples:
            cells[*sample.cell, sample.split.value, wish.fits(sample)] += 1
            if wish.fits(sample):
                yield sample

    drawn = choose_in_turn(fitting(), wish.limit or sys.maxsize, wish.seed, "preview")
    if not drawn:
        found = [f"{pretext} {kind} {level:g} {split}" for pretext, kind, level, split, _ in sorted(cells)]
        listed = "; ".join(found[:_MOST_NAMED]) + ("; ..." if len(found) > _MOST_NAMED else "")
        total = cells.total()
        raise InputError(f"preview: none of {total} samples fits; there are (pretext kind level split) {listed}")
    in_order = sorted(drawn, key=lambda sample: (sample.cell, sample.split, sample.sample_id))
    return Chosen(samples=tuple(in_order), num_fitting=sum(n for (*_, fits), n in cells.items() if fits))
